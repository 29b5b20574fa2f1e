"""``python -m quotad`` and the ``quotad`` command."""

import sys

from quotad.cli.entry import main as run


def main() -> None:
    """Run the command and end with its exit status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
