"""What a store URL means, and whether the server behind it is fit to count."""

import ssl
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import parse_url

from quotad.errors import StoreError
from quotad.store.endpoint import Endpoint

OLDEST = (6, 2)
"""Redis 6.2: the oldest whose commands the scripts use. Every Valkey calls itself Redis 7.2.4."""

_KNOWN = frozenset(
    {
        "connection_class",
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


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server said of itself."""

    version: str
    """As it calls itself in ``redis_version``."""
    eviction: str
    """``maxmemory_policy``; empty when it would not say."""
    append_only: bool


def parse(url: str) -> Endpoint:
    """The server that a ``redis://``, ``rediss://`` or ``unix://`` URL names.

    Raises ValueError, whose text never shows the URL: it may hold a password.
    """
    try:
        parts: dict[str, Any] = dict(parse_url(url))
    except ValueError:
        raise ValueError(
            "a store URL begins with redis://, rediss:// or unix://, and is well-formed"
        ) from None
    unknown = sorted(parts.keys() - _KNOWN)
    if unknown:
        raise ValueError(f"the store URL has a parameter that quotad does not know: {unknown[0]}")
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


def _tls(parts: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=parts.get("ssl_ca_certs"))
    if parts.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif str(parts.get("ssl_check_hostname", "true")).lower() in {"0", "false", "no"}:
        context.check_hostname = False
    if "ssl_certfile" in parts:
        context.load_cert_chain(parts["ssl_certfile"], parts.get("ssl_keyfile"))
    return context


def judge(endpoint: Endpoint, info: bytes, allow_eviction: bool) -> Facts:
    """What the server is, from its answer to ``INFO``.

    Raises StoreError (``unfit``) when it is too old, or may throw counters away.
    """
    said = dict(line.split(":", 1) for line in info.decode("utf-8", "replace").split("\r\n") if ":" in line)
    version = said.get("redis_version", "")
    if not _new_enough(version):
        wanted = ".".join(map(str, OLDEST))
        raise _unfit(endpoint, f"is version {version or 'unknown'}; Redis {wanted} or any Valkey is needed")
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
