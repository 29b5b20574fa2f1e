from quotad.telemetry.families import FAMILIES
from quotad.telemetry.metrics import Recorder
from quotad.telemetry.sources import Sources


def test_every_number_has_its_family_and_its_labels() -> None:
    """What a process says of itself is declared, with as many label values as there are labels."""
    figures = Sources(Recorder()).figures()
    assert set(figures.numbers) | set(figures.histograms) <= set(FAMILIES)
    labels = {name: list(series) for name, series in figures.numbers.items()}
    labels |= {name: list(series) for name, series in figures.histograms.items()}
    for name, each in labels.items():
        assert {len(values) for values in each} <= {len(FAMILIES[name].labels)}, name
