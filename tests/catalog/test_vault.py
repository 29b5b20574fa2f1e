import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotad.catalog.vault import KEY_FIELD, PREVIOUS_FIELD, Vault, VaultError

OLD, NEW = ("2025", b"a" * 32), ("2026", b"b" * 32)


@given(st.binary(max_size=60), st.text("AKID0123456789", min_size=5, max_size=50))
def test_what_is_sealed_opens(text: bytes, secret_id: str) -> None:
    """Whatever is sealed for a Secret comes out as it was, and never looks the same twice."""
    vault = Vault([NEW])
    sealed = vault.seal(secret_id, text)
    assert vault.open(secret_id, sealed) == text
    assert vault.seal(secret_id, text) != sealed
    assert sealed.startswith("2026.")


def test_it_opens_nowhere_else() -> None:
    """What is moved to another Secret or another field, or is changed in any character, does not open."""
    vault = Vault([NEW])
    sealed = vault.seal("AKIDone", b"a secret key")
    for secret_id, field in (("AKIDtwo", KEY_FIELD), ("AKIDone", PREVIOUS_FIELD)):
        with pytest.raises(VaultError):
            vault.open(secret_id, sealed, field)
    for at in range(len("2026."), len(sealed) - 1):
        other = "A" if sealed[at] != "A" else "B"
        with pytest.raises(VaultError):
            vault.open("AKIDone", sealed[:at] + other + sealed[at + 1 :])


@given(st.text(max_size=80))
def test_garbage_does_not_open(text: str) -> None:
    """Any other text is a VaultError."""
    with pytest.raises(VaultError):
        Vault([NEW]).open("AKIDone", f"2026.{text}")


def test_master_keys_take_turns() -> None:
    """After a rotation the old key still opens, the new one seals, and what is to be sealed anew is known."""
    sealed = Vault([OLD]).seal("AKIDone", b"a secret key")
    both = Vault([NEW, OLD])
    assert both.open("AKIDone", sealed) == b"a secret key"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("AKIDone", b"a secret key"))
    with pytest.raises(VaultError, match="not among those configured"):
        Vault([NEW]).open("AKIDone", sealed)


@pytest.mark.parametrize("keys", [[], [NEW, NEW], [("2026", b"short")]])
def test_odd_master_keys(keys: list[tuple[str, bytes]]) -> None:
    """No key, one id twice and a key of another length are refused."""
    with pytest.raises(ValueError):
        Vault(keys)


@pytest.mark.parametrize("use", ["prepare()", "seal('AKIDone', b'a secret key')"])
def test_who_opens_nothing_carries_no_cryptography(use: str) -> None:
    """A Vault takes none of its 8 MB before it is used, as in an admin process that nobody asks anything."""
    script = (
        "import sys\nimport quotad.catalog.live\nfrom quotad.catalog.vault import Vault\n"
        "vault = Vault([('k1', bytes(32))])\nprint('cryptography' in sys.modules)\n"
        f"vault.{use}\nprint('cryptography' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
