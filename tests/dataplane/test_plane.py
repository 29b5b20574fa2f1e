"""What the connections of a listener share."""

from tests.support.backends import running_backend
from tests.support.dataplane import route, running_plane
from tests.support.rawhttp import get, raw


async def test_request_ids() -> None:
    """Each request has an id of its own, the same for caller and backend; another process's differ."""
    async with running_backend() as backend:
        ids = []
        for _ in range(2):
            async with running_plane(route(backend.port)) as plane, raw(plane.port) as caller:
                await caller.send(get(), get(), b"nonsense\r\n\r\n")
                answers = [await caller.answer() for _ in range(3)]
                ids += [answer.values(b"x-request-id")[0] for answer in answers]
                assert [outcome.request_id.encode() for outcome in plane.outcomes.all] == ids[-3:]
        assert len(set(ids)) == 6
        assert [seen.values(b"x-request-id")[0] for seen in backend.seen] == [*ids[:2], *ids[3:5]]


async def test_request_ids_follow_each_other() -> None:
    """Each is the prefix and the next number, eight digits or more, also where all of them change."""
    async with running_backend() as backend, running_plane(route(backend.port)) as running:
        plane = running.listener._plane
        assert plane is not None
        for before in (0, 0xFE, 0xFFFF, 0xFFFF_FFFF):
            plane.requests = before
            expected = [f"{plane.id_prefix}{before + number:08x}" for number in (1, 2, 3)]
            assert [plane.next_id() for _ in expected] == expected
