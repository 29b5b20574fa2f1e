"""What telemetry ports said at one moment, added up over sidecars."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WINDOWS = ("day", "month", "total")


class Key(NamedTuple):
    """A Subject, by its ids."""

    plan: str
    service: str
    environment: str
    api: str = ""
    """Where the plan is bound to single Apis."""
    secret: str = ""
    """Where each Secret has a quota of its own."""


@dataclass(slots=True)
class Use:
    """What is used of one quota. ``limit`` -1: there is none."""

    in_use: int
    limit: int


@dataclass(slots=True)
class Snapshot:
    """Counters are of all sidecars together and grow; use is what the store says, the same for all."""

    at_s: float
    requests: dict[Key, float] = field(default_factory=dict)
    denied: dict[tuple[Key, str], float] = field(default_factory=dict)
    """By reason too."""
    store_calls: dict[float, float] = field(default_factory=dict)
    """How many calls took at most so many seconds."""
    unaccounted: float = 0.0
    sidecars: int = 0
    """That answered."""
    use: dict[Key, dict[str, Use]] = field(default_factory=dict)
    """By window too."""


def take(into: Snapshot, page: str) -> None:
    """Add the metrics page of one sidecar. Raises ValueError and KeyError when it is none."""
    from prometheus_client.parser import text_string_to_metric_families

    families = [*text_string_to_metric_families(page)]
    into.sidecars += 1
    for family in families:
        for sample in family.samples:
            labels = sample.labels
            if sample.name == "quotad_requests_total":
                _add(into.requests, _subject(labels), sample.value)
            elif sample.name == "quotad_denied_total":
                _add(into.denied, (_subject(labels), labels["reason"]), sample.value)
            elif sample.name == "quotad_store_duration_seconds_bucket":
                if labels.get("script") == "reserve":
                    _add(into.store_calls, float(labels["le"]), sample.value)
            elif sample.name == "quotad_unaccounted_total":
                into.unaccounted += sample.value
            elif sample.name == "quotad_in_use_request_num":
                use = _use(into, labels)
                use.in_use = max(use.in_use, int(sample.value))
            elif sample.name == "quotad_max_request_num":
                _use(into, labels).limit = int(sample.value)


def take_rows(into: Snapshot, rows: Iterable[Mapping[str, Any]]) -> None:
    """Let rows of ``/v1/usage`` say what is in use, each Subject for itself."""
    for row in rows:
        place = row["usagePlanId"], row["serviceId"], row["environment"]
        key = Key(*place, row.get("apiId", ""), row.get("secretId", ""))
        if not row.get("shadow"):
            windows = row["windows"]
            into.use[key] = {name: Use(windows[name]["inUse"], windows[name]["max"]) for name in WINDOWS}


def _subject(labels: Mapping[str, str]) -> Key:
    return Key(labels["plan"], labels["service"], labels["environment"], labels.get("api", ""))


def _use(into: Snapshot, labels: Mapping[str, str]) -> Use:
    windows = into.use.setdefault(_subject(labels), {})
    return windows.setdefault(labels["window"], Use(0, -1))


def _add(into: dict[Any, float], key: Any, value: float) -> None:
    into[key] = into.get(key, 0.0) + value
