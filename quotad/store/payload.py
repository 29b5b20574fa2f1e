"""EVALSHA commands as bytes, built by hand: what never changes is encoded once."""

from collections.abc import Sequence
from typing import Final

from quotad.core.plans import Subject
from quotad.core.quota import Call, Terms
from quotad.store.codec import CALL_BYTES, pack_batch, pack_call, pack_terms
from quotad.store.keys import subject_keys
from quotad.store.resp import bulk

_CALL_HEAD: Final = b"$%d\r\n" % CALL_BYTES
_BETWEEN_CALLS: Final = b"\r\n" + _CALL_HEAD

_KEPT: Final = 262_144
"""Subjects whose encoded keys are kept, some 300 bytes each; with more it starts over now and then."""
_TERMS_KEPT: Final = 65_536


class PayloadBuilder:
    """Encodes script calls of one process: namespace, Sidecar id and hold time are the same for all."""

    def __init__(self, namespace: str, sidecar_id: bytes, hold_us: int) -> None:
        self._namespace = namespace
        self.sidecar_id = sidecar_id
        """8 bytes."""
        self._sidecar_id = bulk(sidecar_id)
        self._hold_us = hold_us
        # By tag, which says all that keys say: what looks a Subject up has its hash at hand.
        self._keys: dict[str, bytes] = {}
        # By identity: hashing a whole plan costs more than encoding. The object is kept beside its bytes, so
        # no id is used twice.
        self._terms: dict[int, tuple[Terms, bytes]] = {}
        self._batches: dict[int, bytes] = {}

    def keys(self, subject: Subject) -> bytes:
        """A Subject's two keys as two bulk strings. Raises ValueError for characters keys may not have."""
        known = self._keys.get(subject.tag)
        if known is None:
            known = self._encoded(subject)
            if len(self._keys) >= _KEPT:
                self._keys.clear()
            self._keys[subject.tag] = known
        return known

    def _encoded(self, subject: Subject) -> bytes:
        state, total = subject_keys(self._namespace, subject)
        return bulk(state) + bulk(total)

    def decide(self, sha: bytes, calls: Sequence[Call], keys: Sequence[bytes]) -> bytes:
        """One call of ``reserve`` or ``settle``; a Terms object that several Calls share travels once.

        ``keys`` are those of the Calls' Subjects, from ``keys()``.
        """
        terms: list[bytes] = []
        packed: list[bytes] = []
        last: Terms | None = None
        place = 0
        remembers = False
        places: dict[int, int] = {}
        for call in calls:
            if call.terms is not last:
                last = call.terms
                place = places.get(id(last), 0)
                if not place:
                    place = places[id(last)] = len(terms) + 1
                    terms.append(self._pack_terms(last))
            packed.append(pack_call(place, call))
            if call.memory is not None:
                remembers = True
        if remembers:
            said = b"".join(map(bulk, packed))
        else:
            said = b"%b%b\r\n" % (_CALL_HEAD, _BETWEEN_CALLS.join(packed))
        return b"".join(
            [
                _head(sha, len(calls), 2 + len(terms) + len(calls)),
                *keys,
                self._sidecar_id,
                self._pack_batch(len(terms)),
                *terms,
                said,
            ]
        )

    def read(self, sha: bytes, subjects: Sequence[Subject]) -> bytes:
        """One call of a verb that takes nothing but keys: ``usage``, ``history``."""
        return b"".join([_head(sha, len(subjects), 0), *[self.keys(subject) for subject in subjects]])

    def tell(self, sha: bytes, first: bytes, told: Sequence[tuple[Subject, bytes]]) -> bytes:
        """One call of a verb that takes ``first``, then something packed of each Subject.

        ``attribute``: ``first`` is the Sidecar's id; ``attributed``: a SecretId or empty.
        """
        keys = [self.keys(subject) for subject, _ in told]
        packed = [bulk(each) for _, each in told]
        return b"".join([_head(sha, len(told), 1 + len(told)), *keys, bulk(first), *packed])

    def change(self, sha: bytes, subject: Subject, terms: Terms, told: bytes, owner: bytes = b"") -> bytes:
        """One call of a rare verb for one Subject: ``adjust``, ``replay``.

        ``told`` is what the verb takes, packed; ``owner`` the process that it is about, else this one.
        """
        return b"".join(
            [
                _head(sha, 1, 4),
                self.keys(subject),
                bulk(owner) if owner else self._sidecar_id,
                self._pack_batch(1),
                self._pack_terms(terms),
                bulk(told),
            ]
        )

    def _pack_terms(self, terms: Terms) -> bytes:
        known = self._terms.get(id(terms))
        if known is None:
            known = (terms, bulk(pack_terms(terms)))
            if len(self._terms) >= _TERMS_KEPT:
                self._terms.clear()
            self._terms[id(terms)] = known
        return known[1]

    def _pack_batch(self, plan_count: int) -> bytes:
        packed = self._batches.get(plan_count)
        if packed is None:
            packed = self._batches[plan_count] = bulk(pack_batch(self._hold_us, plan_count))
        return packed


def _head(sha: bytes, subject_count: int, argument_count: int) -> bytes:
    key_count = b"%d" % (2 * subject_count)
    parts = 3 + 2 * subject_count + argument_count
    return b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n$%d\r\n%b\r\n" % (parts, sha, len(key_count), key_count)
