"""What other proxies ask, and what they tell: over real sockets."""

import json
from dataclasses import replace

from quotad.config.model import Address, Authorize
from tests.support.dataplane import UNUSED_PORT, Plane, route
from tests.support.rawhttp import PAIR, Answer, raw

HERE = Address("127.0.0.1", 0)
CADDY = Authorize(HERE, "caddy", "x-forwarded-method", "x-forwarded-uri", "x-forwarded-host")
NGINX = Authorize(HERE, "nginx", "x-original-method", "x-original-uri")
ENVOY = Authorize(HERE, "envoy")

NOWHERE = replace(route(UNUSED_PORT), upstreams=())
"""A route without a backend: another proxy forwards."""


def question(
    target: str = "/", extra: bytes = b"", method: str = "GET", host: str = "example.test", pair: bytes = PAIR
) -> bytes:
    """What Caddy and Traefik ask."""
    named = f"X-Forwarded-Method: {method}\r\nX-Forwarded-Uri: {target}\r\nX-Forwarded-Host: {host}\r\n"
    return b"GET /authorize HTTP/1.1\r\nHost: proxy\r\n%b%b%b\r\n" % (named.encode(), pair, extra)


def asked_about(signed: bytes, extra: bytes = b"", body: bytes = b"") -> bytes:
    """What Caddy asks about a signed request, whose content it sends along or keeps."""
    head, _, _ = signed.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, target, _ = first.split(b" ")
    kept = [line for line in lines if not line.lower().startswith((b"host:", b"content-length:"))]
    credentials = b"".join(line + b"\r\n" for line in kept)
    return question(target.decode(), extra + credentials, method.decode(), pair=b"") + body


def settle(request_id: bytes, status: int, body: bytes = b"") -> bytes:
    """What a proxy tells at a request's end; some send the caller's content along."""
    target = b"/settle?id=%b&status=%d" % (request_id, status)
    return b"POST %b HTTP/1.1\r\nHost: proxy\r\nContent-Length: %d\r\n\r\n%b" % (target, len(body), body)


async def ask(plane: Plane, *requests: bytes, method: str = "GET") -> list[Answer]:
    """Their answers, over one connection."""
    async with raw(plane.port) as proxy:
        answers = []
        for request in requests:
            await proxy.send(request)
            answers.append(await proxy.answer(method))
        return answers


def key_of(answer: Answer) -> str:
    """The refusal."""
    return str(json.loads(answer.body)["type"]).rpartition(":")[2]
