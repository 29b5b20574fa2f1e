"""What Prometheus calls a metric of ``telemetry.families``, and how series are added up and selected."""

from quotad.telemetry.families import FAMILIES_OF_A_SCRAPE

_PARTS = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",), "level": ("",), "peak": ("",)}


def series(name: str, part: str = "") -> str:
    """The name in a query: counters end in ``_total``; of a histogram ``part`` says what is meant.

    Raises ValueError for what no quotad exports.
    """
    family = FAMILIES_OF_A_SCRAPE.get(name)
    if family is None:
        raise ValueError(f"no metric is called {name}")
    part = part or _PARTS[family.kind][0]
    if part not in _PARTS[family.kind]:
        raise ValueError(f"{name} is a {family.kind} and has no {part}")
    return name + part


def by(*labels: str) -> str:
    """``by (a, b)``, or nothing: of everything together."""
    return f" by ({', '.join(labels)})" if labels else ""


def selector(name: str, wanted: str) -> str:
    """``wanted`` are matchers for job and instance; those of place join them where the metric has them."""
    labels = FAMILIES_OF_A_SCRAPE[name].labels
    places = [f'{label}=~"${label}"' for label in ("service", "plan") if label in labels]
    return "{" + ",".join([wanted, *places]) + "}"
