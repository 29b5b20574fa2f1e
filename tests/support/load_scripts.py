"""Loads every script of the quotad that this interpreter imports into the server of argv[1].

Run by ``tests/test_packaging.py`` with the built wheel. Prints the folder that the scripts came from.
"""

import sys

import redis

from quotad.store import scripts


def main() -> None:
    """Exits with a message when the server names a script otherwise than quotad does."""
    with redis.Redis.from_url(sys.argv[1]) as client:
        for script in scripts.load_all(verbs=scripts.VERBS + scripts.CONTROL_VERBS).values():
            if str(client.script_load(script.text)) != script.sha.decode():
                sys.exit(f"the server gave {script.name} another name")
    print(scripts.directory())


if __name__ == "__main__":
    main()
