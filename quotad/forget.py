"""``quotad forget``: delete all that the store keeps of a plan or a Secret that is configured no more."""

import asyncio

from quotad.config.model import Config
from quotad.errors import QuotadError
from quotad.ground import Ground


def forget(config: Config, plan_id: str, secret_id: str, *, force: bool) -> int:
    """Delete it; answers how many keys were deleted or changed. Raises QuotadError.

    Refused while the configuration names it, unless ``force``: whoever serves it would make it anew.
    """
    if not force and (plan_id in config.table.plans or secret_id in config.table.secrets):
        raise QuotadError(
            f"the configuration still names {plan_id or secret_id}: whoever serves it would make its "
            "counters anew. Take it out and reload every quotad first, or use --force"
        )
    return asyncio.run(_forget(config, plan_id, secret_id))


async def _forget(config: Config, plan_id: str, secret_id: str) -> int:
    ground = Ground(config)
    try:
        return await ground.forget(plan_id, secret_id, await ground.start_server())
    except ValueError as error:
        raise QuotadError(str(error)) from None
    finally:
        await ground.close()
