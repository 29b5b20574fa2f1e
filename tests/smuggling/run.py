"""The tables and so many mutants through quotad, then before the backends."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.smuggling.mutants import Stream, mutated_streams, table_streams
from tests.smuggling.passage import Answered, running_passage
from tests.smuggling.readers import running_readers
from tests.smuggling.verdict import Findings, as_forwarded, as_sent, balance

END_LINE = b"GET /end HTTP/1.1\r\n"


@dataclass
class Result:
    """What was found."""

    streams: int
    rows: int
    """Of the tables."""
    mutants: int
    accepted: int
    """Requests that a backend got whole, the last one of each stream among them."""
    accepted_mutants: int
    counted: int
    answers: Counter[int]
    whole: int
    """Streams of which every request was accepted."""
    forwarded: list[Findings]
    sent: list[Findings]
    problems: list[str]


async def run(seed: int, requests: int, *, sent: int) -> Result:
    """``requests`` mutated ones; of the streams taken whole at most ``sent`` go to the backends as sent."""
    table = table_streams()
    streams: list[Stream] = [*table, *mutated_streams(seed, requests)]
    async with running_passage() as passage:
        answered = await passage.send(streams)
        counted = await passage.counted()
    recorder = passage.recorder
    problems = balance(passage, answered, counted)
    whole = [one for one in answered if is_whole(one, recorder.seen)]
    # Node without a handler for upgrades drops what comes with one in the same piece; quotad sends nothing
    # behind a request before its answer.
    captured = [each for name in recorder.order if b"\r\nUpgrade: " not in (each := recorder.seen[name])]
    async with running_readers() as readers:
        forwarded = await asyncio.gather(*(as_forwarded(reader, captured) for reader in readers))
        direct = await asyncio.gather(*(as_sent(reader, whole[:sent], recorder.seen) for reader in readers))
    for findings in (*forwarded, *direct):
        problems += [f"{findings.reader.name}: {wrong}" for wrong in findings.wrong]
    accepted, ends = _accepted(answered, recorder.seen)
    return Result(
        len(streams),
        len(table),
        requests,
        accepted,
        accepted - ends - sum(len(one.accepted) for one in answered if one.stream in table),
        counted,
        Counter(status for one in answered for status, _ in one.answers),
        len(whole),
        list(forwarded),
        list(direct),
        problems,
    )


def is_whole(one: Answered, seen: dict[bytes, bytes]) -> bool:
    """Whether everything in it, down to its last request, was accepted."""
    names = one.accepted
    return len(names) == len(one.answers) > 0 and seen.get(names[-1], b"").startswith(END_LINE)


def _accepted(answered: Sequence[Answered], seen: dict[bytes, bytes]) -> tuple[int, int]:
    """How many were accepted, and how many of them ended a stream."""
    names = [name for one in answered for name in one.accepted]
    return len(names), sum(seen.get(name, b"").startswith(END_LINE) for name in names)
