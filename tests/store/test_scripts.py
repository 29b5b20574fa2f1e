import hashlib
from pathlib import Path

import pytest

from quotad.errors import StoreError
from quotad.store import scripts
from tests.support.servers import StoreServer


def test_every_verb_is_assembled_whole() -> None:
    """No include is left, and the SHA1 is that of the text."""
    loaded = scripts.load_all()
    assert sorted(loaded) == sorted(scripts.VERBS)
    control = scripts.load_all(verbs=scripts.CONTROL_VERBS)
    assert sorted(control) == sorted(scripts.CONTROL_VERBS)
    for script in [*loaded.values(), *control.values()]:
        assert "--@include" not in script.text
        assert script.sha == hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest().encode()


def test_constants_stand_where_their_names_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that define one go, and only whole words become values; words of Redis, in quotes, stay."""
    (tmp_path / "reserve.lua").write_text(
        "local ONE = 1\nlocal TWO_B = 'b'\n--@include part\n"
        "  local INNER = 3\nreturn ONE + xONE + ONEx .. TWO_B .. 'ONE' .. INNER .. (ONE)"
    )
    (tmp_path / "part.lua").write_text(
        "local THREE = 3\nlocal lower = 4\nreturn THREE, ONE\n--@includes part"
    )
    monkeypatch.setattr(scripts, "_PLACES", (tmp_path,))
    assert scripts.load("reserve").text == (
        "local lower = 4\nreturn 3, 1\n--@includes part\n"
        "  local INNER = 3\nreturn 1 + xONE + ONEx .. 'b' .. 'ONE' .. INNER .. (1)"
    )


def test_servers_know_a_script_by_the_same_name(store_server: StoreServer) -> None:
    """SCRIPT LOAD compiles every verb and answers the SHA1 that EVALSHA is sent."""
    with store_server.client() as client:
        for script in scripts.load_all(verbs=scripts.VERBS + scripts.CONTROL_VERBS).values():
            assert client.script_load(script.text) == script.sha.decode()


def test_a_tests_clock_takes_the_place_of_redis_time() -> None:
    """Only then; what ships asks TIME."""
    clock = "local function clock_us() return 7 end"
    assert clock in scripts.load("reserve", clock).text
    assert "redis.call('TIME')" not in scripts.load("reserve", clock).text
    assert "redis.call('TIME')" in scripts.load("reserve").text


def test_the_installed_place_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel carries its own scripts; a checkout's are used only beside the package."""
    installed, beside = tmp_path / "_lua", tmp_path / "lua"
    for place in (installed, beside):
        place.mkdir()
        (place / "reserve.lua").write_text("return 1")
    monkeypatch.setattr(scripts, "_PLACES", (installed, beside))
    assert scripts.directory() == installed
    (installed / "reserve.lua").unlink()
    assert scripts.directory() == beside


def test_an_installation_without_scripts_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing folder or include is a clear StoreError, not a late surprise."""
    monkeypatch.setattr(scripts, "_PLACES", (tmp_path,))
    with pytest.raises(StoreError, match="missing from this installation"):
        scripts.load("reserve")
    (tmp_path / "reserve.lua").write_text("--@include clock\n")
    with pytest.raises(StoreError, match=r"clock\.lua cannot be read"):
        scripts.load("reserve")
