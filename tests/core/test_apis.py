from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.core.api_paths import METHODS, pattern_of
from quotad.core.apis import ApiMatcher
from quotad.core.plans import Api
from quotad.core.routing import AmbiguousPathError

APIS = [
    Api("list", "", "GET", "/orders"),
    Api("one", "", "ANY", "/orders/{orderId}"),
    Api("get-one", "", "GET", "/orders/{orderId}/"),
    Api("items", "", "GET", "/orders/{orderId}/items/*"),
    Api("export", "", "POST", "/orders/export"),
    Api("odd", "", "ANY", "/a@b/.well-known"),
    Api("root", "", "GET", "/"),
    Api("files", "", "PUT", "/files/*"),
]
MATCHER = ApiMatcher(APIS)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/orders", "list"),
        ("GET", "/orders/", "list"),
        ("HEAD", "/orders", "list"),
        ("POST", "/orders", ""),
        ("GET", "/orders/7", "get-one"),
        ("HEAD", "/orders/7", "get-one"),
        ("DELETE", "/orders/7/", "one"),
        ("POST", "/orders/export", "export"),
        ("GET", "/orders/export", "get-one"),
        ("BREW", "/orders/export", "one"),
        ("GET", "/orders/7/items", "items"),
        ("GET", "/orders/7/items/", "items"),
        ("GET", "/orders/7/items/8/9", "items"),
        ("POST", "/orders/7/items", ""),
        ("GET", "/orders/7/8", ""),
        ("GET", "/Orders", ""),
        ("GET", "/orders/%20", "get-one"),
        ("GET", "/a%40b/.well-known", "odd"),
        ("GET", "/a@b/.well-known", "odd"),
        ("GET", "/", "root"),
        ("POST", "/", ""),
        ("PUT", "/files", "files"),
        ("PUT", "/files/a%2Fb;c=1/./d", "files"),
        ("PUT", "/filesystem", ""),
        ("OPTIONS", "*", ""),
        ("GET", "", "root"),
    ],
)
def test_the_most_special_one_wins(method: str, path: str, found: str) -> None:
    """Literals before names before the rest, from the left; then the method, for HEAD also GET, then ANY."""
    assert MATCHER.find(method.encode(), path.encode()) == found


def answer(method: str, path: str) -> str:
    """What is found, or that it is refused."""
    try:
        return MATCHER.find(method.encode(), path.encode())
    except AmbiguousPathError:
        return "ambiguous"


@pytest.mark.parametrize(
    "path",
    [
        "/orders%2F7",
        "/orders/7%2Fitems",
        "/%6Frders",
        "//orders",
        "/orders//7",
        "/orders/7/../export",
        "/orders/./7",
        "/orders/export;x=1",
        "/orders/7/%2e%2e",
        "/orders\\7",
        "/orders/export%3Fx",
        "/..",
        "/files/../orders",
        "/orders/export%00",
        "/orders/" + "%2e" * 2_000,
    ],
)
def test_what_can_be_read_in_other_ways_is_refused(path: str) -> None:
    """One of its readings may be another Api, which may cost less than what the backend does."""
    told = [answer(method, path) for method in ("GET", "POST", "PUT")]
    assert "ambiguous" in told


def test_without_apis_nothing_is_found() -> None:
    """A service may have lost all of its Apis."""
    assert (ApiMatcher(()).find(b"GET", b"/"), ApiMatcher(()).ids) == ("", ())


PARTS = st.sampled_from(["a", "b", "{x}"])
PATHS = st.builds(
    lambda parts, rest: "/" + "/".join([*parts, *(["*"] if rest else [])]),
    st.lists(PARTS, max_size=3),
    st.booleans(),
)


def rank(pattern: tuple[str, ...], path: list[str]) -> tuple[int, ...] | None:
    """How special a pattern is for a path, the smaller the more; None: it is not for it."""
    found: list[int] = []
    for at, part in enumerate(pattern):
        if part == "*":
            return (*found, 2)
        if at >= len(path) or part not in ("{}", path[at]):
            return None
        found.append(0 if part == path[at] else 1)
    return tuple(found) if len(pattern) == len(path) else None


@given(
    st.lists(st.tuples(st.sampled_from(METHODS), PATHS), max_size=12),
    st.sampled_from(METHODS[1:]),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=4),
)
def test_it_equals_looking_at_all(apis: list[tuple[str, str]], method: str, path: list[str]) -> None:
    """The tree finds what comparing with each Api finds."""
    unique = {(each, pattern_of(one)): one for each, one in reversed(apis)}
    made = [Api(f"{each} {'/'.join(pattern)}", "", each, one) for (each, pattern), one in unique.items()]
    wanted = [method, *(["GET"] if method == "HEAD" else []), "ANY"]
    best: list[tuple[tuple[int, ...], int, str]] = []
    for api, each in product(made, range(len(wanted))):
        special = rank(pattern_of(api.path), path)
        if special is not None and api.method == wanted[each]:
            best.append((special, each, api.api_id))
    found = ApiMatcher(made).find(method.encode(), ("/" + "/".join(path)).encode())
    assert found == (min(best)[2] if best else "")
