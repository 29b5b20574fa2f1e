"""The test suite of requests itself, against httpbin with and without quotad before it."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.corpora import unpacked
from tests.support.stage import CREDENTIALS, Stage, stage_in_a_thread

PLUGIN = Path(__file__).parent.parent / "support/requests_plugin.py"
ELSEWHERE = "not connect_timeout"
"""Those dial an address outside this machine."""
BY_RULE = {
    # A gateway is the proxy that Proxy-Authorization is for, and no backend is to see it (RFC 9110, 11.7.2).
    "tests/test_requests.py::TestRequests::test_proxy_authorization_preserved_on_request"
}
"""What ends otherwise through quotad, and must."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in_a_thread(tmp_path_factory.mktemp("stage")) as opened:
        yield opened


def run(base: str, result: Path) -> dict[str, str]:
    """How each test ends."""
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore", "--rootdir", ".")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *quiet,
            "-p",
            PLUGIN.stem,
            "-k",
            ELSEWHERE,
            "tests/test_requests.py",
        ],
        cwd=unpacked("requests"),
        env={
            **os.environ,
            "PYTHONPATH": str(PLUGIN.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HTTPBIN_URL": base,
            "HTTPBIN_CREDENTIALS": json.dumps(CREDENTIALS),
            "HTTPBIN_RESULT": str(result),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=1800,
        check=False,
    )
    ends: dict[str, str] = json.loads(result.read_text())
    return ends


def test_the_same_result_as_without(stage: Stage, tmp_path: Path) -> None:
    """Every test that asks httpbin ends as it does without quotad, but for those that a rule forbids."""
    bases = (stage.direct.http, stage.quotad.http)
    with ThreadPoolExecutor(2) as pool:
        direct, through = pool.map(run, bases, (tmp_path / "direct.json", tmp_path / "through.json"))
    differ = {name for name in direct.keys() | through.keys() if direct.get(name) != through.get(name)}
    assert differ == BY_RULE
    assert Counter(direct.values())["passed"] > 180
    assert "failed" not in direct.values()
