"""A route cannot be walked around: ways to name one place by another path, with and without stripPrefix."""

import pytest

from quotad.config.model import Route
from tests.support.backends import running_backend
from tests.support.dataplane import route, running_plane
from tests.support.rawhttp import get, raw

OUT = (
    "/open/../closed",
    "/open/../../closed",
    "/open/x/../../closed",
    "/open/./../closed",
    "/open//../closed",
    "/open/%2e%2e/closed",
    "/open/%2E./closed",
    "/open/.%2e/closed",
    "/open/..%2fclosed",
    "/open/..%2Fclosed",
    "/open%2f..%2fclosed",
    "/open/%2e%2e%2fclosed",
    "/open/..\\closed",
    "/open\\..\\closed",
    "/open/..%5cclosed",
    "/open/%2e%2e%5Cclosed",
    "/open/%252e%252e/closed",
    "/open/..%252fclosed",
    "/open/%25252e%25252e%25252fclosed",
    "/open/%2525252525252e%2525252525252e/closed",
    "/open/..;/closed",
    "/open/..;a=b/closed",
    "/open/%2e%2e;/closed",
    "/open/..%3b/closed",
    "/open/..%00/closed",
    "/open/..%c0%af../closed",
    "/open/%c0%ae%c0%ae/closed",
    "/open/%e0%80%ae%e0%80%ae/closed",
    "/open/%u002e%u002e/closed",
    "/open/%u002e%u002e%u002fclosed",
    "/open/../closed/../open/x",
    "/open/../open/x",
)
"""Begin with the open prefix, and leave it for some reader."""

IN = (
    "//closed",
    "/./closed",
    "/x/../closed",
    "/%63losed",
    "/clo%73ed",
    "/%2563losed",
    "/closed%2fx",
    "/closed%5cx",
    "/closed\\x",
    "/closed;x",
    "/closed;x/y",
    "/closed%3bx",
    "/closed%00",
    "/closed%3fx",
    "/closed%23x",
    "/%2fclosed",
    "/\\closed",
    "/%5cclosed",
    "/.//closed",
    "/x/..;/closed",
    "/%u0063losed",
    "http://a//closed",
    "http://a/x/../closed",
    "http://a/%63losed",
)
"""Do not begin with the closed prefix, and are in it for some reader."""

FINE = (
    ("/open", b"/open", b"/"),
    ("/open/", b"/open/", b"/"),
    ("/open?../closed", b"/open?../closed", b"/?../closed"),
    ("/open/a%2Fb", b"/open/a%2Fb", b"/a%2Fb"),
    ("/open/a//b", b"/open/a//b", b"/a//b"),
    ("/open/a/../b", b"/open/a/../b", b"/a/../b"),
    ("/open/a;b=c/d", b"/open/a;b=c/d", b"/a;b=c/d"),
    ("/open/..closed/...", b"/open/..closed/...", b"/..closed/..."),
    ("/open/100%25", b"/open/100%25", b"/100%25"),
    ("/open/%C3%A4%zz", b"/open/%C3%A4%zz", b"/%C3%A4%zz"),
    ("http://a/open/%41", b"/open/%41", b"/%41"),
)


def routes(strip: bool, rest: bool, port: int) -> list[Route]:
    """The open and the closed place on one backend; ``rest``: all other paths lead there too."""
    places = [
        route(port, path_prefix="/open", strip_prefix=strip),
        route(port, path_prefix="/closed", strip_prefix=strip),
    ]
    return [*places, route(port)] if rest else places


@pytest.mark.parametrize("rest", [True, False], ids=["rest", "two-places"])
@pytest.mark.parametrize("strip", [True, False], ids=["stripped", "kept"])
async def test_routes_cannot_be_walked_around(strip: bool, rest: bool) -> None:
    """A path that some backend may read as one of another route is refused: no backend sees it."""
    async with running_backend() as backend, running_plane(*routes(strip, rest, backend.port)) as plane:
        passed = []
        for target in OUT + IN:
            async with raw(plane.port) as caller:
                await caller.send(get(target))
                if (await caller.answer()).status not in (400, 404):
                    passed.append(target)
        assert passed == []
        assert backend.seen == []
        assert plane.gate.asked == 0


@pytest.mark.parametrize("strip", [True, False], ids=["stripped", "kept"])
async def test_paths_go_on_untouched(strip: bool) -> None:
    """What all read alike goes on byte for byte, less the prefix that a route strips."""
    async with running_backend() as backend, running_plane(*routes(strip, True, backend.port)) as plane:
        async with raw(plane.port) as caller:
            for target, _, _ in FINE:
                await caller.send(get(target))
                assert (await caller.answer()).status == 200
        sent = [stripped if strip else kept for _, kept, stripped in FINE]
        assert [seen.line.split(b" ")[1] for seen in backend.seen] == sent


@pytest.mark.parametrize(
    "target",
    ["/v1/plans", "//v1/plans", "/%761/plans", "http://a/v1/plans", "/metrics", "//metrics", "/readyz", "*"],
)
async def test_the_data_port_serves_nothing_else(target: str) -> None:
    """Neither management nor telemetry is to be had on the callers' port, by whatever path."""
    async with running_backend() as backend, running_plane(route(backend.port, path_prefix="/open")) as plane:
        async with raw(plane.port) as caller:
            await caller.send(get(target))
            assert (await caller.answer()).status in (400, 404)
        assert backend.seen == []
