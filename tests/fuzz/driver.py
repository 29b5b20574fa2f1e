"""``python -m tests.fuzz.driver SIDE SECONDS``: the process that libFuzzer drives, and ends."""

import asyncio
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["quotad.core", "quotad.dataplane"]):
    from tests.fuzz.inputs import from_backend, from_caller, seeds

KEPT = Path(__file__).parents[2] / "build" / "fuzz"
LONGEST_BYTES = 4096
HANGS_S = 20


async def fuzz(side: str, seconds: int) -> None:
    """Never returns. The loop has nothing to do: all of a conversation happens in one call."""
    corpus, broken = KEPT / "corpus" / side, KEPT / "broken" / side
    for folder in (corpus, broken):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(side)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_BYTES}",
        f"-timeout={HANGS_S}",
        f"-artifact_prefix={broken}/",
    )
    atheris.Setup([sys.argv[0], *options, str(corpus)], from_caller if side == "caller" else from_backend)
    atheris.Fuzz()


if __name__ == "__main__":
    asyncio.run(fuzz(sys.argv[1], int(sys.argv[2])))
