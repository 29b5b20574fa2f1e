"""Who may do what."""

import inspect
import re

from quotad.controlplane import operations
from quotad.controlplane.roles import NEEDED, ROLES, may


def test_each_role_may_all_that_a_lesser_one_may() -> None:
    """Roles are in one line; what has no row needs the greatest; an unknown role may nothing."""
    for action in NEEDED:
        allowed = [may(role, action) for role in ROLES]
        assert allowed == sorted(allowed)
        assert allowed[-1]
        assert not may("guest", action)
    assert [may(role, "Whatever") for role in ROLES] == [False, False, True]


def test_every_operation_has_its_row() -> None:
    """No change of records is left to the default."""
    named = set(re.findall(r'_change\(\s*asker, "(\w+)"', inspect.getsource(operations)))
    assert len(named) > 15
    assert named <= NEEDED.keys()


def test_keys_are_for_admins() -> None:
    """Whatever shows or makes a SecretKey needs the role admin."""
    for action in ("CreateApiKey", "ImportApiKeys", "UpdateApiKey", "RevealSecretKey", "ExportRecords"):
        assert [may(role, action) for role in ROLES] == [False, False, True]
