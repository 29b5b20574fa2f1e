"""Time that passes in a ``World``, timer by timer."""

from tests.support.engines import World, turns


async def pass_s(world: World, seconds: float) -> None:
    """Let so much time pass: every timer goes off when it is due, and what it sends is answered."""
    end_us = world.now_us + int(seconds * 1e6)
    while due_us := min((timer.due_us for timer in world.timers if timer.due_us <= end_us), default=0):
        world.now_us = max(world.now_us, due_us)
        world.fire()
        await turns()
    world.now_us = end_us
