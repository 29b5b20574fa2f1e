"""The kubelet's part: a Pod's containers in their order, probes at their times, and how it ends."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.rehearsal.containers import Container, Sandbox
from tests.rehearsal.network import add_pod
from tests.rehearsal.roots import Root
from tests.support.manifests import Manifest, Manifests, pod_of
from tests.support.mounts import Mount
from tests.support.waiting import until


class Pod:
    """One Pod of a Deployment."""

    def __init__(
        self, manifests: Manifests, workload: Manifest, number: int, root: Root, folder: Path
    ) -> None:
        """``folder`` is its own; it has a file ``hosts`` beside it."""
        self.name = f"{workload['metadata']['name']}-{number}"
        self._spec = pod_of(workload)
        network, self.address = add_pod(number)
        folder.mkdir()
        user = self._spec["securityContext"]
        sandbox = Sandbox(network, folder.parent / "hosts", root, user, folder)
        volumes = {
            each["name"]: _volume(manifests, each, folder / "volumes" / each["name"], user)
            for each in self._spec["volumes"]
        }
        self._sidecars = [Container(sandbox, each, volumes) for each in self._spec.get("initContainers", [])]
        self._apps = [Container(sandbox, each, volumes) for each in self._spec["containers"]]
        self._probing: list[asyncio.Task[None]] = []
        self.problems: list[str] = []
        self.states: dict[tuple[str, str], bool] = {}
        """Container and probe to what it last said."""

    @property
    def containers(self) -> list[Container]:
        """All, those that start first first."""
        return [*self._sidecars, *self._apps]

    @property
    def is_ready(self) -> bool:
        """What its condition Ready would say."""
        wanted = [each.name for each in self.containers if "readinessProbe" in each.manifest]
        return all(self.states.get((name, "readinessProbe"), False) for name in wanted)

    async def start(self) -> None:
        """Sidecars in turn, each until its startup probe is content, then the others; until all are ready."""
        for container in self.containers:
            await container.start()
            if "startupProbe" in container.manifest:
                await self._until_started(container)
            for kind in ("livenessProbe", "readinessProbe"):
                if kind in container.manifest:
                    self._probing.append(asyncio.ensure_future(self._probe_on(container, kind)))
        await until(lambda: self.is_ready, 60)

    async def end(self) -> float:
        """As when it was deleted; answers how long it took, in seconds."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        for task in self._probing:
            task.cancel()
        try:
            async with asyncio.timeout(self._spec["terminationGracePeriodSeconds"]):
                hooks = {each: asyncio.ensure_future(self._pre_stop(each)) for each in self.containers}
                await asyncio.gather(*(self._stop(each, hooks[each]) for each in self._apps))
                for sidecar in reversed(self._sidecars):
                    await self._stop(sidecar, hooks[sidecar])
        except TimeoutError:
            self.problems.append(f"{self.name}: the grace period was not enough")
            await self.kill()
        return loop.time() - begun_s

    async def kill(self) -> None:
        """At once."""
        for task in self._probing:
            task.cancel()
        for container in self.containers:
            if container.is_running:
                await container.signal("KILL")
                await container.ended()

    async def _until_started(self, container: Container) -> None:
        probe = container.manifest["startupProbe"]
        for _ in range(probe["failureThreshold"]):
            if await self._probe(container, probe):
                return
            if not container.is_running:
                break
            await asyncio.sleep(probe["periodSeconds"])
        raise RuntimeError(f"{self.name}: {container.name} did not start: {list(container.log)}")

    async def _probe_on(self, container: Container, kind: str) -> None:
        probe, failures = container.manifest[kind], 0
        while True:
            is_well = await self._probe(container, probe)
            failures = 0 if is_well else failures + 1
            if is_well or failures >= probe.get("failureThreshold", 3):
                self.states[container.name, kind] = is_well
            if kind == "livenessProbe" and failures >= probe.get("failureThreshold", 3):
                self.problems.append(f"{self.name}: {container.name} would have been restarted")
            await asyncio.sleep(probe["periodSeconds"])

    async def _probe(self, container: Container, probe: Mapping[str, Any]) -> bool:
        try:
            async with asyncio.timeout(probe["timeoutSeconds"]):
                if "exec" in probe:
                    return await container.run(probe["exec"]["command"])
                ports = {each["name"]: each["containerPort"] for each in container.manifest["ports"]}
                return await _get(self.address, ports[probe["httpGet"]["port"]], probe["httpGet"]["path"])
        except (OSError, TimeoutError):
            return False

    async def _pre_stop(self, container: Container) -> None:
        hook = container.manifest.get("lifecycle", {}).get("preStop", {})
        if "sleep" in hook:
            await asyncio.sleep(hook["sleep"]["seconds"])
        elif "exec" in hook:
            await container.run(hook["exec"]["command"])

    async def _stop(self, container: Container, hook: Awaitable[None]) -> None:
        await hook
        await container.signal("TERM")
        status = await container.ended()
        # A program without a handler ends by the signal itself: 128 + 15.
        if status not in (0, 143):
            self.problems.append(
                f"{self.name}: {container.name} ended with {status}: {list(container.log)[-3:]}"
            )


async def _get(host: str, port: int, path: str) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        return line[9:10] in (b"2", b"3")
    finally:
        writer.close()


def _volume(manifests: Manifests, volume: Manifest, folder: Path, user: Mapping[str, Any]) -> Path:
    """What the kubelet would mount; of an emptyDir a folder that the Pod's group may write to."""
    group = user["fsGroup"]
    if "emptyDir" in volume:
        folder.mkdir(parents=True)
        folder.chmod(0o2777)
        os.chown(folder, -1, group)
        return folder
    mount = Mount(folder, {name: text.decode() for name, text in manifests.files(volume).items()})
    mode = volume.get("secret", {}).get("defaultMode", 0o644)
    for path in (folder / "..data").resolve().iterdir():
        path.chmod(mode)
        os.chown(path, -1, group)
    return mount.folder


@contextlib.asynccontextmanager
async def ending(pods: list[Pod]) -> Any:
    """However the rehearsal ends, no container is left."""
    try:
        yield
    finally:
        for pod in pods:
            await pod.kill()


Endpoints = Callable[[], list[str]]
"""The addresses to which a Service leads now."""
