from quotad.config.model import Tracing
from quotad.core.outcome import Outcome
from quotad.core.trace import Trace
from quotad.dataplane.sampling import Sampler
from tests.support.backends import running_backend
from tests.support.dataplane import route, running_plane
from tests.support.rawhttp import get, raw

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=1\r\n".encode()


def begun(sampler: Sampler, trace: Trace | None = None) -> Outcome:
    """What was decided of one request."""
    outcome = Outcome(0.0)
    sampler.begin(trace, outcome)
    return outcome


def test_who_is_recorded() -> None:
    """Of those with a trace the ones that their sender records; of all others one in so many."""
    sampler = Sampler(Tracing("http://collector", one_in=3))
    recorded = begun(sampler, Trace(TRACE, PARENT, True, b""))
    assert (recorded.parent_id, len(recorded.span_id)) == (PARENT, 16)
    assert not begun(sampler, Trace(TRACE, PARENT, False, b"")).span_id
    outcomes = [begun(sampler) for _ in range(6)]
    assert [bool(each.span_id) for each in outcomes] == [False, False, True, False, False, True]
    assert len({each.trace_id for each in outcomes if each.span_id}) == 2
    assert {len(each.trace_id) for each in outcomes if each.span_id} == {32}
    assert not outcomes[2].parent_id
    sampler.rules = Tracing("http://collector", follow=False)
    assert not begun(sampler, Trace(TRACE, PARENT, True, b"")).span_id
    assert not any(begun(sampler).span_id for _ in range(6))


async def test_a_recorded_request_is_the_parent_of_what_the_backend_does() -> None:
    """The backend sees our span in the same trace, or in one of ours; all else goes on untouched."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        assert plane.listener.plane is not None
        plane.listener.plane.sampler = Sampler(Tracing("http://collector", one_in=2))
        async with raw(plane.port) as client:
            for extra in (SENT, b"", b"", SENT.replace(b"-01\r", b"-00\r")):
                await client.send(get(extra=extra))
                assert (await client.answer()).status == 200
        await plane.outcomes.until(4)
        followed, unrecorded, own, passed = plane.outcomes.all
        seen = [each.values(b"traceparent") for each in backend.seen]
        assert seen[0] == [f"00-{TRACE}-{followed.span_id}-01".encode()]
        assert backend.seen[0].values(b"tracestate") == [b"a=1"]
        assert (followed.trace_id, followed.parent_id) == (TRACE, PARENT)
        assert (seen[1], unrecorded.span_id) == ([], "")
        assert seen[2] == [f"00-{own.trace_id}-{own.span_id}-01".encode()]
        assert seen[3] == [f"00-{TRACE}-{PARENT}-00".encode()]
        assert (passed.trace_id, passed.span_id) == (TRACE, "")
