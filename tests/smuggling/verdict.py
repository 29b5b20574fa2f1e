"""Whether every backend reads what quotad accepted as quotad reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.smuggling.passage import Answered, Passage
from tests.smuggling.readers import Heard, Reader, Sight, tell

BATCH = 200
"""Requests of one connection to a backend: where one ends decides what all behind it mean."""

LAST = b"GET /last HTTP/1.1\r\nHost: last\r\nX-Request-Id: last\r\nConnection: close\r\n\r\n"


NOT_AS_SENT = (b"upgrade", b"expect")
"""Fields that quotad takes away, and without which the backends agree. As they are, Node drops what follows a
request with Upgrade, and waitress drops a request that has Expect and no body."""


@dataclass
class Findings:
    """What one backend made of it."""

    reader: Reader
    equal: int = 0
    refused: list[str] = field(default_factory=list)
    """Requests that it answered with an error: it is stricter there, and hides nothing behind them."""
    wrong: list[str] = field(default_factory=list)
    """Where it read another number of requests, other borders, or other contents."""


async def as_forwarded(reader: Reader, requests: Sequence[bytes]) -> Findings:
    """All of them one behind the other, as if quotad had sent them on one connection."""
    found = Findings(reader)
    at, size = 0, BATCH
    while at < len(requests):
        batch = requests[at : at + size]
        heard = await tell(reader, b"".join(batch) + LAST)
        if (len(heard.sights) < len(batch) or heard.waits) and size > 1:
            # Node answers a bad request before good ones ahead of it: a smaller batch tells which it was.
            size = max(1, size // 4)
            continue
        _compare(found, batch, heard)
        at += len(batch)
        size = min(BATCH, size * 2)
    return found


def _compare(found: Findings, batch: Sequence[bytes], heard: Heard) -> None:
    for sight, request in zip(heard.sights, batch, strict=False):
        if sight == Sight.of(request):
            found.equal += 1
        else:
            found.wrong.append(f"{sight} for {request!r}")
    if heard.waits:
        found.wrong.append(f"waits for more after {batch[-1]!r}")
    elif len(heard.sights) < len(batch):
        found.refused.append(f"{heard.status}: {batch[-1]!r}")
    elif [sight.request_id for sight in heard.sights[len(batch) :]] != ["last"]:
        found.wrong.append(f"{len(heard.sights)} requests for {len(batch) + 1}, the last {batch[-1]!r}")


async def as_sent(reader: Reader, streams: Sequence[Answered], seen: dict[bytes, bytes]) -> Findings:
    """The caller's own bytes, for streams of which quotad accepted every request."""
    found = Findings(reader)
    for stream in streams:
        if any(field in stream.stream.data.lower() for field in NOT_AS_SENT):
            continue
        heard = await tell(reader, stream.stream.data)
        meant = [Sight.of(seen[name]).message for name in stream.accepted]
        got = [sight.message for sight in heard.sights]
        # One that stops early reads nothing of what follows in another way.
        if heard.waits or got != meant[: len(got)]:
            found.wrong.append(f"{got} for {meant} in {stream.stream.data!r}")
        elif len(got) < len(meant):
            found.refused.append(f"{heard.status}: {stream.stream.data!r}")
        else:
            found.equal += 1
    return found


def balance(passage: Passage, streams: Sequence[Answered], counted: int) -> list[str]:
    """What quotad answered, sent on and counted, against each other."""
    accepted = [name for stream in streams for name in stream.accepted]
    seen = passage.recorder.seen
    problems = [*passage.problems, *passage.recorder.strange]
    problems += [f"answered, and no backend saw it: {name!r}" for name in accepted if name not in seen]
    problems += [
        f"a backend saw it, and it was not answered: {seen[name]!r}" for name in seen.keys() - set(accepted)
    ]
    if counted != len(accepted):
        problems.append(f"{counted} counted, {len(accepted)} accepted")
    return problems
