"""What becomes known of a request of the admin port while it is answered, for all doors alike."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from aiohttp import web

from quotad.controlplane.desk import Asker
from quotad.telemetry.admin_line import Ended

Tell = Callable[[Ended], None]
"""Hears of each request when it has ended: the access log."""


@dataclass(slots=True)
class Visit:
    """One request."""

    request_id: str
    """The same in the answer, the access log and the audit log."""
    asker: Asker | None = None
    """Who asked; None: nobody was let in."""
    action: str = ""
    """What was asked for, by its row in ``roles.NEEDED`` or by the cloud's name."""


VISIT = web.RequestKey("visit", Visit)


def visit_of(request: web.Request) -> Visit:
    """That of this request, begun when it is first asked for."""
    found = request.get(VISIT)
    if found is None:
        found = request[VISIT] = Visit(str(uuid4()))
    return found


def ended(request: web.Request, status: int, started_s: float, ended_s: float) -> Ended:
    """What the access log is told of it; ``status`` 0: there was no answer."""
    visit = visit_of(request)
    asker = visit.asker
    return Ended(
        request_id=visit.request_id,
        started_s=started_s,
        ended_s=ended_s,
        client=request.remote or "",
        method=request.method,
        target=request.raw_path,
        status=status,
        action=visit.action,
        who="" if asker is None else asker.name,
        role="" if asker is None else asker.role,
        means="" if asker is None else asker.means,
    )
