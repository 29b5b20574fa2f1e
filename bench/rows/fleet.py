"""Stores that hold many Secrets and plans, and quotad in control mode before them."""

import asyncio
import contextlib
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import callers
from bench.callers import PLAN_ID, SERVICE_ID
from bench.findings import Build
from bench.peers.peer import LIMIT_HEADERS, Peer, Site, fill
from bench.peers.quotad.command import COMPILED_PYTHON, common, plan_limits, version
from bench.plan import NAMESPACE
from bench.rows.ground import Ground
from bench.stage import Stage
from bench.store import store
from quotad.config.model import StoreConfig
from quotad.store.control import Change, ControlStore, Write
from tests.support.catalog import plan, secret, service

_TEMPLATES = Path(__file__).parents[1] / "peers" / "quotad"
_KEYS = "k1:" + b64encode(b"1" * 32).decode()
"""What ``tests.support.catalog`` seals keys with. It opens nothing but a bench."""
_PLACE = (SERVICE_ID, "release", False)
_AT_ONCE = 500


def in_control(build: Build) -> Peer:
    """Quotad with its plans and Secrets in the store."""
    return Peer(
        f"quotad_control_{build}",
        "quotad in control mode",
        "the whole job",
        lambda site: _command(build, "serve", site, "control.yaml"),
        version,
        headers=LIMIT_HEADERS,
        checks_callers=True,
    )


def admin_command(build: Build, site: Site) -> list[str]:
    """Of an admin process, whose port is the Site's."""
    return _command(build, "admin", site, "admin.yaml")


def _command(build: Build, verb: str, site: Site, template: str) -> list[str]:
    (site.folder / "master.keys").write_text(_KEYS)
    config = fill(_TEMPLATES / template, site, **common(site))
    python = [str(COMPILED_PYTHON), "-I"] if build == "compiled" else [sys.executable]
    return [*python, "-m", "quotad", verb, "-c", str(config)]


@contextlib.contextmanager
def filled(ground: Ground, secrets: int, plans: int) -> Iterator[Stage]:
    """The stage before a store of its own with the first so many callers, spread over so many plans."""
    folder = ground.stage.folder / f"store-{secrets}-{plans}"
    folder.mkdir()
    with store(folder) as server:
        asyncio.run(_fill(f"unix://{server.socket}", secrets, plans))
        yield ground.stage.with_store(server)


async def _fill(url: str, secrets: int, plans: int) -> None:
    control = ControlStore(url, StoreConfig(namespace=NAMESPACE), writes=True)
    await control.start()
    try:
        await _write(control, secrets, plans)
    finally:
        await control.close()


async def _write(control: ControlStore, secrets: int, plans: int) -> None:
    ids = [PLAN_ID, *(f"usagePlan-{number:08d}" for number in range(1, plans))]
    who = callers.make(secrets)
    await _commit(control, [service(SERVICE_ID, serviceName="bench")])
    for start in range(0, plans, _AT_ONCE):
        limits = plan_limits()
        await _commit(control, [plan(each, (_PLACE,), **limits) for each in ids[start : start + _AT_ONCE]])
    for start in range(0, secrets, _AT_ONCE):
        bound = [(ids[at % plans], who[at]) for at in range(start, min(secrets, start + _AT_ONCE))]
        writes = [secret(caller.secret_id, (plan_id,), caller.secret_key) for plan_id, caller in bound]
        await _commit(control, writes, [(plan_id, caller.secret_id, True) for plan_id, caller in bound])


async def _commit(
    control: ControlStore, writes: list[Write], members: Sequence[tuple[str, str, bool]] = ()
) -> None:
    if await control.commit(Change(await control.head(), writes, members=members)) is None:
        raise RuntimeError("somebody else writes")
