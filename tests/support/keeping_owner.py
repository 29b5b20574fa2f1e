"""A process that owns an embedded store until it is killed: prints the store's URL, then waits.

python -m tests.support.keeping_owner DIRECTORY
"""

import asyncio
import sys
from pathlib import Path

from quotad.store.embedded import EmbeddedServer


async def main(directory: Path) -> None:
    server = EmbeddedServer(directory)
    print(await server.start(), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
