"""``python -m quotad.monitoring [FOLDER]``: writes dashboard and alerts, under deploy/ unless told."""

import sys
from pathlib import Path

from quotad.monitoring.files import write

if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "deploy"))
