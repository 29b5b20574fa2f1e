"""The Helm chart says the same as the kustomizations, and what its values change is right."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.manifests import KUBERNETES, ROOT, Manifest, Manifests, containers, pod_of, rendered, run

pytestmark = pytest.mark.debian

CHART = ROOT / "deploy" / "helm" / "quotad"
OPERATORS = {"PodMonitor", "PrometheusRule"}


def chart(*options: str) -> Manifests:
    """What ``helm install`` would send."""
    text = run("helm", "template", "release", CHART, *options)
    return Manifests([each for each in yaml.safe_load_all(text) if each is not None])


def told(objects: list[Manifest]) -> dict[tuple[str, str], Any]:
    """Each object by kind and name, without labels, annotations, and hashes in names."""
    found: dict[tuple[str, str], Any] = {}
    for each in objects:
        text = re.sub(r"\b(quotad-admin)-[0-9a-z]{10}\b", r"\1", json.dumps(each))
        plain = json.loads(text)
        metadata = plain.pop("metadata")
        plain.get("spec", {}).get("template", {}).get("metadata", {}).pop("annotations", None)
        for name, data in plain.get("data", {}).items():
            if name.endswith(".yaml"):
                plain["data"][name] = yaml.safe_load(data)
            else:
                plain["data"][name] = data.strip()
        found[each["kind"], metadata["name"]] = plain
    return found


def test_by_default_it_is_what_kustomize_says() -> None:
    """Object by object, field by field."""
    kustomized = [each for folder in ("base", "admin") for each in rendered(KUBERNETES / folder)]
    mine, theirs = told(chart().objects), told(kustomized)
    assert set(mine) == set(theirs)
    for key, value in mine.items():
        assert value == theirs[key], key


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_kubernetes_takes_it(version: str) -> None:
    """Every object is valid, also with an app of one's own."""
    app = '{"name": "mine", "image": "mine:1", "ports": [{"containerPort": 9000}]}'
    for options in ((), ("--set-json", f"app={app}", "--set", "monitoring=true")):
        for each in chart(*options).objects:
            if each["kind"] not in OPERATORS:
                kubernetes_validate.validate(each, version, strict=True)


def test_an_app_of_ones_own_outlives_the_drain() -> None:
    """It has the same preStop as the sample, which is gone with all its files."""
    manifests = chart("--set-json", 'app={"name": "mine", "image": "mine:1"}', "--set", "sidecar.name=mine")
    pod = pod_of(manifests.one("Deployment", "mine"))
    (app,) = pod["containers"]
    assert (app["name"], app["lifecycle"]["preStop"]["sleep"]["seconds"]) == ("mine", 22)
    assert not [each for each in pod["volumes"] if each["name"] == "app"]
    assert {each["metadata"]["name"] for each in manifests.of("ConfigMap")} == {"quotad", "quotad-admin"}


def test_the_store_is_named_once() -> None:
    """Sidecars and admins get its URL with their own user, policies let its ports out."""
    manifests = chart("--set", "store.url=rediss://USER@store.example:6380/0", "--set", "store.ports={6380}")
    assert manifests.one("ConfigMap", "quotad")["data"]["store-url"] == "rediss://quotad@store.example:6380/0"
    admin = manifests.one("ConfigMap", "quotad-admin")["data"]["store-url"]
    assert admin == "rediss://quotad-admin@store.example:6380/0"
    for policy in manifests.of("NetworkPolicy"):
        assert policy["spec"]["egress"][1]["ports"] == [{"protocol": "TCP", "port": 6380}]


def test_its_copies_are_of_today() -> None:
    """The sample is the kustomization's; that the alerts are is tested with what makes them."""
    assert (CHART / "app.py").read_text() == (KUBERNETES / "base" / "sample" / "app.py").read_text()
    names = {each["name"] for each in containers(pod_of(chart().one("Deployment", "orders")))}
    assert names == {"quotad", "app"}
    assert Path(CHART / "prometheusrule.yaml").is_file()
