"""``quotad forget``: delete all that the store keeps of a plan, a Secret or an Api that is no more."""

import asyncio

from quotad.config.model import Config
from quotad.errors import QuotadError
from quotad.ground import Ground
from quotad.store.interface import NO_APIS, ApisOf


def forget(config: Config, plan_id: str, secret_id: str, api: str = "", *, force: bool) -> int:
    """Delete it; answers how many keys were deleted or changed. ``api``: ``SERVICE/ID``. Raises QuotadError.

    Refused while the configuration, or in control mode a control record, names it, unless ``force``:
    whoever serves it would make it anew.
    """
    table, apis = config.table, _apis(api)
    service = table.services.get(apis.service_id)
    known = plan_id in table.plans or secret_id in table.secrets
    known = known or (service is not None and any(each.api_id in apis.api_ids for each in service.apis))
    if not force and known:
        raise QuotadError(
            f"the configuration still names {plan_id or secret_id or api}: whoever serves it would make its "
            "counters anew. Take it out and reload every quotad first, or use --force"
        )
    return asyncio.run(_forget(config, plan_id, secret_id, apis, force=force))


def _apis(api: str) -> ApisOf:
    service_id, _, api_id = api.partition("/")
    if api and not (service_id and api_id):
        raise QuotadError(f"an Api is named as SERVICE/ID, not {api!r}")
    return ApisOf(service_id, (api_id,)) if api else NO_APIS


async def _forget(config: Config, plan_id: str, secret_id: str, apis: ApisOf, *, force: bool) -> int:
    ground = Ground(config)
    try:
        url = await ground.start_server()
        if config.control is not None and not force:
            await _check_records(config, url, plan_id, secret_id, apis)
        return await ground.forget(plan_id, secret_id, apis, url)
    except ValueError as error:
        raise QuotadError(str(error)) from None
    finally:
        await ground.close()


async def _check_records(config: Config, url: str, plan_id: str, secret_id: str, apis: ApisOf) -> None:
    """Raises QuotadError when there is such a record, and ValueError for what is no id."""
    from quotad.store.control import ControlStore

    records = ControlStore(url, config.store, writes=False)
    await records.start()
    try:
        kind, name = ("plan", plan_id) if plan_id else ("secret", secret_id)
        kind, name = ("service", apis.service_id) if apis.service_id else (kind, name)
        (found,) = await records.get(kind, [name])
    finally:
        await records.close()
    if found is not None and apis.service_id:
        there = {str(each["apiId"]) for each in found.get("apis") or ()}
        found = None if there.isdisjoint(apis.api_ids) else found
    if found is not None:
        named = "/".join((name, *apis.api_ids))
        raise QuotadError(
            f"the control records have {named}: whoever serves it would make its counters "
            "anew. Delete it there, which deletes them too, or use --force"
        )
