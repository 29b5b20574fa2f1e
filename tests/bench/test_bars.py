"""Bars as pictures."""

from xml.etree import ElementTree as ET

from bench.bars import LABEL, VALUE, WIDTH, Bar, svg


def rectangles(picture: str) -> list[float]:
    """Their widths, in order."""
    return [
        float(element.attrib["width"])
        for element in ET.fromstring(picture).iter()
        if "width" in element.attrib
    ]


def test_the_shortest_bar_comes_first_and_its_second_part_behind_it() -> None:
    """Widths are to scale; the longest takes all the room."""
    picture = svg("CPU & more", "of <all>", [Bar("slow", 30, 10, ours=False), Bar("fast", 20, 0, ours=True)])
    room = WIDTH - LABEL - VALUE
    assert rectangles(picture) == [room / 2, 0, room * 3 / 4, room / 4]


def test_a_bar_far_longer_than_the_others_is_cut_and_says_so() -> None:
    """Else all others would look alike."""
    picture = svg("t", "w", [Bar("a", 10, 0, ours=True), Bar("b", 1_000, 0, ours=False)])
    assert "1000.0 (cut)" in picture
