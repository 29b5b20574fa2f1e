"""The manifests: Kubernetes takes them, their parts fit each other, and quotad takes what it is given."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from quotad.config.file import load
from quotad.lifetime import SETTLE_WITHIN_S
from quotad.monitoring.rules import rules
from tests.support.manifests import KUBERNETES, Manifest, Manifests, containers, pod_of, rendered

pytestmark = pytest.mark.debian

OVERLAYS = ("demo", "sentinel", "cluster", "managed-tls")
FOLDERS = ("base", "admin", *(f"overlays/{name}" for name in OVERLAYS))
VERSIONS = ("1.30", "1.33", kubernetes_validate.latest_version())
"""The oldest that has everything (``preStop.sleep``), one between, and the newest that is known."""
OPERATORS = {"PodMonitor", "PrometheusRule"}
"""Of the Prometheus operator: no part of Kubernetes."""


@pytest.fixture(scope="module", params=FOLDERS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Each kustomization, rendered by kubectl."""
    return Manifests(rendered(KUBERNETES / request.param))


@pytest.fixture(scope="module")
def sentinel() -> Manifests:
    """One with everything in it, the operator's kinds included."""
    return Manifests(rendered(KUBERNETES / "overlays" / "sentinel"))


def quotads(manifests: Manifests) -> list[Manifest]:
    """The Deployments that have quotad in their Pods."""
    return [each for each in manifests.of("Deployment") if each["metadata"]["name"] != "redis"]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_them(manifests: Manifests, version: str) -> None:
    """Every object is valid in every version that is promised, without a field that it does not know."""
    for each in manifests.objects:
        if each["kind"] not in OPERATORS:
            kubernetes_validate.validate(each, version, strict=True)


def test_no_container_may_do_more_than_it_needs(manifests: Manifests) -> None:
    """Not root, no privileges, no capability, a root that cannot be written, bounded memory, no token."""
    for workload in manifests.of("Deployment"):
        pod = pod_of(workload)
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]


def test_names_within_a_pod_lead_somewhere(manifests: Manifests) -> None:
    """Volumes that are mounted are there, and ports of probes, Services and policies have their names."""
    for workload in manifests.of("Deployment"):
        pod = pod_of(workload)
        volumes = {each["name"] for each in pod.get("volumes", [])}
        for container in containers(pod):
            assert {each["name"] for each in container.get("volumeMounts", [])} <= volumes
            ports = {each["name"] for each in container.get("ports", [])}
            probes = [container[kind] for kind in container if kind.endswith("Probe")]
            asked = [probe.get("httpGet", probe.get("tcpSocket", {})).get("port") for probe in probes]
            assert {port for port in asked if port} <= ports


def test_what_selects_pods_finds_them(manifests: Manifests) -> None:
    """Each Service, policy and budget selects the Pods of exactly one Deployment, by ports that they have."""
    pods = [each["spec"]["template"] for each in manifests.of("Deployment")]
    selectors = [(each["kind"], each["spec"]["selector"]) for each in manifests.of("Service")]
    selectors += [
        (each["kind"], each["spec"]["selector"]["matchLabels"])
        for each in manifests.of("PodDisruptionBudget")
    ]
    selectors += [
        (each["kind"], each["spec"]["podSelector"]["matchLabels"]) for each in manifests.of("NetworkPolicy")
    ]
    for kind, wanted in selectors:
        found = [pod for pod in pods if wanted.items() <= pod["metadata"]["labels"].items()]
        assert len(found) == 1, (kind, wanted)
    for service in manifests.of("Service"):
        named = {
            port["name"] for pod in pods for each in containers(pod["spec"]) for port in each.get("ports", [])
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


def mounted(manifests: Manifests, workload: Manifest, root: Path) -> Path:
    """Everything that quotad's container mounts, under ``root``; answers its configuration there."""
    pod = pod_of(workload)
    (container,) = [each for each in containers(pod) if each["name"] == "quotad"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        folder = root / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True)
        for name, content in manifests.files(volumes[mount["name"]]).items():
            (folder / name).write_bytes(content)
    secret = root / "etc" / "quotad-secret"
    for name, text in (
        ("store-password", "password"),
        ("master.keys", "k1:" + "A" * 43 + "=\n"),
        ("token", "a-token-of-the-test-only"),
    ):
        if not (secret / name).exists():
            (secret / name).write_text(text)
    path: str = container["args"][-1]
    return root / path.lstrip("/")


def test_quotad_takes_what_is_mounted(manifests: Manifests, tmp_path: Path) -> None:
    """Its configuration loads from the ConfigMap and the Secret, and listens where the manifest says."""
    for workload in quotads(manifests):
        config = load(mounted(manifests, workload, tmp_path / workload["metadata"]["name"]))
        (container,) = [each for each in containers(pod_of(workload)) if each["name"] == "quotad"]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        assert config.telemetry.address is not None
        assert ports["metrics"] == config.telemetry.address.port
        if container["args"][0] == "serve":
            assert ports["http"] == config.listen.address.port
            assert config.reload == "onChange"
        else:
            assert config.admin is not None
            assert ports["admin"] == config.admin.address.port


def test_the_end_of_a_pod_fits_the_drain(manifests: Manifests, tmp_path: Path) -> None:
    """The app outlives the drain of its sidecar, and both end within the grace period."""
    for workload in quotads(manifests):
        pod = pod_of(workload)
        if "initContainers" not in pod:
            continue
        (sidecar,) = pod["initContainers"]
        assert sidecar["restartPolicy"] == "Always"
        config = load(mounted(manifests, workload, tmp_path))
        words = sidecar["lifecycle"]["preStop"]["exec"]["command"][-1].split(";")
        assert words[1].strip() == "kill -TERM 1"
        before_s = int(words[0].removeprefix("sleep "))
        (app,) = pod["containers"]
        assert app["lifecycle"]["preStop"]["sleep"]["seconds"] > before_s + config.listen.drain_s
        grace_s = pod["terminationGracePeriodSeconds"]
        assert grace_s >= app["lifecycle"]["preStop"]["sleep"]["seconds"] + 10
        assert grace_s > before_s + config.listen.drain_s + SETTLE_WITHIN_S


def test_policies_let_in_and_out_what_is_used(manifests: Manifests, tmp_path: Path) -> None:
    """Callers, Prometheus, names and every port of the store's URL."""
    for workload in quotads(manifests):
        name = workload["metadata"]["name"]
        config = load(mounted(manifests, workload, tmp_path / name))
        policy = manifests.one("NetworkPolicy", name)["spec"]
        let_out = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
        hosts = config.store.url.partition("@")[2].partition("/")[0].split(",")
        assert {53, *(int(host.rpartition(":")[2]) for host in hosts)} <= let_out
        let_in = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
        (container,) = [each for each in containers(pod_of(workload)) if each["name"] == "quotad"]
        assert let_in == {port["name"] for port in container["ports"]}


def test_overlays_differ_in_the_store() -> None:
    """Each names its own kind of store, to sidecars and admins alike."""
    forms: dict[str, Any] = {}
    for name in OVERLAYS:
        found = Manifests(rendered(KUBERNETES / "overlays" / name))
        urls = [each["data"]["store-url"] for each in found.of("ConfigMap") if "store-url" in each["data"]]
        assert len(urls) == 2
        (forms[name],) = {url.partition("://")[0] for url in urls}
    assert forms == {
        "demo": "redis",
        "sentinel": "redis+sentinel",
        "cluster": "redis+cluster",
        "managed-tls": "rediss",
    }


def test_prometheus_finds_the_pods_and_has_the_alerts(sentinel: Manifests) -> None:
    """The operator's kinds hold today's alerts, and select every Pod with quotad by its port's name."""
    (rule,) = sentinel.of("PrometheusRule")
    assert rule["spec"] == rules()
    (monitor,) = sentinel.of("PodMonitor")
    (label,) = monitor["spec"]["selector"]["matchExpressions"]
    for workload in quotads(sentinel):
        assert workload["spec"]["template"]["metadata"]["labels"][label["key"]] in label["values"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")
    (board,) = [each for each in sentinel.of("ConfigMap") if each["metadata"]["name"] == "quotad-dashboard"]
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
