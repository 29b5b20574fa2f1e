"""One event on its way to one webhook: what was tried, what comes next, when it is given up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

State = Literal["pending", "delivered", "failed"]

FIRST_PAUSE_US: Final = 5_000_000
LONGEST_PAUSE_US: Final = 3_600_000_000
GIVEN_UP_US: Final = 3 * 86_400_000_000
"""After its creation an event is tried no more."""
ATTEMPTS_SHOWN: Final = 10
"""The last ones are kept."""
ERROR_LENGTH: Final = 200

_GONE = 410
_AGAIN_LATER = (429, 503)


class Attempt(NamedTuple):
    """One try."""

    at_us: int
    status: int
    """0: there was no answer."""
    error: str
    """Why; empty when the status says it."""
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event and what became of it so far."""

    event_id: str
    type: str
    body: str
    """Sent as it is, each time."""
    created_us: int
    next_us: int
    """When it is tried next; 0: it is over."""
    state: State = "pending"
    attempt_count: int = 0
    attempts: tuple[Attempt, ...] = ()

    def members(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "id": self.event_id,
            "type": self.type,
            "body": self.body,
            "created": self.created_us,
            "next": self.next_us,
            "state": self.state,
            "count": self.attempt_count,
            "attempts": [list(each) for each in self.attempts],
        }

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Delivery":
        """What ``members`` said. Raises ValueError for anything else."""
        try:
            return cls(
                str(found["id"]),
                str(found["type"]),
                str(found["body"]),
                int(found["created"]),
                int(found["next"]),
                found["state"],
                int(found["count"]),
                tuple(Attempt(*each) for each in found["attempts"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError("no delivery") from error

    def tried(self, attempt: Attempt, retry_after_us: int = 0, fraction: float = 0.0) -> "Delivery":
        """What it is after a try. ``retry_after_us``: what the receiver asked for; ``fraction``: 0 to 1.

        2xx is delivered, 410 is failed for good, all else is tried again until ``GIVEN_UP_US``.
        """
        after = replace(
            self,
            attempt_count=self.attempt_count + 1,
            attempts=(*self.attempts, attempt)[-ATTEMPTS_SHOWN:],
        )
        if 200 <= attempt.status < 300:
            return replace(after, state="delivered", next_us=0)
        asked_us = retry_after_us if attempt.status in _AGAIN_LATER else 0
        wait_us = max(pause_us(after.attempt_count, fraction), min(asked_us, LONGEST_PAUSE_US))
        next_us = attempt.at_us + wait_us
        if attempt.status == _GONE or next_us > self.created_us + GIVEN_UP_US:
            return replace(after, state="failed", next_us=0)
        return replace(after, next_us=next_us)

    def again(self, now_us: int) -> "Delivery":
        """The same, asked for once more by somebody."""
        return replace(self, state="pending", next_us=now_us)


def pause_us(attempts: int, fraction: float) -> int:
    """Between this many attempts and the next: doubled each time up to an hour, half of it by lot."""
    whole_us = min(FIRST_PAUSE_US << min(attempts - 1, 20), LONGEST_PAUSE_US)
    return whole_us // 2 + int(whole_us / 2 * fraction)


def is_gone(attempt: Attempt) -> bool:
    """Whether the receiver said that it wants no more."""
    return attempt.status == _GONE
