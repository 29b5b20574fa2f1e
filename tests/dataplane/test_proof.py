import asyncio
import contextlib
from dataclasses import replace
from hashlib import blake2b

import pytest

from quotad.client.caller import KeyPair
from quotad.config.model import AuthFailureRule, AuthRules, SignatureRules
from quotad.dataplane.nonces import NonceTable, Tell
from quotad.dataplane.own_use import OwnUse
from tests.support.backends import running_backend
from tests.support.dataplane import LISTEN, Plane, route, running_plane, until
from tests.support.rawhttp import SECRET_ID, get, raw
from tests.support.samples import FixedReader
from tests.support.signed import signed_request

FLEET = AuthRules(signature_rules=SignatureRules(replay="fleet"))
BODY = b"x" * 1000


def streaming(check_bytes: int = 0) -> AuthRules:
    """Rules under which a body longer than this is checked as it passes."""
    return AuthRules(signature_rules=SignatureRules(check_body_bytes=check_bytes))


async def refusal(port: int, request: bytes) -> tuple[int, str]:
    """Status and type of the answer to a request on a connection of its own."""
    async with raw(port) as client:
        await client.send(request)
        answer = await client.answer()
        return answer.status, answer.body.decode().partition("problem:")[2].partition('"')[0]


@pytest.mark.parametrize("body", [None, b"", b"some bytes"])
async def test_a_signed_request_passes(body: bytes | None) -> None:
    """It is forwarded with its body and its digest, without the signature, in the caller's name."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        async with raw(plane.port) as client:
            await client.send(signed_request("POST", "/a?b=%2F", body))
            assert (await client.answer()).status == 200
        (seen,) = backend.seen
        assert seen.payload == (body or b"")
        assert seen.values(b"x-quotad-secret-id") == [SECRET_ID.encode()]
        assert len(seen.values(b"content-digest")) == (body is not None)
        assert not seen.values(b"signature") + seen.values(b"signature-input")
        assert plane.gate.counted == [True]


async def test_what_goes_on_where_the_form_is_off() -> None:
    """A signature that is the backend's goes on as it came; so does ours where the route says so."""
    off = AuthRules(signature=False)
    async with running_backend() as backend, running_plane(route(backend.port, auth=off)) as plane:
        assert await refusal(plane.port, signed_request()) == (401, "hmac-missing")
        async with raw(plane.port) as client:
            await client.send(get(extra=b"Signature: a=:AA==:\r\nSignature-Input: a=()\r\n"))
            assert (await client.answer()).status == 200
        assert backend.seen[0].values(b"signature-input") == [b"a=()"]
    passing = AuthRules(pass_credentials=True)
    async with running_backend() as backend, running_plane(route(backend.port, auth=passing)) as plane:
        async with raw(plane.port) as client:
            await client.send(signed_request())
            assert (await client.answer()).status == 200
        assert len(backend.seen[0].values(b"signature")) == 1


async def test_a_changed_request_is_refused() -> None:
    """One byte of method, target or host makes a signature wrong, and costs nobody anything."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        for old, new in (
            (b"GET /a?b", b"PUT /a?b"),
            (b"/a?b ", b"/a?c "),
            (b"/a?b ", b"/A?b "),
            (b"Host: e", b"Host: f"),
        ):
            request = signed_request("GET", "/a?b").replace(old, new, 1)
            assert await refusal(plane.port, request) == (401, "signature-unverified")
        assert not backend.seen
        assert plane.gate.asked == 0


async def test_a_replay_is_refused() -> None:
    """The same signature passes once in this process; another nonce passes."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        request = signed_request(nonce="once")
        async with raw(plane.port) as client:
            await client.send(request, signed_request(nonce="twice"))
            assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert await refusal(plane.port, request) == (401, "signature-replayed")
        assert len(backend.seen) == 2


async def test_without_a_guard_it_may_come_again() -> None:
    """``replay: off`` asks for no nonce and remembers none."""
    off = AuthRules(signature_rules=SignatureRules(replay="off"))
    async with (
        running_backend() as backend,
        running_plane(route(backend.port, auth=off)) as plane,
        raw(plane.port) as client,
    ):
        request = signed_request(nonce="often")
        await client.send(request, request)
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]


class Fleet:
    """Nonces of a fleet: told when the test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes, float]] = []
        self.tells: list[Tell] = []

    def spend_nonce(self, secret_id: str, name: bytes, keep_s: float, tell: Tell) -> None:
        self.asked.append((secret_id, name, keep_s))
        self.tells.append(tell)


def with_fleet(plane: Plane, fleet: Fleet | None) -> None:
    inner = plane.listener._plane
    assert inner is not None
    inner.fleet_nonces = fleet


@pytest.mark.parametrize(
    ("told", "expected"),
    [(False, (401, "signature-replayed")), (None, (503, "nonce-unknown")), (True, (200, ""))],
)
async def test_the_fleet_decides(told: bool | None, expected: tuple[int, str]) -> None:
    """Under ``replay: fleet`` the request waits for the store's word; without it, it is refused."""
    async with running_backend() as backend, running_plane(route(backend.port, auth=FLEET)) as plane:
        fleet = Fleet()
        with_fleet(plane, fleet)
        answer = asyncio.create_task(refusal(plane.port, signed_request(nonce="n")))  # noqa: TID251 - awaited below
        await until(lambda: fleet.tells)
        name = blake2b(f"{SECRET_ID}/n".encode(), digest_size=16).hexdigest().encode()
        assert fleet.asked == [(SECRET_ID, name, 480.0)]
        assert plane.gate.asked == 0
        fleet.tells[0](told)
        assert await answer == expected


async def test_without_a_store_nothing_is_new() -> None:
    """Where nobody keeps the fleet's nonces, none is taken for new."""
    async with running_plane(route(1, auth=FLEET)) as plane:
        assert await refusal(plane.port, signed_request()) == (503, "nonce-unknown")


async def test_who_leaves_is_not_woken() -> None:
    """A caller that hangs up while the store is asked has cost nothing; the store's word comes to nobody."""
    async with running_plane(route(1, auth=FLEET)) as plane:
        fleet = Fleet()
        with_fleet(plane, fleet)
        async with raw(plane.port) as client:
            await client.send(signed_request())
            await until(lambda: fleet.tells)
            client.reset()
        outcome = await plane.outcomes.until(1)
        fleet.tells[0](True)
        assert (outcome.reason, outcome.counted) == ("client_left", None)
        assert plane.gate.asked == 0


async def test_a_full_table_refuses() -> None:
    """When this process can remember no more nonces, signed requests get 503 and come back."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        inner = plane.listener._plane
        assert inner is not None
        inner.nonces = NonceTable(inner.clock, bound=1)
        assert await refusal(plane.port, signed_request()) == (200, "")
        assert await refusal(plane.port, signed_request()) == (503, "nonces-full")


async def test_wrong_signatures_are_slowed() -> None:
    """An address that fails too often is held back before a signature is looked at, a right one too."""
    listen = replace(LISTEN, auth_failures=AuthFailureRule(1, 2))
    wrong = signed_request(pair=KeyPair("AKIDtest", "another-key-of-a-test"))
    async with running_backend() as backend, running_plane(route(backend.port), listen=listen) as plane:
        for _ in range(2):
            assert await refusal(plane.port, wrong) == (401, "signature-unverified")
        assert await refusal(plane.port, wrong) == (429, "auth-slowed")
        assert await refusal(plane.port, signed_request()) == (429, "auth-slowed")
        assert not backend.seen


# Bodies.


async def test_a_short_wrong_body_is_refused_before_anything_goes_on() -> None:
    """It gets 400, whether it came with its head or after it; no unit, no nonce, no backend is used."""
    async with running_backend() as backend, running_plane(route(backend.port)) as plane:
        wrong = signed_request("POST", "/", BODY, nonce="n", sent=BODY[:-1] + b"y")
        assert await refusal(plane.port, wrong) == (400, "digest-mismatch")
        async with raw(plane.port) as client:
            for cut in (len(wrong) - len(BODY), len(wrong) - 1):
                await client.send(wrong[:cut], wrong[cut:])
                assert (await client.answer()).status == 400
            await client.send(signed_request("POST", "/", BODY, nonce="n"))
            assert (await client.answer()).status == 200
        assert plane.gate.asked == len(backend.seen) == 1
        assert backend.seen[0].payload == BODY


async def test_a_body_that_came_in_pieces() -> None:
    """A short body is waited for, and what is sent behind it is the next request."""
    async with (
        running_backend() as backend,
        running_plane(route(backend.port)) as plane,
        raw(plane.port) as client,
    ):
        request = signed_request("POST", "/", BODY)
        await client.send(*(request[at : at + 100] for at in range(0, len(request), 100)), get("/next"))
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert [(seen.payload, seen.line) for seen in backend.seen][1] == (b"", b"GET /next HTTP/1.1")
        assert backend.seen[0].payload == BODY


@pytest.mark.parametrize("end", ["hang up", "stall"])
async def test_a_short_body_that_never_comes(end: str) -> None:
    """Who hangs up or stalls before its body is there has used nothing."""
    listen = LISTEN if end == "hang up" else replace(LISTEN, body_idle_timeout_s=0.05)
    async with running_plane(route(1), listen=listen) as plane, raw(plane.port) as client:
        await client.send(signed_request("POST", "/", BODY)[:-1])
        if end == "hang up":
            client.reset()
        else:
            assert (await client.answer()).status == 408
        outcome = await plane.outcomes.until(1)
        assert outcome.reason == ("client_left" if end == "hang up" else "body_timeout")
        assert plane.gate.asked == 0


def framed(request: bytes, body: bytes, size: int) -> bytes:
    """The same request with its body in chunks."""
    head = request[: len(request) - len(body)].replace(
        b"Content-Length: %d\r\n" % len(body), b"Transfer-Encoding: chunked\r\n"
    )
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_long_body_is_checked_as_it_passes(chunked: bool) -> None:
    """It streams: the backend has its beginning before the end was sent, and all of it when it is right."""
    begun = asyncio.Event()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await (reader.readuntil(b"0\r\n\r\n") if chunked else reader.readexactly(len(BODY)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with (
        running_backend(script=read) as backend,
        running_plane(route(backend.port, auth=streaming())) as plane,
    ):
        request = signed_request("POST", "/", BODY)
        request = framed(request, BODY, 300) if chunked else request
        async with raw(plane.port) as client:
            await client.send(request[:-400])
            await begun.wait()
            await client.send(request[-400:])
            assert (await client.answer()).status == 200
        assert plane.gate.counted == [True]


CONDITIONS: list[tuple[frozenset[str], bool]] = [
    (frozenset(), True),
    (frozenset({"2xx"}), False),
    (frozenset({"2xx", "others"}), True),
]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("condition", "counted"), CONDITIONS)
async def test_a_long_wrong_body_resets_both_sides(
    chunked: bool, condition: frozenset[str], counted: bool
) -> None:
    """The backend never has the whole of it, the caller no answer, and it counts as an answer of no class."""
    ends: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            ends.append(await reader.read(-1))
        except ConnectionError:
            ends.append(b"")

    rules = streaming()
    async with (
        running_backend(script=read) as backend,
        running_plane(route(backend.port, auth=rules), condition=condition) as plane,  # type: ignore[arg-type]
        raw(plane.port) as client,
    ):
        wrong = BODY[:-1] + b"y"
        request = signed_request("POST", "/", BODY, sent=wrong)
        request = framed(request, wrong, 300) if chunked else request
        await client.send(request[:-400])
        await until(lambda: plane.gate.granted)
        await until(lambda: backend.connections)
        await client.send(request[-400:])
        assert await client.is_closed()
        outcome = await plane.outcomes.until(1)
        assert (outcome.status, outcome.reason, outcome.counted) == (0, "digest_mismatch", counted)
        await until(lambda: ends)
        assert len(ends[0]) < len(wrong)
        assert b"0\r\n\r\n" not in ends[0]


@pytest.mark.parametrize("wrong", [False, True])
async def test_an_early_answer_is_settled_when_the_body_is_known(wrong: bool) -> None:
    """An answer that begins before the body has ended counts as a success only if the body was right."""
    half_way = asyncio.Event()
    ended = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        half_way.set()
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readexactly(len(BODY))
            writer.write(b"0\r\n\r\n")
        ended.set()

    async with (
        running_backend(script=early) as backend,
        running_plane(route(backend.port, auth=streaming()), condition=frozenset({"2xx"})) as plane,
        raw(plane.port) as client,
    ):
        request = signed_request("POST", "/", BODY, sent=BODY[:-1] + b"y" if wrong else BODY)
        await client.send(request[:-400])
        await half_way.wait()
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert plane.gate.settled == []
        await client.send(request[-400:])
        outcome = await plane.outcomes.until(1)
        assert plane.gate.counted == [not wrong]
        assert outcome.reason == ("digest_mismatch" if wrong else "")
        await ended.wait()


async def test_expectations_are_not_waited_for() -> None:
    """A body that waits for 100 (Continue) is checked as it passes, however short it is."""

    async def invite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"expect: 100-continue" in head.lower()
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await reader.readexactly(len(BODY))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with running_backend(script=invite) as backend, running_plane(route(backend.port)) as plane:
        request = signed_request("POST", "/", BODY).replace(b"\r\n", b"\r\nExpect: 100-continue\r\n", 1)
        async with raw(plane.port) as client:
            await client.send(request[: -len(BODY)])
            assert (await client.answer()).status == 100
            await client.send(request[-len(BODY) :])
            assert (await client.answer()).status == 200


async def test_a_caller_may_ask_for_its_use() -> None:
    """A strong signature tells who asks for its own use, once."""
    own_use = OwnUse(FixedReader().usage, lambda: 1.0)
    async with running_plane(route(1), own_use=own_use) as plane:
        request = signed_request(target="/.well-known/quotad/usage")
        async with raw(plane.port) as client:
            await client.send(request)
            answer = await client.answer()
            assert (answer.status, b"usagePlan-test" in answer.body) == (200, True)
        assert await refusal(plane.port, request) == (401, "signature-replayed")
    await own_use.close()
