"""Every key name that quotad writes. All keys of a Subject share one hash tag, so one cluster slot."""

import re
from typing import NamedTuple

from quotad.core.plans import Subject, Tagged

_NAMESPACE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_TAG = re.compile(r"[A-Za-z0-9_./-]{1,250}")
# No slash: a user that may write "NS:{*/*}:*" (docs/operations.md) must not reach these by any name.
_CONTROL_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,250}")


class _ControlTag:
    """Whose keys hold the control records."""

    __slots__ = ()

    @property
    def tag(self) -> str:
        """No Subject has it: a Subject's has slashes."""
        return ".control"


CONTROL: Tagged = _ControlTag()
"""Where the control records lie: on a Cluster all in one slot."""


class SubjectKeys(NamedTuple):
    """The two keys of one Subject, as they go over the wire."""

    state: bytes
    """A hash: limits, windows, counters, Entries. Expires a hold time and a day after its month."""
    total: bytes
    """A string: the lifetime total, which outlives the hash."""


def nonce_key(namespace: str, subject: Subject, name: bytes) -> bytes:
    """``NS:{TAG}:n:NAME``, for a signature's nonce. Raises ValueError as ``subject_keys`` does."""
    return subject_keys(namespace, subject).state.removesuffix(b"s") + b"n:" + name


def subject_keys(namespace: str, subject: Subject) -> SubjectKeys:
    """``NS:{TAG}:s`` and ``NS:{TAG}:t``.

    Raises ValueError for characters that could change where a key lives or what it names
    (a brace would move it to another slot, white space and control characters hide in logs).
    """
    tag = subject.tag
    _check_namespace(namespace)
    if not _TAG.fullmatch(tag):
        raise ValueError(f"subject {tag!r} has characters outside A-Z a-z 0-9 _ . / -")
    prefix = f"{namespace}:{{{tag}}}"
    return SubjectKeys(f"{prefix}:s".encode("ascii"), f"{prefix}:t".encode("ascii"))


def control_key(namespace: str, name: str) -> bytes:
    """``NS:{.control}:NAME``. Raises ValueError for characters that must not stand in it."""
    _check_namespace(namespace)
    if not _CONTROL_NAME.fullmatch(name):
        raise ValueError(f"{name!r} has characters outside A-Z a-z 0-9 _ . : -")
    return f"{namespace}:{{{CONTROL.tag}}}:{name}".encode("ascii")


class _FleetTag:
    """Whose keys hold what Sidecars tell of themselves."""

    __slots__ = ()

    @property
    def tag(self) -> str:
        """No plan's id has a dot; the slash lets users write it who may write counters only."""
        return ".fleet/all"


FLEET: Tagged = _FleetTag()
"""On a Cluster all in one slot."""


def fleet_key(namespace: str, name: str) -> bytes:
    """``NS:{.fleet/all}:NAME``. Raises ValueError for characters that must not stand in it."""
    _check_namespace(namespace)
    if not _CONTROL_NAME.fullmatch(name):
        raise ValueError(f"{name!r} has characters outside A-Z a-z 0-9 _ . : -")
    return f"{namespace}:{{{FLEET.tag}}}:{name}".encode("ascii")


class _WebhooksTag:
    """Whose keys hold what is delivered to webhooks."""

    __slots__ = ()

    @property
    def tag(self) -> str:
        """No slash: whoever may only write counters writes none of it."""
        return ".webhooks"


WEBHOOKS: Tagged = _WebhooksTag()
"""On a Cluster all in one slot."""


def webhooks_key(namespace: str, name: str) -> bytes:
    """``NS:{.webhooks}:NAME``. Raises ValueError for characters that must not stand in it."""
    _check_namespace(namespace)
    if not _CONTROL_NAME.fullmatch(name):
        raise ValueError(f"{name!r} has characters outside A-Z a-z 0-9 _ . : -")
    return f"{namespace}:{{{WEBHOOKS.tag}}}:{name}".encode("ascii")


def _check_namespace(namespace: str) -> None:
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"namespace {namespace!r} has characters outside A-Z a-z 0-9 _ . : -")
