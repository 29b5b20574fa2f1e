"""What a strong signature asks for beside being right: a new nonce, and the body that it was made for.

Both may have to be waited for. A short body is checked before anything goes on; a longer one as it passes
(``relay.Upload``). A body that is wrong spends no nonce, a request that is refused later does.
"""

from hashlib import blake2b
from math import inf

from quotad.config.model import AuthRules
from quotad.core.client_address import Behind
from quotad.core.digests import BodyDigest
from quotad.core.replies import Refusal
from quotad.core.request import RequestFields, RequestLine
from quotad.core.signature import Message, Proof
from quotad.dataplane.caller import Client, RefusedError
from quotad.dataplane.flow import pause
from quotad.dataplane.plane import Plane


def message_of(line: RequestLine, fields: RequestFields, client: Client, behind: Behind | None) -> Message:
    """A request as its caller signed it; ``behind``: the caller behind trusted hops, if there are any."""
    authority = line.authority or fields.host
    if behind is not None and behind.host:
        authority = behind.host
    return Message(
        line.method,
        line.target,
        authority,
        client.origin.proto if behind is None else behind.proto,
        bool(line.authority),
        fields.has_body,
        tuple(fields.pairs()),
    )


class _Gathering:
    """A short body on its way, until all of it is there (``relay.Inlet``)."""

    __slots__ = ("_client", "_idle_s", "_length", "_plane")

    def __init__(self, plane: Plane, client: Client, length: int) -> None:
        self._plane = plane
        self._client = client
        self._length = length
        self._idle_s = plane.listen.body_idle_timeout_s

    def start(self) -> None:
        self._client.inlet = self
        self._client.resume_flow()
        self._go_on()

    def on_data(self, data: bytes) -> None:
        """The next bytes from the caller."""
        self._client.ahead += data
        if len(self._client.ahead) < self._length:
            self._go_on()
        else:
            self.stop()
            self._client.wake(None)

    def stop(self) -> None:
        if self._client.inlet is self:
            self._client.inlet = None
            self._client.moved_by(inf)

    def _go_on(self) -> None:
        self._client.moved_by(self._plane.clock() + self._idle_s)


async def check_body(
    plane: Plane, client: Client, fields: RequestFields, proof: Proof, check_bytes: int
) -> BodyDigest | None:
    """Hold a request to its body; answers what is still to be checked while it passes, None for nothing.

    A body of known length is waited for when it has at most ``check_bytes``; not one whose sender
    waits to be asked for it (RFC 9110, section 10.1.1). Raises RefusedError.
    """
    if not proof.digests:
        return None
    digest = BodyDigest(proof.digests)
    length = max(fields.length, 0)
    if fields.chunked or (len(client.ahead) < length and (length > check_bytes or fields.expects)):
        return digest
    if len(client.ahead) < length:
        gathering = _Gathering(plane, client, length)
        gathering.start()
        try:
            await pause()
        finally:
            gathering.stop()
    digest.update(client.ahead[:length])
    if not digest.matches():
        raise RefusedError(Refusal("digest_mismatch"))
    return None


class _Question:
    """Whether a nonce is new, while the store is asked."""

    __slots__ = ("_client", "gone")

    def __init__(self, client: Client) -> None:
        self._client = client
        self.gone = False

    def tell(self, is_new: bool | None) -> None:
        if not self.gone:
            self._client.wake(is_new)


async def spend_nonce(plane: Plane, client: Client, proof: Proof, rules: AuthRules) -> None:
    """Use up a signature. Raises RefusedError unless it is certain that nobody did before."""
    if proof.replay == "off":
        return
    secret_id = proof.secret.secret_id
    name = blake2b(b"%b/%b" % (secret_id.encode(), proof.nonce), digest_size=16).hexdigest().encode()
    if proof.replay == "process":
        is_new = plane.nonces.spend(name, proof.keep_s)
        if is_new is None:
            raise RefusedError(Refusal("nonces_full", retry_after_s=1))
    else:
        is_new = await _spend_in_fleet(plane, client, proof, name)
        if is_new is None:
            raise RefusedError(Refusal("nonce_unknown", retry_after_s=1))
    if not is_new:
        raise RefusedError(Refusal("signature_replayed", auth=rules))


async def _spend_in_fleet(plane: Plane, client: Client, proof: Proof, name: bytes) -> bool | None:
    if plane.fleet_nonces is None:
        return None
    question = _Question(client)
    plane.fleet_nonces.spend_nonce(proof.secret.secret_id, name, proof.keep_s, question.tell)
    try:
        is_new: bool | None = await pause()
    finally:
        question.gone = True
    return is_new
