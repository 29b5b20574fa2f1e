"""What stands in a line of the admin port's access log.

Members, always all of them and in this order: ``time``, ``requestId``, ``client``, ``method``, ``path``,
``status``, ``action``, ``who``, ``role``, ``means``, ``durationUs``.

``time`` is when the request ended: UTC, RFC 3339. ``status`` is 0 when nothing was answered. ``who`` is the
name or id of a credential, never a token, empty where nobody was let in; ``means`` how it was shown.
``path`` ends at the ``?``. What was sent is cut to a bound and escaped to ASCII, so a line is one line.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from json import dumps

from quotad.clock import MonotonicClock, WallClock
from quotad.telemetry.log_line import METHOD_LENGTH, shown_path

NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Ended:
    """One request of the admin port that has ended."""

    request_id: str
    started_s: float
    """By the monotonic clock, as ``ended_s``."""
    ended_s: float
    client: str
    method: str
    target: str
    status: int
    action: str
    who: str
    role: str
    means: str


class AdminLineMaker:
    """Makes lines. There are few of them: nothing is remembered."""

    def __init__(self, wall_s: WallClock, monotonic_s: MonotonicClock) -> None:
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._offset_s = 0.0

    def begin(self) -> None:
        """Compare the clocks anew; once per batch of lines."""
        self._offset_s = self._wall_s() - self._monotonic_s()

    def line(self, ended: Ended) -> str:
        """One request's line, newline included, ASCII only."""
        at = datetime.fromtimestamp(ended.ended_s + self._offset_s, UTC).replace(tzinfo=None)
        members = {
            "time": f"{at.isoformat(timespec='milliseconds')}Z",
            "requestId": ended.request_id,
            "client": ended.client,
            "method": ended.method[:METHOD_LENGTH],
            "path": shown_path(ended.target),
            "status": ended.status,
            "action": ended.action[:NAME_LENGTH],
            "who": ended.who[:NAME_LENGTH],
            "role": ended.role,
            "means": ended.means,
            "durationUs": int((ended.ended_s - ended.started_s) * 1e6),
        }
        return dumps(members, separators=(",", ":")) + "\n"
