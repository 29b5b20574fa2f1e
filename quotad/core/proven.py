"""What a head's credentials have proven, so that equal bytes need not prove it again.

A caller sends the same fields again and again: a key pair as long as it lives, a signature over a date for
a second. Whether they prove a Secret follows from the fields, the Secret, the rules and the time alone.
"""

from collections.abc import Mapping
from math import inf

from quotad.config.model import AuthRules
from quotad.core.plans import Secret


def is_usable(secret: Secret, now_s: float) -> bool:
    """Whether a Secret is enabled and has not expired; ``now_s``: seconds since the epoch."""
    # Where keys are not opened a Secret has none, and no key proves anybody.
    if not secret.enabled or not secret.secret_key:
        return False
    return secret.expires_at_s is None or now_s < secret.expires_at_s


class Proven:
    """Of one head's fields: whose they are. Only what was right is kept, and only of a Secret's first key.

    A wrong key or signature is in other bytes, which are compared in constant time each time they come.
    """

    __slots__ = ("_rules", "_since_s", "_until_s", "secret")

    def __init__(self) -> None:
        self.secret: Secret | None = None
        """None: nothing is proven for longer than a moment."""
        self._rules: AuthRules | None = None
        self._since_s, self._until_s = -inf, inf

    def keep(self, secret: Secret) -> None:
        """The fields prove this Secret."""
        self.secret = secret

    def bound(self, since_s: float, until_s: float) -> None:
        """They do so at no other time, in seconds since the epoch, both included."""
        self._since_s, self._until_s = max(self._since_s, since_s), min(self._until_s, until_s)

    def under(self, rules: AuthRules) -> None:
        """They do so under these rules."""
        self._rules = rules

    def again(self, secrets: Mapping[str, Secret], rules: AuthRules, now_s: float) -> Secret | None:
        """Whose they are still; None: they must be compared again.

        Not when the Secret, also a key of it, or the rules are others than then.
        """
        secret = self.secret
        if secret is None or rules is not self._rules or not self._since_s <= now_s <= self._until_s:
            return None
        if secrets.get(secret.secret_id) is not secret or not is_usable(secret, now_s):
            return None
        return secret
