"""Steps 3 and 5 where they have to wait: a strong signature's proof, the plan's Verdict, the throttles'."""

from quotad.core.credentials import AuthRefusal
from quotad.core.digests import BodyDigest
from quotad.core.plans import Subject
from quotad.core.replies import Refusal, refusal_of
from quotad.core.signature import Message, Proof, verify
from quotad.core.verdict import Verdict
from quotad.dataplane.caller import BUSY, PROOF, VERDICT, RefusedError
from quotad.dataplane.entrance import caller_of, hold_back, note_failure, throttles_of
from quotad.dataplane.flow import pause
from quotad.dataplane.forward import Forward
from quotad.dataplane.proof import check_body, message_of, spend_nonce
from quotad.dataplane.shadow import Shadow
from quotad.dataplane.snapshot import Caller, Entry


class Admit(Forward):
    """How a request is let in. The base of ``exchange.Exchange``, which makes it."""

    __slots__ = ()

    # (3) authenticate, by a strong signature

    def _message(self) -> Message:
        return message_of(self._line, self._fields, self._client, self._behind)

    async def _prove(self, entry: Entry) -> Caller:
        """Who signed this request; it is new, and its body is right as far as that is known yet."""
        plane, client, rules = self._plane, self._client, entry.auth
        if plane.auth_failures is not None:
            hold_back(plane, plane.auth_failures, self.outcome)
        proof = verify(self._message(), entry.secrets, rules.signature_rules, plane.wall())
        if isinstance(proof, AuthRefusal):
            note_failure(plane, proof.key, self.outcome)
            raise RefusedError(Refusal(proof.key, proof.detail, auth=rules))
        caller = caller_of(entry, proof.secret, self.outcome)
        self._stage = PROOF
        self._digest = await self._check_body(proof, rules.signature_rules.check_body_bytes)
        await spend_nonce(plane, client, proof, rules)
        self._stage = BUSY
        return caller

    async def _check_body(self, proof: Proof, check_bytes: int) -> BodyDigest | None:
        return await check_body(self._plane, self._client, self._fields, proof, check_bytes)

    # (5) reserve

    def _reserve(self, subject: Subject) -> Verdict | None:
        """Ask for one unit. None: the Verdict is to come."""
        self._sent_s = self._plane.clock()
        verdict = self._plane.admission.reserve(subject, self)
        if verdict is None:
            self._stage = VERDICT
        return verdict

    def on_verdict(self, verdict: Verdict) -> None:
        """The engine's answer (``core.verdict.Waiter``)."""
        self._client.wake(verdict)

    def _heard(self) -> None:
        if self._stage == VERDICT:
            self._stage = BUSY
            self.outcome.store_s += self._plane.clock() - self._sent_s

    def _decided(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self._heard()
        if not verdict.admitted:
            raise RefusedError(refusal_of(verdict))

    async def _reserve_alone(self, subject: Subject) -> None:
        """Ask the plan for one unit. Raises RefusedError."""
        verdict = self._reserve(subject)
        self._decided(await pause() if verdict is None else verdict)

    # Throttles (docs/decisions/0008-throttle.md): after the plan, so that who is beyond its plan takes
    # nothing of what all share; the Api's before the environment's, for the same reason.

    async def _reserve_under(self, entry: Entry, subject: Subject) -> None:
        """Ask the plan for one unit, then each throttle. When one has none, all that was granted goes back.

        While one of them is known to be used up, nothing is asked at all. A throttle that the store does
        not answer for lets pass what the plan's failure policy let pass.
        """
        throttles = throttles_of(entry, self._line, self.outcome)
        for throttle in throttles:
            known = self._plane.admission.known_refusal(throttle)
            if known is not None:
                self._throttled(known)
        await self._reserve_alone(subject)
        for throttle in throttles:
            verdict: Verdict = self._reserve(throttle) or await pause()
            self._heard()
            if verdict.admitted:
                self._throttles = (*self._throttles, verdict)
            elif verdict.reason != "store":
                self.leave()
                self.outcome.counted = None
                self._throttled(verdict)

    def _ask_shadow(self, subject: Subject | None) -> None:
        if subject is not None:
            self._shadow = shadow = Shadow(self._plane, self.outcome)
            shadow.ask(subject)

    # (7) settle

    def _settle_proven(self, status: int) -> None:
        """Settle, unless the request's body may still turn out to be another than was signed.

        Then it is settled at the end: by this status, or as an answer of no class.
        """
        if self._upload is None or not self._upload.unproven:
            self.settle(status)

    def _throttled(self, verdict: Verdict) -> None:
        if verdict.reason == "rate":
            verdict.reason = "api_throttle" if verdict.subject.api_id else "throttle"
        self._decided(verdict)
