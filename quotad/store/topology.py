"""What a store URL means, and whether the server behind it is fit to count."""

import ssl
from dataclasses import field, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlparse

from quotad.errors import StoreError
from quotad.frozen import frozen
from quotad.store.endpoint import Endpoint

OLDEST = (6, 2)
"""Redis 6.2: the oldest whose commands the scripts use. Every Valkey calls itself Redis 7.2.4."""

_KNOWN = frozenset(
    {
        "db",
        "host",
        "password",
        "path",
        "port",
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_keyfile",
        "username",
    }
)


_SENTINEL_PORT = 26379
_OF_SENTINELS = ("sentinel_username", "sentinel_password")


@frozen
class Facts:
    """What a server said of itself."""

    version: str
    """As it calls itself in ``redis_version``."""
    eviction: str
    """``maxmemory_policy``; empty when it would not say."""
    append_only: bool


@frozen
class SentinelPlace:
    """Where Sentinels listen, the name under which they know the primary, and who we are there."""

    addresses: tuple[tuple[str, int], ...]
    master_name: str
    data: Endpoint
    """The primary but for its address: user, database, TLS."""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: dict[str, Any] = field(default_factory=dict, repr=False)
    """What redis-py takes for TLS to the Sentinels; empty: none."""


@frozen
class ClusterPlace:
    """Nodes of a Redis Cluster to begin with, and who we are at each node."""

    starts: tuple[str, ...]
    """``host:port`` each."""
    login: Endpoint
    """A node but for its address: user, TLS."""
    tls: dict[str, Any] = field(default_factory=dict, repr=False)
    """What redis-py takes for TLS; empty: none."""


def parse(url: str) -> Endpoint:
    """The server that a ``redis://``, ``rediss://`` or ``unix://`` URL names.

    Raises ValueError, whose text never shows the URL: it may hold a password.
    """
    parts = _parts(url)
    if url.startswith("unix:") and not parts.get("path"):
        raise ValueError("a unix:// store URL needs a path")
    return Endpoint(
        host=parts.get("host", "localhost"),
        port=parts.get("port", 6379),
        path=parts.get("path", ""),
        database=int(parts.get("db", 0)),
        username=parts.get("username", ""),
        password=parts.get("password", ""),
        tls=_tls(parts) if url.startswith("rediss:") else None,
    )


def parse_sentinels(url: str) -> SentinelPlace:
    """What ``redis+sentinel://[user[:password]@]host[:port],.../master-name[?...]`` names.

    ``rediss+sentinel``: TLS, to the Sentinels and to the primary. User and password are the
    primary's; ``sentinel_username`` and ``sentinel_password`` say who we are to the Sentinels, all
    other parameters are those of ``rediss://``. Raises ValueError, whose text never shows the URL.
    """
    scheme, _, rest = url.partition("+sentinel://")
    location, _, query = rest.partition("?")
    servers, _, master_name = location.partition("/")
    user, at, hosts = servers.rpartition("@")
    if scheme not in ("redis", "rediss") or not hosts or not master_name or "/" in master_name:
        raise ValueError("a Sentinel store URL reads redis+sentinel://host:port,host:port/master-name")
    asked = parse_qs(query, keep_blank_values=True)
    own = {name: asked.pop(name)[0] for name in _OF_SENTINELS if name in asked}
    inner = f"{scheme}://{user}{at}localhost?{urlencode(asked, doseq=True)}"
    return SentinelPlace(
        addresses=tuple(_address(each, _SENTINEL_PORT) for each in hosts.split(",")),
        master_name=master_name,
        data=replace(parse(inner), host="", port=0),
        username=own.get("sentinel_username", ""),
        password=own.get("sentinel_password", ""),
        tls=_tls_words(_parts(inner)) if scheme == "rediss" else {},
    )


def parse_cluster(url: str) -> ClusterPlace:
    """What ``redis+cluster://[user[:password]@]host[:port],...[?...]`` names.

    ``rediss+cluster``: TLS to every node, with the parameters of ``rediss://``. Raises ValueError, whose
    text never shows the URL.
    """
    scheme, _, rest = url.partition("+cluster://")
    location, mark, query = rest.partition("?")
    user, at, hosts = location.rstrip("/").rpartition("@")
    if scheme not in ("redis", "rediss") or not hosts or "/" in hosts:
        raise ValueError("a Cluster store URL reads redis+cluster://host:port,host:port")
    inner = f"{scheme}://{user}{at}localhost{mark}{query}"
    login = parse(inner)
    if login.database:
        raise ValueError("a Cluster has database 0 only")
    return ClusterPlace(
        starts=tuple(f"{host}:{port}" for host, port in (_address(each, 6379) for each in hosts.split(","))),
        login=replace(login, host="", port=0),
        tls=_tls_words(_parts(inner)) if scheme == "rediss" else {},
    )


def _parts(url: str) -> dict[str, Any]:
    try:
        parts = _read(url)
    except ValueError:
        raise ValueError(
            "a store URL begins with redis://, rediss:// or unix://, and is well-formed"
        ) from None
    unknown = sorted(parts.keys() - _KNOWN)
    if unknown:
        raise ValueError(f"the store URL has a parameter that quotad does not know: {unknown[0]}")
    return parts


def _read(url: str) -> dict[str, Any]:
    """The words of a URL as redis-py knows them, which takes ten megabytes to import. Raises ValueError."""
    parsed = urlparse(url)
    if parsed.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("scheme")
    parts: dict[str, Any] = {name: values[0] for name, values in parse_qs(parsed.query).items()}
    parts |= {name: int(parts[name]) for name in ("db", "port") if name in parts}
    said = {"username": parsed.username, "password": parsed.password}
    if parsed.scheme == "unix":
        said["path"] = parsed.path
    else:
        said["host"] = parsed.hostname
        if parsed.port:
            parts["port"] = parsed.port
        database = unquote(parsed.path).replace("/", "")
        if "db" not in parts and database.isascii() and database.isdigit():
            parts["db"] = int(database)
    return {**parts, **{name: unquote(value) for name, value in said.items() if value}}


def _address(text: str, default_port: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default_port)
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError("a store URL names several servers as host:port, parted by commas")
    return host.strip("[]"), int(port)


def _tls_words(parts: dict[str, Any]) -> dict[str, Any]:
    """The same choices as ``_tls`` makes, for redis-py."""
    words = {name: value for name, value in parts.items() if name.startswith("ssl_")}
    words["ssl_check_hostname"] = _checks_hostname(parts)
    return {"ssl": True, **words}


def _checks_hostname(parts: dict[str, Any]) -> bool:
    off = str(parts.get("ssl_check_hostname", "true")).lower() in {"0", "f", "false", "n", "no"}
    return not off and parts.get("ssl_cert_reqs") != "none"


def _tls(parts: dict[str, Any]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=parts.get("ssl_ca_certs"))
        if "ssl_certfile" in parts:
            context.load_cert_chain(parts["ssl_certfile"], parts.get("ssl_keyfile"))
    except OSError as error:
        reason = error.strerror or "not a certificate"
        raise ValueError(
            f"the store URL's ssl_ca_certs, ssl_certfile or ssl_keyfile cannot be read: {reason}"
        ) from None
    context.check_hostname = _checks_hostname(parts)
    if parts.get("ssl_cert_reqs") == "none":
        context.verify_mode = ssl.CERT_NONE
    return context


def judge(endpoint: Endpoint, info: bytes, allow_eviction: bool) -> Facts:
    """What the server is, from its answer to ``INFO``.

    Raises StoreError: ``unfit`` when it is too old, or may throw counters away; ``readonly`` when it
    is a replica.
    """
    said = dict(line.split(":", 1) for line in info.decode("utf-8", "replace").split("\r\n") if ":" in line)
    version = said.get("redis_version", "")
    if not _new_enough(version):
        wanted = ".".join(map(str, OLDEST))
        raise _unfit(endpoint, f"is version {version or 'unknown'}; Redis {wanted} or any Valkey is needed")
    if said.get("role", "master") != "master":
        raise StoreError("readonly", f"the store at {endpoint} is a replica", executed=False)
    policy = said.get("maxmemory_policy", "")
    if said.get("maxmemory", "0") != "0" and policy != "noeviction" and not allow_eviction:
        raise _unfit(
            endpoint,
            f"may throw counters away (maxmemory-policy {policy}); set it to noeviction, "
            "or store.allowEviction if limits may be passed",
        )
    return Facts(version, policy, said.get("aof_enabled") == "1")


def _new_enough(version: str) -> bool:
    numbers = version.split(".")[:2]
    return len(numbers) == 2 and all(map(str.isdigit, numbers)) and tuple(map(int, numbers)) >= OLDEST


def _unfit(endpoint: Endpoint, what: str) -> StoreError:
    return StoreError("unfit", f"the store at {endpoint} {what}", executed=False)
