"""The wheel as it is installed: what the tests of the tree cannot see.

``.ci/run`` installs the wheel into a fresh environment and names its Python in QUOTAD_WHEEL_PYTHON; without
that, the wheel's files are put before everything else on this interpreter's path.
"""

import os
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.support.servers import StoreServer

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree without network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True
    )
    (built,) = folder.glob("quotad-*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The paths of all files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_every_lua_file(names: set[str]) -> None:
    """Each file of lua/ is in the wheel as quotad/_lua, and nothing else is there."""
    expected = {f"quotad/_lua/{path.name}" for path in (ROOT / "lua").iterdir()}
    assert {name for name in names if name.startswith("quotad/_lua/")} == expected


def test_the_wheel_carries_every_module_and_nothing_of_the_tree(names: set[str]) -> None:
    """Each module of quotad/ is in the wheel; tests, bench and caches are not."""
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "quotad").rglob("*.py")}
    assert modules | {"quotad/py.typed"} <= names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"quotad"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """The metadata name the licence, the Pythons and the extra for the embedded store."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        fields = HeaderParser().parsestr(archive.read(metadata).decode())
        assert metadata.replace("METADATA", "licenses/LICENSE") in archive.namelist()
    assert (fields["Name"], fields["License-Expression"]) == ("quotad", "Apache-2.0")
    assert fields["Requires-Python"] == ">=3.11"
    assert "embedded" in fields.get_all("Provides-Extra", [])


def test_every_script_of_the_wheel_loads(wheel: Path, store_server: StoreServer, tmp_path: Path) -> None:
    """A real server takes each script from the installed wheel, under the name that quotad calls it by."""
    environment = dict(os.environ)
    python = environment.get("QUOTAD_WHEEL_PYTHON")
    if python is None:
        python = sys.executable
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)
        environment["PYTHONPATH"] = str(tmp_path)
    script = ROOT / "tests" / "support" / "load_scripts.py"
    done = subprocess.run(
        [python, "-P", script, store_server.url],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.parts[-2:] == ("quotad", "_lua")
    assert not folder.is_relative_to(ROOT / "quotad")
