"""``quotad demo --check``: the lines are run and their answers checked, then the counts are proven."""

import json
import re
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quotad.client.caller import Client, KeyPair, Reply
from quotad.clock import wall_s
from quotad.demo.backend import Backend
from quotad.demo.lines import Line
from quotad.demo.setup import BUSINESS, TRIAL, TRIAL_DAY, TRIAL_RATE, Ground
from quotad.errors import QuotadError

COMMAND_S = 60
SETTLE_S = 5.0
_ASK_AGAIN_S = 0.05
_DAY_CALLS = 10 * TRIAL_DAY
_CLOCK_S = 3
"""How far a Retry-After may be from the end of the day as this machine's clock sees it."""

_STATUS = re.compile(r"^(?:HTTP/1\.1|\s*\d+ ) (\d{3}) ", re.MULTILINE)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a check is run against."""

    ground: Ground
    addresses: Mapping[str, str]
    """What quotad listens on: listen, telemetry, admin."""
    backend: Backend
    lines: list[Line]
    say: Say

    def url(self, name: str) -> str:
        """The URL of one of quotad's ports."""
        return f"http://{self.addresses[name]}"


class Check:
    """Runs on a thread of its own, since it waits for commands while the backend answers them."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._caller = Client(scene.url("listen"))
        self._failed = 0
        self._admitted = {"trial": 0, "business": 0}
        self._counted = {"trial": 0, "business": 0}

    def run(self) -> bool:
        """Print a line per check; whether all went well."""
        parts = (self._lines, self._strangers, self._backend_failures, self._day, self._totals, self._metrics)
        for part in parts:
            try:
                part()
            except QuotadError as error:
                self._expect(part.__name__.strip("_"), str(error), None)
        self._caller.close()
        outcome = "all checks passed" if not self._failed else f"{self._failed} checks FAILED"
        self._scene.say(outcome)
        return not self._failed

    def _expect(self, what: str, found: object, wanted: object) -> None:
        if found == wanted:
            self._scene.say(f"ok    {what}")
            return
        self._failed += 1
        self._scene.say(f"FAIL  {what}: {found!r}, expected {wanted!r}")

    def _lines(self) -> None:
        for line in self._scene.lines:
            done = subprocess.run(  # noqa: S602 - these are lines for a shell, ours, and no input is in them
                line.command, shell=True, capture_output=True, timeout=COMMAND_S, check=False
            )
            output = done.stdout.decode(errors="replace")
            seen = [int(status) for status in _STATUS.findall(output)]
            self._expect(f"{line.title}: {line.answers}", tuple(dict.fromkeys(seen)), line.statuses)
            if line.plan:
                self._note(line.plan, seen)
        self._expect_used("after the lines, used is what was admitted and counts")

    def _note(self, plan: str, statuses: list[int]) -> None:
        self._counted[plan] += statuses.count(200)
        self._admitted[plan] += sum(status in (200, 500) for status in statuses)

    def _call(self, pair: KeyPair | None, target: str = "/hello") -> Reply:
        return self._caller.request("GET", target, pair.headers() if pair else ())

    def _strangers(self) -> None:
        reply = self._call(None)
        self._expect(
            "no credentials: 401 with WWW-Authenticate",
            (reply.status, bool(reply.header("WWW-Authenticate"))),
            (401, True),
        )
        reply = self._call(KeyPair(self._scene.ground.trial.secret_id, "not-the-right-key"))
        self._expect(
            "a wrong key: 401",
            (reply.status, _problem(reply)["detail"]),
            (401, "Secret id or key is invalid."),
        )
        unknown = self._call(KeyPair("AKIDnobody", "not-the-right-key"))
        self._expect(
            "an unknown SecretId: the same words", _problem(unknown)["detail"], _problem(reply)["detail"]
        )
        self._expect_used("strangers are not counted")

    def _backend_failures(self) -> None:
        statuses = [self._call(self._scene.ground.business, "/fail").status for _ in range(3)]
        self._note("business", statuses)
        self._expect("failures of the backend come through", statuses, [500, 500, 500])
        self._expect_used("failures of the backend are not counted")

    def _day(self) -> None:
        """Use up the trial plan's day; a rate refusal is waited out."""
        rate_words: set[tuple[str, str]] = set()
        for _ in range(_DAY_CALLS):
            reply = self._call(self._scene.ground.trial)
            self._note("trial", [reply.status])
            if reply.status != 429 or _problem(reply)["limit"] != "rate":
                if reply.status != 200:
                    break
                continue
            rate_words.add((_problem(reply)["detail"], reply.header("Retry-After")))
            threading.Event().wait(1 / TRIAL_RATE)
        else:
            raise QuotadError("the day's quota never ended")
        wanted_words = {("API rate limit exceeded.", "1")}
        self._expect("over the rate: 429 and when to come back", rate_words, wanted_words)
        problem = _problem(reply)
        answer = (reply.status, problem["limit"], problem["detail"])
        self._expect("over the day's quota: 429", answer, (429, "day", "API quota exceeded."))
        self._expect(f"exactly {TRIAL_DAY} were admitted", self._counted["trial"], TRIAL_DAY)
        ends_at = datetime.fromisoformat(self._usage()[TRIAL]["windows"]["day"]["endsAt"])
        left_s = ends_at.timestamp() - wall_s()
        near = abs(int(reply.header("Retry-After") or 0) - left_s) <= _CLOCK_S
        self._expect("Retry-After is the end of the day", near, True)

    def _totals(self) -> None:
        self._expect_used("in the end, used is what was admitted and counts")
        self._expect(
            "the backend got what was admitted, no more",
            self._scene.backend.served,
            sum(self._admitted.values()),
        )

    def _metrics(self) -> None:
        client = Client(self._scene.url("telemetry"))
        probes = [client.request("GET", path).status for path in ("/healthz", "/readyz")]
        text = client.request("GET", "/metrics").body.decode()
        client.close()
        self._expect("/healthz and /readyz", probes, [200, 200])
        sample = re.search(
            rf'^quotad_in_use_request_num\{{[^}}]*plan="{TRIAL}"[^}}]*window="day"\}} (\S+)$',
            text,
            re.MULTILINE,
        )
        self._expect("/metrics agrees", float(sample[1]) if sample else None, float(TRIAL_DAY))

    def _expect_used(self, what: str) -> None:
        """Compare what the store says with what was seen, once all Holds are settled."""
        give_up_s = wall_s() + SETTLE_S
        rows = self._usage()
        while any(row["held"] for row in rows.values()) and wall_s() < give_up_s:
            threading.Event().wait(_ASK_AGAIN_S)
            rows = self._usage()
        found = {
            name: (
                row["inUseRequestNum"],
                row["windows"]["day"]["inUse"],
                row["windows"]["month"]["inUse"],
                row["held"],
            )
            for name, row in (("trial", rows[TRIAL]), ("business", rows[BUSINESS]))
        }
        wanted = {name: (count, count, count, 0) for name, count in self._counted.items()}
        self._expect(what, found, wanted)

    def _usage(self) -> dict[str, dict[str, Any]]:
        return usage_rows(self._scene.url("admin"))


def usage_rows(admin_url: str) -> dict[str, dict[str, Any]]:
    """``/v1/usage`` by plan id. Raises QuotadError."""
    client = Client(admin_url)
    try:
        reply = client.request("GET", "/v1/usage")
    finally:
        client.close()
    if reply.status != 200:
        raise QuotadError(f"/v1/usage answered {reply.status}")
    return {row["usagePlanId"]: row for row in json.loads(reply.body)["usage"]}


def _problem(reply: Reply) -> dict[str, Any]:
    """The problem document; a body that is none has no members to find."""
    empty = {"detail": None, "limit": None}
    try:
        members = json.loads(reply.body)
    except ValueError:
        return empty
    return {**empty, **members} if isinstance(members, dict) else empty
