import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from quotad.monitoring.dashboard import COLUMNS, dashboard

register_default_plugins()


def lost(mine: Any, theirs: Any, path: str = "") -> list[str]:
    """Where something of ``mine`` is not in ``theirs``; they may say more."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return [each for key in mine for each in lost(mine[key], theirs.get(key), f"{path}/{key}")]
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        pairs = enumerate(zip(mine, theirs, strict=True))
        return [each for index, pair in pairs for each in lost(*pair, f"{path}/{index}")]
    return [] if mine == theirs else [path]


def test_grafana_knows_every_field() -> None:
    """Read and written by Grafana's own model, nothing of the dashboard is lost or changed."""
    mine = dashboard()
    theirs = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard())))
    assert not lost(mine, theirs)


def test_a_field_that_grafana_does_not_know_would_be_seen() -> None:
    """The check above can fail."""
    mine = {**dashboard(), "surprise": 1}
    theirs = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dict(mine))))
    assert lost(mine, theirs) == ["/surprise"]


def test_panels_have_numbers_and_places_of_their_own() -> None:
    """No two share an id or a place, and none stands out at the right."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert taken.isdisjoint(cells), panel["title"]
        assert place["x"] + place["w"] <= COLUMNS
        taken |= cells


@pytest.mark.parametrize("name", ["job", "instance", "service", "plan"])
def test_what_is_chosen_is_asked_for(name: str) -> None:
    """Each list to choose from is used by queries, and lets everything through at first."""
    board = dashboard()
    assert f"${name}" in json.dumps(board["panels"])
    (variable,) = [each for each in board["templating"]["list"] if each["name"] == name]
    assert variable["allValue"] == ".*"
