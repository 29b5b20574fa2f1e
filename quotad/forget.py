"""``quotad forget``: delete all that the store keeps of a plan or a Secret that is configured no more."""

import asyncio

from quotad.config.model import Config
from quotad.errors import QuotadError
from quotad.ground import Ground


def forget(config: Config, plan_id: str, secret_id: str, *, force: bool) -> int:
    """Delete it; answers how many keys were deleted or changed. Raises QuotadError.

    Refused while the configuration, or in control mode a control record, names it, unless ``force``:
    whoever serves it would make it anew.
    """
    if not force and (plan_id in config.table.plans or secret_id in config.table.secrets):
        raise QuotadError(
            f"the configuration still names {plan_id or secret_id}: whoever serves it would make its "
            "counters anew. Take it out and reload every quotad first, or use --force"
        )
    return asyncio.run(_forget(config, plan_id, secret_id, force=force))


async def _forget(config: Config, plan_id: str, secret_id: str, *, force: bool) -> int:
    ground = Ground(config)
    try:
        url = await ground.start_server()
        if config.control is not None and not force:
            await _check_records(config, url, plan_id, secret_id)
        return await ground.forget(plan_id, secret_id, url)
    except ValueError as error:
        raise QuotadError(str(error)) from None
    finally:
        await ground.close()


async def _check_records(config: Config, url: str, plan_id: str, secret_id: str) -> None:
    """Raises QuotadError when there is such a record, and ValueError for what is no id."""
    from quotad.store.control import ControlStore

    records = ControlStore(url, config.store, writes=False)
    await records.start()
    try:
        (found,) = await (records.get("plan", [plan_id]) if plan_id else records.get("secret", [secret_id]))
    finally:
        await records.close()
    if found is not None:
        raise QuotadError(
            f"the control records have {plan_id or secret_id}: whoever serves it would make its counters "
            "anew. Delete it there, which deletes them too, or use --force"
        )
