import hiredis

from quotad.core.plans import Subject, UsagePlan
from quotad.core.quota import Call, DayNumbers, Limits, Terms, Windows
from quotad.store import codec
from quotad.store.payload import PayloadBuilder
from quotad.store.resp import bulk

SHA = b"0123456789" * 4
WINDOWS = Windows(0, 86_400, 172_800, 0, 2_678_400, 5_097_600)


def subject(number: int) -> Subject:
    """One of several Subjects."""
    return Subject(UsagePlan(f"usagePlan-{number:08d}", "name"), "service-aaaaaaaa", "release")


def terms(day: int) -> Terms:
    """A plan's Terms, an object of its own each time."""
    return Terms(Limits(0, -1, -1, day, -1, -1), WINDOWS, False, False)


def call(number: int, of: Terms) -> Call:
    """One Subject's Call."""
    return Call(subject(number), of, 1, 0, number, DayNumbers(), DayNumbers())


def sent(payload: bytes) -> list[bytes]:
    """The one command in a payload, as a server reads it."""
    reader = hiredis.Reader(notEnoughData=None)
    reader.feed(payload)
    command = reader.gets()
    assert isinstance(command, list)
    assert reader.gets() is None
    return command


def test_a_call_of_several_subjects() -> None:
    """Keys in pairs, then sidecar, batch, each plan's Terms once, and the Calls that name them by place."""
    builder = PayloadBuilder("ns", b"sidecar1", 60_000_000)
    shared, other = terms(5), terms(6)
    calls = [call(1, shared), call(2, other), call(3, shared)]
    command = sent(builder.decide(SHA, calls, [builder.keys(each.subject) for each in calls]))
    assert command[:3] == [b"EVALSHA", SHA, b"6"]
    assert command[3:9] == [key for each in calls for key in codec_keys(each.subject)]
    assert command[9:11] == [b"sidecar1", codec.pack_batch(60_000_000, 2)]
    assert command[11:13] == [codec.pack_terms(shared), codec.pack_terms(other)]
    assert command[13:] == [
        codec.pack_call(1, calls[0]),
        codec.pack_call(2, calls[1]),
        codec.pack_call(1, calls[2]),
    ]


def codec_keys(of: Subject) -> tuple[bytes, bytes]:
    """A Subject's two keys."""
    tag = of.tag.encode()
    return b"ns:{" + tag + b"}:s", b"ns:{" + tag + b"}:t"


def test_usage_has_keys_only() -> None:
    """Reading needs no arguments."""
    builder = PayloadBuilder("ns", b"sidecar1", 1)
    command = sent(builder.read(SHA, [subject(1), subject(2)]))
    assert command == [b"EVALSHA", SHA, b"4", *codec_keys(subject(1)), *codec_keys(subject(2))]


def test_what_is_kept_belongs_to_the_object() -> None:
    """Objects that come and go at the same address never get each other's bytes."""
    builder = PayloadBuilder("ns", b"sidecar1", 1)
    for number in range(500):
        one = call(number, terms(number))
        command = sent(builder.decide(SHA, [one], [builder.keys(one.subject)]))
        assert command[3:5] == [*codec_keys(subject(number))]
        assert command[7] == codec.pack_terms(terms(number))


def test_keys_are_known_by_the_tag() -> None:
    """Subjects with the same tag have the same keys; others, however many came before, have their own."""
    builder = PayloadBuilder("ns", b"sidecar1", 1)
    first = builder.keys(subject(1))
    assert builder.keys(subject(1)) is first
    assert builder.keys(subject(2)) == b"".join(bulk(key) for key in codec_keys(subject(2)))
