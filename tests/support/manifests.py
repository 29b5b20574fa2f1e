"""The manifests of deploy/kubernetes/ as Kubernetes would get them, and what a Pod of them sees."""

import subprocess
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
PROGRAMS = ROOT / "build" / "kube"
"""Where `sh .ci/kube` puts kubectl and helm."""

Manifest = dict[str, Any]


def run(program: str, *arguments: str | Path) -> str:
    """What one of the programs prints; its own words where it fails."""
    path = PROGRAMS / program
    assert path.is_file(), f"there is no {program}: run sh .ci/kube"
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(folder: Path) -> list[Manifest]:
    """What ``kubectl apply -k`` would send."""
    return [each for each in yaml.safe_load_all(run("kubectl", "kustomize", folder)) if each is not None]


@dataclass(frozen=True)
class Manifests:
    """All objects of one kustomization or chart."""

    objects: list[Manifest]

    def of(self, kind: str) -> list[Manifest]:
        """All of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Manifest:
        """The only one."""
        (found,) = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        return found

    def files(self, volume: Manifest) -> dict[str, bytes]:
        """What a volume mounts of a ConfigMap or a Secret; nothing of others, or of one that is not here."""
        if "configMap" in volume:
            kind, name = "ConfigMap", volume["configMap"]["name"]
        elif "secret" in volume:
            kind, name = "Secret", volume["secret"]["secretName"]
        else:
            return {}
        found = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        data = found[0].get("data", {}) if found else {}
        return {key: b64decode(text) if kind == "Secret" else text.encode() for key, text in data.items()}


def containers(pod: Manifest) -> Iterator[Manifest]:
    """All of a Pod, those that start first first."""
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def pod_of(workload: Manifest) -> Manifest:
    """The spec of its Pods."""
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec
