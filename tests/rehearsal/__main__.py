"""``python -m tests.rehearsal``: a roll-out of deploy/kubernetes/overlays/demo without a cluster.

Needs root, runc and redis-server. All of it happens in namespaces of its own. Exit status 1: something was
lost. QUICK: the containers' root is made of this machine's programs, not of an image.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from tests.rehearsal.roll_out import roll_out
from tests.rehearsal.roots import IMAGE, build_image, image_root, machine_root

INSIDE = "QUOTAD_REHEARSAL_INSIDE"


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    quick = os.environ.get("QUICK", "") not in ("", "0")
    parser.add_argument("--quick", action="store_true", default=quick, help="no image")
    parser.add_argument("--image", help="an image that buildah has; built when not given")
    options = parser.parse_args()
    if not os.environ.get(INSIDE):
        if not options.quick and not options.image:
            build_image()
        # A network and a /run/netns of its own: this machine's stay as they are.
        command = ["unshare", "--net", "--mount", sys.executable, "-m", "tests.rehearsal", *sys.argv[1:]]
        return subprocess.run(command, check=False, env={**os.environ, INSIDE: "1"}).returncode
    root = nullcontext(machine_root()) if options.quick else image_root(options.image or IMAGE)
    with tempfile.TemporaryDirectory(prefix="quotad-rehearsal-") as folder, root as seen:
        # Users of containers pass through it.
        Path(folder).chmod(0o755)
        problems = asyncio.run(roll_out(Path(folder), seen))
    print("\n".join(problems) or "nothing was lost")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
