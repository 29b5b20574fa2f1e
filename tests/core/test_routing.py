"""Which route: one normal form decides, and a path that reads in two ways is refused."""

from dataclasses import dataclass

import pytest

from quotad.core.routing import AmbiguousPathError, Router, strip_prefix


@dataclass(frozen=True)
class Rule:
    host: str
    path_prefix: str


ROUTER = Router(
    [
        Rule("", "/"),
        Rule("", "/api"),
        Rule("", "/api/v2/"),
        Rule("a.test", "/only"),
        Rule("b.test", "/"),
        Rule("c.test", "/x y"),
    ]
)


@pytest.mark.parametrize(
    ("host", "target", "prefix"),
    [
        ("", b"/", "/"),
        ("", b"/apis", "/"),
        ("", b"/api", "/api"),
        ("", b"/api?x=/../y", "/api"),
        ("", b"/api/", "/api"),
        ("", b"/api/v2", "/api/v2/"),
        ("", b"/api/v2/x", "/api/v2/"),
        ("", b"/api/v22", "/api"),
        ("", b"/api//x", "/api"),
        ("", b"/api/./x", "/api"),
        ("", b"/api/x%2Fy", "/api"),
        ("", b"/api/%zz", "/api"),
        ("", b"/api/a;b=c/d", "/api"),
        ("", b"/api/a%3Fb%23c", "/api"),
        ("", b"/api/100%25", "/api"),
        ("", b"/api/%C3%A4%20%E2%82%AC", "/api"),
        ("", b"/api/x/../y", "/api"),
        ("", b"/api/.well-known", "/api"),
        ("", b"/.well-known/x", "/"),
        ("", b"/a..b/...", "/"),
        ("", b"*", "/"),
        ("a.test", b"/only/x", "/only"),
        ("a.test", b"/api", "/api"),
        ("a.test", b"/", "/"),
        ("b.test", b"/api", "/"),
        ("b.test", b"/../api", "/"),
    ],
)
def test_find(host: str, target: bytes, prefix: str) -> None:
    """The longest prefix of whole segments wins; a host's own routes come before those of any host."""
    found = ROUTER.find(host, target)
    assert found is not None
    assert found.path_prefix == prefix


@pytest.mark.parametrize(
    "target",
    [
        b"//api",
        b"/./api",
        b"/x/../api",
        b"/%61pi",
        b"/api/../x",
        b"/api/%2e%2e/x",
        b"/api/%2E%2E%2Fx",
        b"/api/..%2fx",
        b"/api%2fv2",
        b"/api/v2%5c..%5c..",
        b"/api\\v2",
        b"/../api",
        b"/api/v2/..",
        b"/api/v%32/x",
        # Leaves the prefix and comes back: what stays when it is stripped would climb.
        b"/api/../api/x",
        b"/api/x/../../api/v3",
        # Decoded twice; parameters of segments; marks that end a path when decoded; other escapes.
        b"/x/%252e%252e/api",
        b"/x/%25252e%25252e%25252fapi",
        b"/x/..;/api",
        b"/x/..;a=b/api/y",
        b"/x/%2e%2e;/api",
        b"/api;x/v2",
        b"/api%3bx",
        b"/api%00",
        b"/api%3fx",
        b"/api%23x",
        b"/x/%u002e%u002e/api",
        b"/x/..%c0%afapi",
        b"/x/%c0%ae%c0%ae/api",
        b"/x/..\\api",
        b"/x//../api",
        b"/api//../v2",
        b"/x/" + b"./" * 3000,
    ],
)
def test_ambiguous(target: bytes) -> None:
    """A path that a backend may read as one of another route is refused, not decided."""
    with pytest.raises(AmbiguousPathError):
        ROUTER.find("", target)


def test_no_route() -> None:
    """Without a route for its host or path a request has none."""
    router = Router([Rule("a.test", "/a")])
    assert router.find("b.test", b"/a") is None
    assert router.find("a.test", b"/b") is None
    assert Router[Rule]([]).find("", b"/") is None


@pytest.mark.parametrize(
    ("target", "prefix", "stripped"),
    [
        (b"/api/x?y", "/api", b"/x?y"),
        (b"/api/x", "/api/", b"/x"),
        (b"/api", "/api", b"/"),
        (b"/api?y", "/api", b"/?y"),
        (b"/x", "/", b"/x"),
        (b"*", "/", b"*"),
    ],
)
def test_strip_prefix(target: bytes, prefix: str, stripped: bytes) -> None:
    """The prefix goes, the rest stays byte for byte, and an empty path becomes `/`."""
    assert strip_prefix(target, prefix) == stripped
