from quotad.controlplane.hooks.herald import Standing
from quotad.telemetry.families import FAMILIES
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.sources import Sources


def test_who_delivers_no_webhooks_says_nothing_of_them() -> None:
    """And who does says all of it."""
    names = {name for name in FAMILIES if name.startswith("quotad_webhook_")}
    assert not names & set(Sources(Recorder()).figures().numbers)
    standing = Standing(pending=3, oldest_pending_s=4.0, sweep_s=5.0, attempts={"refused": 6})
    standing.events["told"] = 7
    figures = Sources(Recorder(), webhooks=lambda: standing).totals().numbers
    assert names <= set(figures)
    assert figures["quotad_webhook_attempts"] == {("refused",): 6}
    assert figures["quotad_webhook_events"] == {("told",): 7, ("given_up",): 0}
    assert [figures[f"quotad_webhook_{name}"][()] for name in ("pending", "sweep_seconds")] == [3, 5.0]


def test_every_number_has_its_family_and_its_labels() -> None:
    """What a process says of itself is declared, with as many label values as there are labels."""
    figures = Sources(Recorder(), webhooks=lambda: Standing(attempts={"delivered": 2})).figures()
    assert set(figures.numbers) | set(figures.histograms) <= set(FAMILIES)
    labels = {name: list(series) for name, series in figures.numbers.items()}
    labels |= {name: list(series) for name, series in figures.histograms.items()}
    for name, each in labels.items():
        assert {len(values) for values in each} <= {len(FAMILIES[name].labels)}, name
