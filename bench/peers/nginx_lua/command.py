"""Writes what quota.lua reads, and says how this nginx is started."""

import json
import struct
from pathlib import Path

from bench import tools
from bench.callers import ENVIRONMENT, PLAN_ID
from bench.cases import POOL_SIZE
from bench.counters import keys
from bench.peers.peer import Site, fill
from bench.plan import HOLD_S, PLAN, POLICY

HERE = Path(__file__).parent
_LIMITS = (
    PLAN.version,
    PLAN.rate_rps,
    PLAN.burst,
    PLAN.day_quota_request,
    PLAN.month_quota_request,
    PLAN.max_request_num,
)


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
    head = struct.pack("<2d", HOLD_S * 1e6, 1)
    return "\n".join(
        (
            "return {",
            f"    store = {json.dumps(f'unix:{site.store_socket}')},",
            f"    sha = {json.dumps(site.script_sha)},",
            f"    head = {_lua_bytes(head)},",
            f"    pool_size = {POOL_SIZE},",
            f"    limits = {{{', '.join(map(str, _LIMITS))}}},",
            f"    policy = {json.dumps(POLICY)},",
            "    callers = {",
            *rows,
            "    },",
            "}",
            "",
        )
    )


def _lua_bytes(data: bytes) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in data) + '"'
