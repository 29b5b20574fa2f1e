"""Writes quotad's configuration and says how it is started: as anyone would."""

import json
import sys
from pathlib import Path

from bench.callers import ENVIRONMENT, PLAN_ID, SERVICE_ID
from bench.peers.peer import Site, fill
from bench.plan import LEASE, NAMESPACE, PLAN
from bench.processes import ROOT, free_port
from bench.tools import output_of
from quotad import __version__

HERE = Path(__file__).parent


COMPILED_PYTHON = ROOT / ".venv-compiled" / "bin" / "python"


def command(site: Site) -> list[str]:
    """Configuration into the Site's folder."""
    return [sys.executable, *_serve(site)]


def compiled_command(site: Site) -> list[str]:
    """The same, by the Python that holds the compiled wheel; ``-I``: not the sources beside the bench."""
    return [str(COMPILED_PYTHON), "-I", *_serve(site)]


def _serve(site: Site) -> list[str]:
    secrets = [
        {"secretName": f"caller_{n}", "secretId": caller.secret_id, "secretKey": caller.secret_key}
        for n, caller in enumerate(site.callers)
    ]
    plan = {"usagePlanId": PLAN.usage_plan_id, "usagePlanName": PLAN.usage_plan_name, **plan_limits()}
    if site.case.leases:
        plan["lease"] = LEASE
    values = common(site) | {
        "WORKERS": site.case.workers,
        "PLAN_ID": PLAN_ID,
        "PLAN": json.dumps(plan),
        "SECRETS": json.dumps(secrets),
        "SECRET_IDS": json.dumps([caller.secret_id for caller in site.callers]),
    }
    return ["-m", "quotad", "serve", "-c", str(fill(HERE / "quotad.yaml", site, **values))]


def common(site: Site) -> dict[str, object]:
    """What every configuration of quotad is filled with."""
    return {
        "TELEMETRY_PORT": free_port(),
        "SUPERVISED": json.dumps(site.case.supervised),
        "STORE_SETTINGS": json.dumps(_store(site)),
        "SERVICE": SERVICE_ID,
        "ENVIRONMENT": ENVIRONMENT,
    }


def plan_limits() -> dict[str, object]:
    """Of the bench's plan, as configuration and control records write them."""
    return {
        "rateRps": PLAN.rate_rps,
        "burst": PLAN.burst,
        "dayQuotaRequest": PLAN.day_quota_request,
        "monthQuotaRequest": PLAN.month_quota_request,
        "maxRequestNum": PLAN.max_request_num,
        "scope": PLAN.scope,
    }


def version() -> str:
    """Of the package, and the commit when this is a checkout."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = output_of(command, r"^(\w+)$")
    return f"{__version__} (commit {commit})"


def compiled_lack() -> str:
    """Why the compiled quotad cannot run; empty when it can."""
    if not COMPILED_PYTHON.exists():
        return "no .venv-compiled: `make compiled` makes it, with a C compiler"
    module = output_of(
        [str(COMPILED_PYTHON), "-I", "-c", "import quotad.engine.limiter as it; print(it.__file__)"],
        r"(\S+\.so)\s",
    )
    return "what .venv-compiled holds is not compiled" if module == "?" else ""


def _store(site: Site) -> dict[str, object]:
    """Where it counts.

    The load tool drives everything to its limit, so queues are as long as they get: a deadline of 50 ms would
    measure how often the machine stalls.
    """
    where = {"embedded": {"dir": "store"}} if site.case.embedded else {"url": f"unix://{site.store_socket}"}
    return {**where, "namespace": NAMESPACE, "deadlineMs": 5000}
