from pathlib import Path

import pytest

from quotad.config.file import load
from quotad.core.plans import Api, Binding
from quotad.errors import ConfigError
from tests.support.shell import file_of

SERVICE = {
    "serviceId": "orders",
    "apis": [
        {"apiId": "api-a", "path": "/a"},
        {"apiId": "api-b", "apiName": "b", "method": "GET", "path": "/b"},
    ],
}
HERE: dict[str, object] = {"service": "orders", "environment": "release"}


def bound(folder: Path, *environments: dict[str, object]) -> tuple[Binding, ...]:
    """One binding of these environments, read from a file."""
    file = {
        "store": {"url": "redis://127.0.0.1:1"},
        "services": [SERVICE],
        "plans": [{"usagePlanId": "gold"}],
        "secrets": [{"secretId": "AKIDone", "secretKey": "one-one-one"}],
        "bindings": [
            {"usagePlanId": "gold", "secretIds": ["AKIDone"], "environments": [each]} for each in environments
        ],
    }
    table = load(file_of(folder / "quotad.yaml", file), {}).table
    assert table.services["orders"].apis == (
        Api("api-a", "api-a", "ANY", "/a"),
        Api("api-b", "b", "GET", "/b"),
    )
    return table.bindings


def test_a_binding_names_apis(tmp_path: Path) -> None:
    """One for the Apis of each environment; named twice they are there once."""
    found = bound(tmp_path, {**HERE, "apis": ["api-b", "api-a", "api-b"]})
    assert found == (Binding("gold", ("AKIDone",), (("orders", "release"),), False, ("api-b", "api-a")),)


def test_one_level(tmp_path: Path) -> None:
    """Whole environments and single Apis of one service are refused, whichever comes second."""
    single, whole = {**HERE, "apis": ["api-a"]}, {**HERE, "environment": "test"}
    bound(tmp_path, single, {**whole, "apis": ["api-a"]})
    for pair in ((single, whole), (whole, single)):
        with pytest.raises(ConfigError, match=r"bindings\[1\].*one of the two"):
            bound(tmp_path, *pair)
