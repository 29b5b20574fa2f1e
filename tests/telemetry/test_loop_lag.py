import asyncio

from quotad.telemetry import loop_lag
from quotad.telemetry.loop_lag import LoopLag


class ManualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock is moved by hand."""

    offset_s = 0.0

    def time(self) -> float:
        return super().time() + self.offset_s


def test_a_blocked_loop_is_seen_and_forgotten() -> None:
    """The greatest lag stays for one to two half windows, then it is gone."""

    async def scenario() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        lag = LoopLag()
        lag.start()
        loop.offset_s += 2.0
        await turns(loop, 1)
        seen_s = lag.greatest_s
        await turns(loop, 2 * 30)
        lag.stop()
        return seen_s, lag.greatest_s

    async def turns(loop: ManualLoop, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            loop.offset_s += loop_lag.PERIOD_S

    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        seen_s, later_s = runner.run(scenario())
    assert seen_s >= 1.5
    assert later_s < 1.5
