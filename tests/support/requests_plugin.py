"""A plugin of pytest for the suite of requests: where its httpbin is, who asks, and what became of each test.

Loaded by its bare name, with this folder on the path: that suite has a package ``tests`` of its own. Only
tests that ask httpbin are run. Certificates (``httpbin_secure``) are no matter of what stands between.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from requests import PreparedRequest
from requests.adapters import HTTPAdapter

BASE = os.environ["HTTPBIN_URL"]
CREDENTIALS: dict[str, str] = json.loads(os.environ["HTTPBIN_CREDENTIALS"])
RESULT = Path(os.environ["HTTPBIN_RESULT"])

_ENDS: dict[str, str] = {}


class Httpbin:
    """As pytest-httpbin has it."""

    url = BASE


@pytest.fixture
def httpbin() -> Httpbin:
    """The suite's own fixture makes URLs of it."""
    return Httpbin()


def pytest_configure() -> None:
    """Have every request to httpbin say who asks, by the hook that adapters have for it."""
    HTTPAdapter.add_headers = _add_credentials  # type: ignore[method-assign]


def _add_credentials(self: HTTPAdapter, request: PreparedRequest, **more: Any) -> None:
    if BASE.partition("//")[2] in (request.url or ""):
        request.headers.update(CREDENTIALS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what asks httpbin."""
    items[:] = [
        item
        for item in items
        if {"httpbin", "httpbin_secure"}.intersection(getattr(item, "fixturenames", ())) == {"httpbin"}
    ]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember the worst end of each test."""
    if report.outcome != "passed" or report.when == "call":
        _ENDS[report.nodeid] = "xfailed" if hasattr(report, "wasxfail") else report.outcome


def pytest_sessionfinish() -> None:
    """Tell."""
    RESULT.write_text(json.dumps(_ENDS))
