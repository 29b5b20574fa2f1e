"""Writes what quota.lua reads, and says how this nginx is started."""

import json
import struct
from pathlib import Path

from bench import tools
from bench.callers import ENVIRONMENT, PLAN_ID, SERVICE_ID
from bench.cases import POOL_SIZE
from bench.counters import keys
from bench.peers.peer import Site, fill
from bench.plan import HOLD_S, PLAN, POLICY
from quotad.core.plans import Subject
from quotad.core.quota import Answer, Call, DayNumbers, Limits, Terms, Windows
from quotad.store.codec import pack_batch, pack_call, pack_terms

HERE = Path(__file__).parent
_EDGES = Windows(*(number * 10**15 for number in range(1, 7)))
_GENERATION, _NUMBER = 7 * 10**15, 8 * 10**15
"""Numbers that stand nowhere else: by them their places are found, wherever codec puts them."""
_SUBJECT = Subject(PLAN, SERVICE_ID, ENVIRONMENT)
_LIMITS = Limits(
    PLAN.version,
    PLAN.rate_rps,
    PLAN.burst,
    PLAN.day_quota_request,
    PLAN.month_quota_request,
    PLAN.max_request_num,
)


_TERMS = Terms(_LIMITS, _EDGES, conditional=False, release_on_crash=False)


def command(site: Site) -> list[str]:
    """Configuration and settings into the Site's folder. Raises BenchError when a module is missing."""
    tools.file(tools.NGINX_MODULES / "ngx_http_lua_module.so", "libnginx-mod-http-lua")
    tools.file(tools.LUA_REDIS, "lua-nginx-redis")
    (site.folder / "settings.lua").write_text(_settings(site))
    config = fill(
        HERE / "nginx.conf",
        site,
        MODULES=tools.NGINX_MODULES,
        PEER=HERE,
        PLAN=PLAN_ID,
        ENVIRONMENT=ENVIRONMENT,
        CHECK="signed" if site.signed else "pair",
    )
    return [tools.nginx(), "-p", str(site.folder), "-c", str(config)]


def _settings(site: Site) -> str:
    rows = []
    for caller in site.callers:
        where = keys(caller)
        state, total = json.dumps(where.state.decode()), json.dumps(where.total.decode())
        key = json.dumps(caller.secret_key)
        rows.append(f"    [{json.dumps(caller.secret_id)}] = {{key={key}, state={state}, total={total}}},")
    head = pack_batch(HOLD_S * 1_000_000, 1)
    return "\n".join(
        (
            "return {",
            f"    store = {json.dumps(f'unix:{site.store_socket}')},",
            f"    sha = {json.dumps(site.script_sha)},",
            f"    head = {_lua_bytes(head)},",
            f"    pool_size = {POOL_SIZE},",
            f"    terms = {_terms()},",
            f"    call = {_call()},",
            f"    answer = {_answer()},",
            f"    policy = {json.dumps(POLICY)},",
            "    callers = {",
            *rows,
            "    },",
            "}",
            "",
        )
    )


def _terms() -> str:
    """Terms as the script takes them, and where the six edges of the windows begin in them."""
    numbers = _doubles(pack_terms(_TERMS))
    return f"{{numbers = {_list(numbers)}, edges_at = {numbers.index(_EDGES[0])}}}"


def _call() -> str:
    """A Call for one unit as the script takes it, and where the two numbers stand that differ."""
    numbers = _doubles(
        pack_call(1, Call(_SUBJECT, _TERMS, 1, _GENERATION, _NUMBER, DayNumbers(), DayNumbers()))
    )
    places = f"generation_at = {numbers.index(_GENERATION)}, number_at = {numbers.index(_NUMBER)}"
    return f"{{numbers = {_list(numbers)}, {places}}}"


def _answer() -> str:
    """Where each number of an answer stands."""
    places = ", ".join(f"{name} = {at}" for at, name in enumerate(Answer._fields))
    return f"{{{places}, count = {len(Answer._fields)}}}"


def _doubles(packed: bytes) -> list[float]:
    return [number for (number,) in struct.iter_unpack("<d", packed)]


def _list(numbers: list[float]) -> str:
    return "{" + ", ".join(f"{number:.0f}" for number in numbers) + "}"


def _lua_bytes(data: bytes) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
