"""What goes on to a backend, and which backend."""

from collections.abc import Callable

import pytest

from quotad.config.model import AuthRules
from tests.support.backends import OK, Backend, Seen, running_backend
from tests.support.dataplane import route, running_plane
from tests.support.echoing import exchange
from tests.support.rawhttp import get, post, raw


async def test_what_goes_on() -> None:
    """Lines go on as they came, in their order; hop-by-hop, forged and named ones and credentials do not."""
    sent = (
        b"X-First: 1\r\nAccept: a\r\nConnection: X-Named, Host, Content-Length, X-Quotad-Plan-Id, close\r\n"
        b"X-Named: gone\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: close\r\n"
        b"Proxy-Authorization: x\r\nX-Quotad-Plan-Id: forged\r\nx_quotad_secret_id: forged\r\n"
        b"X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_Proto: https\r\nForwarded: for=6.6.6.6\r\n"
        b"X-Request-Id: theirs\r\naccept: b\r\nAuthorization: Bearer theirs\r\nX-Last:  two  spaces \r\n"
    )
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        _, answers = await exchange(plane, [get("/a?b=%2F", sent)], 1)
        seen = backend.seen[0]
        request_id = answers[0].values(b"x-request-id")[0]
    assert seen.head == (
        b"GET /a?b=%2F HTTP/1.1\r\nHost: example.test\r\nX-First: 1\r\nAccept: a\r\naccept: b\r\n"
        b"X-Last:  two  spaces \r\nAuthorization: Bearer theirs\r\nX-Forwarded-Host: example.test\r\n"
        b"Via: 1.1 quotad\r\nX-Quotad-Secret-Id: AKIDtest\r\nX-Quotad-Plan-Id: usagePlan-test\r\n"
        b"X-Quotad-Environment: release\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
        b"Forwarded: for=127.0.0.1;proto=http\r\n"
        b"X-Request-Id: " + request_id + b"\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("rules", "sent", "expected"),
    [
        (AuthRules(), b"", []),
        (AuthRules(pass_credentials=True), b"", [b"x-secret-id", b"x-secret-key"]),
        (AuthRules(key_pair=False), b"Authorization: Basic QUtJRHRlc3Q6c2VjcmV0LWtleS1vZi1hLXRlc3Q=\r\n", []),
        (AuthRules(), b"Authorization: Basic dGhlaXJzOnRoZWlycw==\r\n", [b"authorization"]),
    ],
    ids=["removed", "passed", "basic-is-ours", "basic-is-theirs"],
)
async def test_credentials(rules: AuthRules, sent: bytes, expected: list[bytes]) -> None:
    """Credentials that were for us stay here; Authorization that is the backend's goes on."""
    async with running_backend() as backend, running_plane(route(backend.port, auth=rules)) as plane:
        _, answers = await exchange(plane, [get("/", sent)], 1)
        assert answers[0].status == 200
        names = [line.partition(b":")[0].lower() for line in backend.seen[0].head.split(b"\r\n")]
    assert [name for name in names if name in (b"authorization", b"x-secret-id", b"x-secret-key")] == expected


async def test_strip_prefix_and_host_by_rule() -> None:
    """A route may strip its prefix and name its backend in Host; the rest of the path goes byte for byte."""
    async with running_backend() as backend:
        rule = route(backend.port, path_prefix="/api", strip_prefix=True, host_header="upstream")
        async with running_plane(rule) as plane:
            targets = ["/api", "/api?x", "/api/%61//b", "/apix", "/api/../x", "//api/x"]
            _, answers = await exchange(plane, [get(target) for target in targets], 6)
            assert [answer.status for answer in answers] == [200, 200, 200, 404, 400, 400]
            lines = [seen.line.split(b" ")[1] for seen in backend.seen]
            assert lines == [b"/", b"/?x", b"/%61//b"]
            assert backend.seen[0].values(b"host") == [b"127.0.0.1:%d" % backend.port]
            assert backend.seen[0].values(b"x-forwarded-host") == [b"example.test"]


def closing_after_first(backend: Backend) -> Callable[[Seen], bytes | None]:
    """Keeps each connection open after its first answer, and closes it at its second request."""

    def reply(seen: Seen) -> bytes | None:
        before = [each for each in backend.seen if each.connection == seen.connection]
        return OK if len(before) == 1 else None

    return reply


@pytest.mark.parametrize(
    ("request_bytes", "status", "tries"),
    [
        (get("/again"), 200, 3),
        (post(b"body"), 502, 2),
        (get("/again", b"Content-Length: 2\r\n") + b"ab", 200, 3),
    ],
    ids=["get", "post", "get-with-body"],
)
async def test_one_retry_on_a_stale_connection(request_bytes: bytes, status: int, tries: int) -> None:
    """A kept connection that turns out closed costs an idempotent request nothing, and counts once."""
    async with running_backend() as backend:
        backend.reply = closing_after_first(backend)
        async with running_plane(route(backend.port)) as plane, raw(plane.port) as caller:
            await caller.send(get("/first"))
            assert (await caller.answer()).status == 200
            await caller.send(request_bytes)
            assert (await caller.answer()).status == status
            assert len(backend.seen) == tries
            assert plane.gate.counted == [True, True]


async def test_a_fresh_connection_is_not_retried() -> None:
    """A backend that closes a new connection without an answer is asked once."""
    async with (
        running_backend(lambda seen: None) as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as caller,
    ):
        await caller.send(get())
        assert (await caller.answer()).status == 502
        assert len(backend.seen) == 1


async def test_the_next_backend_serves_when_one_is_away() -> None:
    """With several backends, one that takes no connection costs nobody an answer."""
    async with running_backend() as backend:
        both = route(backend.port)
        away = route(1).upstreams
        async with (
            running_plane(route(backend.port, upstreams=(*away, *both.upstreams))) as plane,
            raw(plane.port) as caller,
        ):
            await caller.send(get(), get(), get())
            assert [(await caller.answer()).status for _ in range(3)] == [200] * 3


TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = b"00-%b-00f067aa0ba902b7-01" % TRACE


async def test_a_trace_goes_on() -> None:
    """What is valid reaches the backend as it came, and the access log; what is not reaches neither."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        async with raw(plane.port) as client:
            state = b"TraceState: a=1\r\ntracestate: b=2\r\n"
            await client.send(get(extra=b"Traceparent: %b\r\n%b" % (PARENT, state)))
            assert (await client.answer()).status == 200
            await client.send(get(extra=b"traceparent: 00-%b-1-01\r\n%b" % (TRACE, state)))
            assert (await client.answer()).status == 200
            hidden = b"traceparent: %b\r\nConnection: traceparent\r\n" % PARENT
            await client.send(get(extra=hidden))
            assert (await client.answer()).status == 200
        first, second, third = backend.seen
        assert first.values(b"traceparent") == [PARENT]
        assert first.values(b"tracestate") == [b"a=1", b"b=2"]
        for seen in (second, third):
            assert seen.values(b"traceparent") + seen.values(b"tracestate") == []
        await plane.outcomes.until(3)
        assert [each.trace_id for each in plane.outcomes.all] == [TRACE.decode(), "", ""]
