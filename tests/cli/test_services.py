from typing import Any

from tests.support.desks import Shell


def environments(shell: Shell, service: str) -> dict[str, Any]:
    """Of that service, by name."""
    return {each["environment"]: each for each in shell.json("service", "show", service)["environments"]}


def test_the_life_of_a_service(shell: Shell) -> None:
    """Made, published, throttled, given a default plan, unpublished, deleted."""
    service = shell.json("service", "create", "orders", "--desc", "for all")["serviceId"]
    plan = shell.json("plan", "create", "free")["usagePlanId"]
    shell("service", "publish", service, "test")
    shell("service", "publish", service, "release", "--desc", "first")
    shell("service", "modify", service, "--name", "orders2")
    shell("service", "throttle", service, "release", "--rate", "5")
    shell("service", "default-plan", service, "release", plan)
    there = environments(shell, service)["release"]
    assert there["throttle"] == {"rateRps": 5, "burst": 5}
    assert (there["defaultPlan"], there["releaseDesc"]) == (plan, "first")
    assert shell("service", "list").splitlines()[1].split() == [service, "orders2", "release,", "test"]
    assert shell.json("service", "list")["services"][0]["serviceDesc"] == "for all"
    shell("service", "throttle", service, "release", "--rate", "-1")
    shell("service", "default-plan", service, "release")
    shell("service", "unpublish", service, "test")
    there = environments(shell, service)
    assert (there["release"]["throttle"], there["release"]["defaultPlan"]) == (None, None)
    assert shell("service", "delete", service, status=1) == ""
    assert "unpublish it first (service_in_use)" in shell.err
    shell("service", "unpublish", service, "release")
    shell("service", "delete", service)
    assert shell.json("service", "list")["totalCount"] == 0
