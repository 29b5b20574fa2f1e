import pytest

from quotad.core.api_paths import pattern_of


@pytest.mark.parametrize(
    "path",
    [
        *("", "orders", "//", "/a//b", "/a/./b", "/..", "/a b", "/a%20b", "/{a", "/{1a}", "/{a}b", "/*/a"),
        *("/a?b", "/a;b", "/ä", "/" + "a" * 200, "/a" * 21, "/**", "/{}"),
    ],
)
def test_what_is_no_path(path: str) -> None:
    """It is refused when it is made, so every pattern has one reading."""
    with pytest.raises(ValueError, match="must be 1 to 200 characters"):
        pattern_of(path)


def test_names_and_a_last_slash_say_nothing() -> None:
    """Paths that differ in these alone are alike."""
    assert pattern_of("/a/{x}/") == pattern_of("/a/{y}") == ("a", "{}")
    assert (pattern_of("/"), pattern_of("/*")) == ((), ("*",))
