"""What containers see as their root: of an image, or of this machine's programs, read-only either way."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.manifests import ROOT

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ssl")
BUILD = """
set -e
cd "$FOLDER"
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm base
rm -rf base/var/cache/apt/archives/*.deb base/var/lib/apt/lists/*
container=$(buildah from scratch)
buildah add "$container" base /
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit "$container" quotad-base
buildah rm "$container"
rm -rf base
(echo '[global]'; pip config list | sed -n "s/^global\\.\\(.*\\)='\\(.*\\)'$/\\1 = \\2/p") >pip.conf
buildah build --format docker --build-arg BASE=localhost/quotad-base --build-arg COMPILED=0 -t quotad \
    --secret id=pip,src="$PWD/pip.conf" \
    --volume /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro "$SOURCES"
"""
IMAGE = "localhost/quotad"
BUILDAH = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}


@dataclass(frozen=True)
class Root:
    """A container's root file system."""

    path: Path | None
    """None: an empty folder."""
    shown: dict[str, str] = field(default_factory=dict)
    """Folders of this machine that are there as well: where, and which."""
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ("quotad",)


def machine_root() -> Root:
    """What runs here, where the image has it."""
    virtual = Path(sys.prefix)
    python = str(Path(sys.base_prefix))
    shown = {path: path for path in SYSTEM if Path(path).exists()}
    # The sources may lie under /tmp, which is another's there.
    shown |= {python: python, "/opt/quotad": str(virtual), "/srv/quotad": str(ROOT)}
    environment = {"PATH": "/opt/quotad/bin:/usr/bin:/bin", "PYTHONPATH": "/srv/quotad"}
    return Root(None, shown, environment, ("/opt/quotad/bin/python", "-m", "quotad"))


def build_image() -> None:
    """With buildah from a Debian mirror, as docs/operations.md says; without a compiler, to be quicker."""
    with tempfile.TemporaryDirectory(prefix="quotad-image-", dir="/var/tmp") as folder:
        environment = {**os.environ, **BUILDAH, "FOLDER": folder, "SOURCES": str(ROOT)}
        subprocess.run(["bash", "-c", BUILD], check=True, env=environment, timeout=1800)


@contextlib.contextmanager
def image_root(image: str) -> Iterator[Root]:
    """Of an image that buildah has; its container is gone afterwards."""

    def buildah(*arguments: str) -> str:
        done = subprocess.run(
            ["buildah", *arguments],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, **BUILDAH},
            timeout=600,
        )
        return done.stdout.strip()

    settings = {"PATH": "/opt/quotad/bin:/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
    container = buildah("from", image)
    try:
        yield Root(Path(buildah("mount", container)), {}, settings)
    finally:
        buildah("rm", container)
