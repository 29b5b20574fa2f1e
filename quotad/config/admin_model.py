"""How people get into the management port, as inert values."""

from dataclasses import field
from pathlib import Path
from typing import Literal

from quotad.frozen import frozen

Role = Literal["read", "operate", "admin"]
"""What somebody may do on the management port, see ``controlplane.roles``."""


@frozen
class AdminTls:
    """TLS on the management port."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    """Whose certificates clients may show; each must show one when there is no token."""
    clients: tuple[tuple[str, Role], ...] = ()
    """Names in a certificate, and what whoever shows it may do."""


@frozen
class AdminKeyPair:
    """Signs requests of the clouds' formats."""

    name: str
    role: Role
    key_id: str
    key: bytes = field(repr=False)
