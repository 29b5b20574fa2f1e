"""Nobody is measured who does not do the job: asked before a run, counted after it."""

import http.client
import json
import time

from bench.callers import Caller
from bench.counters import granted
from bench.errors import BenchError
from bench.load.wrk import Load
from bench.peers.peer import Peer, Site
from bench.plan import LEASE, POLICY
from bench.processes import START_S
from bench.store import BenchStore

WRONG_KEY = "0" * 32
TIMEOUT_S = 30.0
ASKED_AT_MOST = 200
"""Callers who are tried before a run; where there are more, so many of them."""

Answer = tuple[int, dict[str, str], bytes]


def ask(port: int, headers: dict[str, str], path: str = "/bench/items/42") -> Answer:
    """One GET: status, headers by lower-case name, body. Status 0: the connection ended without one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Host": "bench.example", **headers})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    except (OSError, http.client.HTTPException):
        return 0, {}, b""
    finally:
        connection.close()


def requests(backend_port: int) -> int:
    """How many requests the backend has had, but for the ones that asked this."""
    _, _, body = ask(backend_port, {}, "/requests")
    return int(body.split(b"requests")[1].split()[2])


def before(peer: Peer, site: Site) -> int:
    """Every caller, of many the first 200, gets through with the headers promised, a wrong key does not.

    Returns how many requests were admitted. Raises BenchError.
    """
    _wait_until_serving(peer, site)
    asking = site.callers[:ASKED_AT_MOST]
    for caller in asking:
        status, headers, _ = ask(site.port, caller.headers(signed=site.signed))
        _require(peer, status == 200, f"a right key got {status}")
        missing = [name for name in peer.headers if name.lower() not in headers]
        _require(peer, not missing, f"the answer lacks {', '.join(missing)}")
        told = headers.get("ratelimit-policy", POLICY)
        _require(peer, told == POLICY, f"its RateLimit-Policy is {told}")
    if not peer.checks_callers:
        return len(asking) + 1
    for secret_id in (site.callers[0].secret_id, "AKIDnobody"):
        status, _, _ = ask(site.port, Caller(secret_id, WRONG_KEY).headers(signed=site.signed))
        _require(peer, status == 401, f"a wrong key got {status}")
    _check_what_the_backend_sees(peer, site)
    return len(asking) + 2


def _wait_until_serving(peer: Peer, site: Site) -> None:
    """Traefik, for one, listens before it has read its routes, and answers 404 until then."""
    deadline_s = time.monotonic() + START_S
    headers = site.callers[0].headers(signed=site.signed)
    while ask(site.port, headers)[0] != 200:
        _require(peer, time.monotonic() < deadline_s, "a right key never got 200")
        time.sleep(0.05)


def _check_what_the_backend_sees(peer: Peer, site: Site) -> None:
    caller = site.callers[0]
    _, _, body = ask(site.port, caller.headers(signed=site.signed), "/seen")
    seen = json.loads(body)
    _require(peer, seen["secretId"] == caller.secret_id, "the backend does not learn the caller's id")
    _require(peer, not seen["secretKey"] and not seen["authorization"], "the backend sees credentials")
    _require(peer, bool(seen["requestId"]), "the backend gets no request id")


def after(peer: Peer, site: Site, asked: int, loads: list[Load], store: BenchStore) -> None:
    """Nobody was refused, and the counters moved by the number of requests. Raises BenchError.

    A request in flight when the load tool stops is counted by the peer and not by the tool: so the
    counters may be ahead by the number of connections for each time it was run; with leases by what was taken
    ahead.
    """
    for load in loads:
        _require(peer, not load.refused and not load.broken, f"{load.refused} refused, {load.broken} broken")
    if peer.counts == "nowhere":
        return
    least = asked + sum(load.requests for load in loads)
    most = least + sum(load.connections for load in loads)
    if site.case.leases:
        most += LEASE["max"] * len(site.callers)
    counted = granted(store, site.callers) if peer.counts == "script" else store.script_calls()
    _require(peer, least <= counted <= most, f"counted {counted} of {least} to {most} requests")


def _require(peer: Peer, holds: bool, otherwise: str) -> None:
    if not holds:
        raise BenchError(f"{peer.name} does not do its job: {otherwise}")
