"""The commands to try, and what each answers. Printed by the demo, run by its check."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from quotad.demo.setup import TRIAL_RATE, Ground

OVER_CALLS = 2 * TRIAL_RATE + 2
"""More than the bucket holds; with the other lines still fewer than the day's quota."""


@dataclass(frozen=True, slots=True)
class Line:
    """One command for a shell."""

    title: str
    command: str
    answers: str
    statuses: tuple[int, ...]
    """The kinds of status in the order in which they first appear."""
    plan: str
    """Of the caller: ``trial``, ``business``, or empty for one who is not let in."""


def lines(ground: Ground, url: str, *, with_curl: bool) -> list[Line]:
    """The lines for callers' port ``url``; without curl the same requests by ``quotad call``."""
    quotad = program()
    trial = f"--id {ground.trial.secret_id} --key-file {_shown(ground.key_file('trial'))}"
    business = f"--id {ground.business.secret_id} --key-file {_shown(ground.key_file('business'))}"
    call = f"{quotad} call {url}"
    if with_curl:
        curl = f"curl -i {url}/hello -H 'X-Secret-Id: {ground.trial.secret_id}' -H"
        pair = f'{curl} "X-Secret-Key: $(cat {_shown(ground.key_file("trial"))})"'
        wrong = f"{curl} 'X-Secret-Key: not-the-right-key'"
        signed = f'eval "$({quotad} sign {trial} --curl {url}/hello)"'
    else:
        pair = f"{call}/hello {trial}"
        wrong = f"{call}/hello --id {ground.trial.secret_id} --key not-the-right-key"
        signed = f"{call}/hello {trial} --hmac"
    again = f"{call}/hello {trial} -n {OVER_CALLS}"
    return [
        Line("A key pair in headers", pair, "200, and in RateLimit what is left", (200,), "trial"),
        Line("Signed (HMAC): the key does not travel", signed, "200; signed when run", (200,), "trial"),
        Line("The other plan", f"{call}/hello {business} --hmac", "200", (200,), "business"),
        Line("A wrong key", wrong, "401, and nothing is counted", (401,), ""),
        Line(
            "The backend fails",
            f"{call}/fail {business}",
            "500, not counted: the plan's quotaCondition is 2xx",
            (500,),
            "business",
        ),
        Line(
            "Over the limit",
            again,
            f"200 until the bucket of {TRIAL_RATE} is empty, then 429 with Retry-After: 1",
            (200, 429),
            "trial",
        ),
    ]


def program() -> str:
    """How a shell in this folder calls this very quotad."""
    beside = Path(sys.executable).with_name("quotad")
    if not beside.exists():
        return f"{shlex.quote(sys.executable)} -m quotad"
    found = shutil.which("quotad")
    return "quotad" if found and Path(found).samefile(beside) else _shown(beside)


def _shown(path: Path) -> str:
    """Relative where that is shorter, quoted for a shell."""
    here = Path.cwd()
    return shlex.quote(os.path.relpath(path, here) if path.is_relative_to(here) else str(path))
