"""The short form of ``make smuggling``."""

import pytest

from tests.smuggling.mutants import mutated_streams, table_streams
from tests.smuggling.run import run

REQUESTS = 4_000


def test_streams_come_back() -> None:
    """The same seed makes the same streams, another seed others, and as many requests as asked for."""
    first, again, other = (list(mutated_streams(seed, 300)) for seed in (1, 1, 2))
    assert first == again != other
    assert sum(stream.requests for stream in first) == 300
    assert len(table_streams()) > 150


@pytest.mark.debian
@pytest.mark.timeout(1800)
async def test_backends_agree() -> None:
    """Three real servers read what quotad accepted as it does; what was refused is not counted."""
    result = await run(seed=7, requests=REQUESTS, sent=400)
    assert result.problems == []
    assert result.accepted_mutants > REQUESTS // 5
    assert result.counted == result.accepted
    for findings in result.forwarded:
        assert findings.equal > 20 * len(findings.refused), findings.refused[:5]
    for findings in result.sent:
        assert findings.equal > len(findings.refused), findings.refused[:5]
