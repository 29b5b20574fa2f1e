"""What pages show without being a walk of their own: the lines that stand there, typed in a shell."""

import asyncio
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quotad.clock import wall_s
from quotad.core.plans import Subject, UsagePlan
from tests.support.backends import running_backend
from tests.support.manifests import PROGRAMS
from tests.support.offices import TOKEN, office
from tests.support.pages import ROOT, blocks, commands
from tests.support.processes import Quotad, running_quotad, start_quotad
from tests.support.servers import StoreServer
from tests.support.shell import control_file
from tests.support.spending import charged_and_open
from tests.support.terminal import Terminal
from tests.support.waiting import until_true

KEY = "a-key-of-the-test"
ADDRESS = "127.0.0.1:9901"


def configuration(folder: Path, store: str, backend: int) -> Path:
    """That of README.md, with a store and a backend that are there and ports that are free."""
    (text,) = [each.text for each in blocks("README.md") if each.language == "yaml"]
    for shown, there in (
        ("127.0.0.1:8080", "127.0.0.1:0"),
        ("127.0.0.1:9090", "127.0.0.1:0"),
        ("127.0.0.1:9000", f"127.0.0.1:{backend}"),
        # A machine that stands still must refuse nobody.
        ('{url: "redis://127.0.0.1:6379/0"}', json.dumps({"url": store, "deadlineMs": 5000})),
    ):
        assert shown in text
        text = text.replace(shown, there)
    path = folder / "quotad.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
async def test_a_configuration_is_checked_and_served(
    page: str, tmp_path: Path, store_server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's own passes `quotad check` as it is typed there; `quotad serve` gets ready with it."""
    check, serve = commands(page, "quotad check -c")
    monkeypatch.setenv("ACME_SECRET_KEY", KEY)
    config = configuration(tmp_path, store_server.url, 9)
    Terminal(tmp_path, never=KEY).run(check)
    assert serve == f"quotad serve -c {config.name}"
    async with running_quotad(config) as (quotad,):
        assert "listen" in quotad.ports


async def test_the_records_of_the_readme(tmp_path: Path, store_server: StoreServer) -> None:
    """From the first token to use that is shown, in the order of the page."""
    token, admin, variables, *others = commands("README.md", "quotad token create")
    terminal = Terminal(tmp_path)
    control_file(tmp_path, store_server.url, admin={"address": "127.0.0.1:0"}).rename(tmp_path / "admin.yaml")
    terminal.run(token)
    assert admin == "quotad admin -c admin.yaml &"
    control = await start_quotad(tmp_path / "admin.yaml", command="admin")
    try:
        place = variables.replace(ADDRESS, f"127.0.0.1:{control.ports['admin']}")
        made = others.index("quotad secret create acme") + 1
        told = terminal.run([place, *others[:made]])
        (secret_id,) = set(re.findall(r"AKID\w+", told))
        told = terminal.run([place, *(line.replace("AKID...", secret_id) for line in others[made:])])
    finally:
        await control.stop()
    assert "starter" in told


@pytest.mark.debian
async def test_callers_sign(
    tmp_path: Path, store_server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the lines of README.md and docs/clients.md requests get through, and use is told at no cost."""
    monkeypatch.setenv("ACME_SECRET_KEY", KEY)
    (tmp_path / "trial.key").write_text(KEY)
    async with running_backend() as backend:
        config = configuration(tmp_path, store_server.url, backend.port)
        async with running_quotad(config) as (quotad,):
            terminal = Terminal(tmp_path, never=KEY)

            async def typed(*lines: str) -> str:
                # In a thread: the backend is in this one.
                return await asyncio.to_thread(terminal.run, here(lines, quotad))

            told = await typed(*commands("README.md", "QUOTAD_SECRET_KEY"))
            assert told.count("ok") == 2
            strong, usage = commands("docs/clients.md")
            assert "ok" in await typed(strong)
            # The last answer's settle may be on its way.
            await until_true(lambda: all_are_settled(store_server.url))
            assert '"day":{"inUse":3' in re.sub(r"\s", "", await typed(usage))
        assert len(backend.seen) == 3


async def all_are_settled(store_url: str) -> bool:
    """Whether nothing of the plan of README.md is held."""
    plan = UsagePlan("usagePlan-starter1", "starter")
    _, held = await charged_and_open(store_url, Subject(plan, "service-orders01", "release"))
    return held == 0


def here(lines: Sequence[str], quotad: Quotad) -> list[str]:
    """With the caller and the port that there are."""
    place = f"127.0.0.1:{quotad.ports['listen']}"
    shown = {
        "QUOTAD_SECRET_KEY=...": f"QUOTAD_SECRET_KEY={KEY}",
        "127.0.0.1:8080": place,
        "http://HOST": f"http://{place}",
        "AKIDtrial": "AKIDacme0001",
        "X-Secret-Id: ...": "X-Secret-Id: AKIDacme0001",
        "X-Secret-Key: ...": f"X-Secret-Key: {KEY}",
    }
    text = "\n".join(lines)
    for words, there in shown.items():
        text = text.replace(words, there)
    return text.splitlines()


@pytest.mark.debian
async def test_use_is_changed_with_curl(tmp_path: Path, store_server: StoreServer) -> None:
    """The lines of docs/operations.md: history, a reset and a top-up are answered well."""
    service, plan = "service-orders01", "usagePlan-starter1"
    place = {"serviceId": service, "environment": "release"}
    async with office(store_server.url, tmp_path) as port:
        await port.done("POST", "/v1/services", json={"serviceId": service, "serviceName": "orders"})
        await port.done("POST", f"/v1/services/{service}/environments/release/publish")
        limits = {"dayQuotaRequest": 1000, "monthQuotaRequest": 20_000}
        await port.done("POST", "/v1/plans", json={"usagePlanId": plan, "usagePlanName": "starter", **limits})
        await port.done("POST", "/v1/bindings/environments", json={"usagePlanIds": [plan], **place})
        terminal = Terminal(tmp_path, TOKEN=TOKEN, ADMIN=port.url)
        this_month = datetime.fromtimestamp(wall_s(), UTC).strftime("%Y-%m-01")
        typed = [line.replace("2026-11-01", this_month) for line in commands("docs/operations.md", "curl")]
        told = [await asyncio.to_thread(terminal.run, line) for line in typed]
        (row,) = (await port.done("GET", f"/v1/usage?usagePlanId={plan}"))["usage"]
    assert ['"history"' in told[0], '"reset"' in told[1], '"topUp"' in told[2]] == [True] * 3
    assert row["windows"]["month"]["left"] == 25_000


async def test_webhooks_by_command(tmp_path: Path, store_server: StoreServer) -> None:
    """The lines of docs/webhooks.md make one, keep its key in a file, and send a test that is shown."""
    create, *others = commands("docs/webhooks.md")
    async with office(store_server.url, tmp_path) as port:
        terminal = Terminal(tmp_path, QUOTAD_ADMIN=port.url, QUOTAD_TOKEN=TOKEN)
        await asyncio.to_thread(terminal.run, create)
        ((webhook,),) = [(await port.done("GET", "/v1/webhooks"))["webhooks"]]
        typed = [re.sub(r"webhook-\w+", webhook["webhookId"], line) for line in others]
        told = await asyncio.to_thread(terminal.run, typed)
    assert (tmp_path / "ops.key").read_text().startswith("whsec_")
    assert "webhook.ping" in told


@pytest.mark.debian
def test_secrets_and_chart_of_kubernetes(tmp_path: Path) -> None:
    """The lines of docs/kubernetes.md make what they say, as far as that is possible without a cluster."""
    for name in ("store-password", "admin-password", "token"):
        (tmp_path / name).write_text(f"the-{name}")
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    terminal = Terminal(tmp_path, programs=PROGRAMS)
    (install,) = commands("docs/kubernetes.md", "helm install")
    assert "mine:1" in terminal.run(install.replace("helm install", "helm template"))
    keygen, *secrets, apply, forward = commands("docs/kubernetes.md", "kubectl create")
    told = terminal.run([keygen, *(f"{line} --dry-run=client -o yaml" for line in secrets)])
    assert told.count("kind: Secret") == len(secrets) == 2
    assert "kind: Deployment" in terminal.run(apply.replace("kubectl apply -k", "kubectl kustomize"))
    assert shlex.split(forward)[:2] == ["kubectl", "port-forward"]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "bench/README.md"])
def test_a_part_of_the_tests_or_of_the_bench(page: str) -> None:
    """There are tests where the page says that some are; the bench knows the arguments that it shows."""
    typed = [line for line in commands(page) if ".venv/bin/" in line]
    assert typed
    for line in typed:
        long = " --collect-only -qq" if "pytest" in line else " --help"
        mine = line.replace(".venv/bin/pytest", ".venv/bin/python -m pytest -p no:cacheprovider")
        mine = mine.replace(".venv/bin/python", sys.executable)
        subprocess.run(["sh", "-c", mine + long], cwd=ROOT, check=True, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("target", "handed_on"), [("test", "tests/core -x"), ("properties", "-m hypothesis tests/lua")]
)
def test_make_runs_a_part_of_the_tests(target: str, handed_on: str) -> None:
    """The line of CONTRIBUTING.md hands its words on to pytest."""
    (typed,) = [line for line in commands("CONTRIBUTING.md") if line.startswith(f"make {target} ")]
    assert shutil.which("make")
    done = subprocess.run(
        ["sh", "-c", typed.replace("make", "make --dry-run", 1)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert re.search(rf"pytest .*{handed_on}$", done.stdout, re.MULTILINE)
