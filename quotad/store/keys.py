"""Every key name that quotad writes. All keys of a Subject share one hash tag, so one cluster slot."""

import re
from typing import NamedTuple

from quotad.core.plans import Subject

_NAMESPACE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_TAG = re.compile(r"[A-Za-z0-9_./-]{1,250}")


class SubjectKeys(NamedTuple):
    """The two keys of one Subject, as they go over the wire."""

    state: bytes
    """A hash: limits, windows, counters, Entries. Expires a hold time and a day after its month."""
    total: bytes
    """A string: the lifetime total, which outlives the hash."""


def subject_keys(namespace: str, subject: Subject) -> SubjectKeys:
    """``NS:{TAG}:s`` and ``NS:{TAG}:t``.

    Raises ValueError for characters that could change where a key lives or what it names
    (a brace would move it to another slot, white space and control characters hide in logs).
    """
    tag = subject.tag
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError(f"namespace {namespace!r} has characters outside A-Z a-z 0-9 _ . : -")
    if not _TAG.fullmatch(tag):
        raise ValueError(f"subject {tag!r} has characters outside A-Z a-z 0-9 _ . / -")
    prefix = f"{namespace}:{{{tag}}}"
    return SubjectKeys(f"{prefix}:s".encode("ascii"), f"{prefix}:t".encode("ascii"))
