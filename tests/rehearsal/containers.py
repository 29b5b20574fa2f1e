"""One container by runc, as a manifest says: user, read-only root, no capability, seccomp."""

import asyncio
import json
import platform
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rehearsal.roots import Root

PROFILE = Path("/usr/share/containers/seccomp.json")
"""What container engines take for RuntimeDefault; of Debian's golang-github-containers-common."""
KERNELS = (
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
    {
        "destination": "/dev/shm",
        "type": "tmpfs",
        "source": "shm",
        "options": ["nosuid", "nodev", "mode=1777"],
    },
)


@dataclass(frozen=True)
class Sandbox:
    """What the containers of a Pod share, or have alike."""

    network: str
    hosts: Path
    root: Root
    user: Mapping[str, Any]
    """The Pod's securityContext."""
    folder: Path


class Container:
    """One of a Pod's."""

    def __init__(self, sandbox: Sandbox, manifest: Mapping[str, Any], volumes: Mapping[str, Path]) -> None:
        self.name: str = manifest["name"]
        self.manifest = manifest
        self.log: deque[str] = deque(maxlen=100)
        self._bundle = sandbox.folder / self.name
        self._id = f"{sandbox.folder.name}-{self.name}"
        self._state = sandbox.folder / "runc"
        root = sandbox.root.path or self._bundle / "root"
        root.mkdir(parents=True, exist_ok=True)
        self._bundle.mkdir(exist_ok=True)
        (self._bundle / "config.json").write_text(
            json.dumps(_specification(sandbox, manifest, volumes, root))
        )
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run it; what it says is kept in ``log``."""
        self._process = await asyncio.create_subprocess_exec(
            *self._runc("run", "--bundle", str(self._bundle), self._id),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )
        self._reading = asyncio.ensure_future(self._read())

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.returncode is None

    async def signal(self, name: str) -> None:
        """To its first process; one that has ended hears nothing."""
        if self.is_running:
            await self._told("kill", self._id, name)

    async def run(self, command: Sequence[str]) -> bool:
        """Another process in it, of the same user; whether it ended well."""
        return await self._told("exec", self._id, *command) == 0

    async def ended(self) -> int:
        """Wait for its end; answers its exit status."""
        assert self._process is not None
        status = await self._process.wait()
        if self._reading is not None:
            await self._reading
        return status

    async def kilobytes(self) -> int:
        """Resident memory of all its processes."""
        process = await asyncio.create_subprocess_exec(
            *self._runc("ps", "--format", "json", self._id), stdout=PIPE, stderr=DEVNULL
        )
        told, _ = await process.communicate()
        pages = [Path(f"/proc/{pid}/status").read_text() for pid in json.loads(told)]
        sizes = [page.partition("VmRSS:")[2].split()[0] for page in pages]
        return sum(map(int, sizes))

    async def _told(self, *arguments: str) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._runc(*arguments), stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            return await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise

    def _runc(self, verb: str, *arguments: str) -> tuple[str, ...]:
        return ("runc", "--root", str(self._state), verb, *arguments)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self.log.append(line.decode().rstrip())


def _specification(
    sandbox: Sandbox, manifest: Mapping[str, Any], volumes: Mapping[str, Path], root: Path
) -> dict[str, Any]:
    """config.json of the OCI's runtime specification."""
    mine, pod = manifest["securityContext"], sandbox.user
    assert mine["capabilities"] == {"drop": ["ALL"]}
    command = manifest.get("command", sandbox.root.entrypoint)
    shown = [_bind(source, where, writable=False) for where, source in sandbox.root.shown.items()]
    mounted = [
        _bind(str(volumes[each["name"]]), each["mountPath"], writable=not each.get("readOnly"))
        for each in manifest.get("volumeMounts", [])
    ]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "args": [*command, *manifest.get("args", [])],
            "cwd": "/",
            "env": [f"{name}={value}" for name, value in sandbox.root.environment.items()],
            "user": {
                "uid": pod["runAsUser"],
                "gid": pod["runAsGroup"],
                "additionalGids": [pod["fsGroup"]],
            },
            "capabilities": {},
            "noNewPrivileges": not mine["allowPrivilegeEscalation"],
        },
        "root": {"path": str(root), "readonly": mine["readOnlyRootFilesystem"]},
        "mounts": [*KERNELS, *shown, _bind(str(sandbox.hosts), "/etc/hosts", writable=False), *mounted],
        "linux": {
            "namespaces": [
                *({"type": kind} for kind in ("pid", "ipc", "uts", "mount")),
                {"type": "network", "path": sandbox.network},
            ],
            **({"seccomp": _filter()} if pod["seccompProfile"]["type"] == "RuntimeDefault" else {}),
        },
    }


def _bind(source: str, destination: str, *, writable: bool) -> dict[str, Any]:
    options = ["rbind", "rw" if writable else "ro", "nosuid", "nodev"]
    return {"destination": destination, "type": "bind", "source": source, "options": options}


def _filter() -> dict[str, Any]:
    """The engines' default profile, for a container without capabilities on this machine."""
    if not PROFILE.is_file():
        raise RuntimeError(f"{PROFILE} is missing: apt install golang-github-containers-common")
    profile = json.loads(PROFILE.read_text())
    machine = "arm64" if platform.machine() == "aarch64" else "amd64"
    allowed = [
        {key: each[key] for key in ("names", "action", "args", "errnoRet") if each.get(key)}
        for each in profile["syscalls"]
        if "caps" not in each.get("includes", {})
        and machine in each.get("includes", {}).get("arches", [machine])
    ]
    kernel = "SCMP_ARCH_AARCH64" if machine == "arm64" else "SCMP_ARCH_X86_64"
    return {"defaultAction": profile["defaultAction"], "architectures": [kernel], "syscalls": allowed}
