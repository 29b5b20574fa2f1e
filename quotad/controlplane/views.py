"""Records as a file says them: what two of them differ in, in words, without any SecretKey."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from quotad.catalog.records import plan_fields, plan_of
from quotad.controlplane.replica import Record

View = Mapping[str, Any]
"""Field names, dotted where they are nested, to plain values; sets for bindings."""


class Difference(NamedTuple):
    """One record that is not as it is to be."""

    sign: str
    """``+`` made, ``~`` changed, ``-`` deleted."""
    kind: str
    id: str
    words: str

    def __str__(self) -> str:
        return f"{self.sign} {self.kind} {self.id}{': ' if self.words else ''}{self.words}"


def service_view(record: Record) -> View:
    """Of a service's record."""
    view: dict[str, Any] = {name: record.get(name) or "" for name in ("serviceName", "serviceDesc")}
    for name, place in record["environments"].items():
        if not place["published"]:
            continue
        view[name] = "published"
        if place["throttle"] is not None:
            view[f"{name}.throttle"] = _throttle_words(place["throttle"])
        if place["defaultPlan"]:
            view[f"{name}.defaultPlan"] = place["defaultPlan"]
    for api in record.get("apis") or ():
        view[f"api {api['apiId']}"] = f"{api['method']} {api['path']} ({api['apiName']})"
        for name, throttle in (api.get("throttles") or {}).items():
            if record["environments"][name]["published"]:
                view[f"api {api['apiId']}.{name}.throttle"] = _throttle_words(throttle)
    return view


def _throttle_words(throttle: Record) -> str:
    return f"{throttle['rateRps']}/s, burst {throttle['burst']}"


def plan_view(record: Record) -> View:
    """Of a plan's record: its limits, and where it is bound."""
    fields = plan_fields(plan_of(record).plan)
    own = {name: value for name, value in fields.items() if name not in ("usagePlanId", "version")}
    return {**own, "environments": {shown_place(each) for each in record["environments"]}}


def secret_view(record: Record) -> View:
    """Of a Secret's record, without its keys."""
    view = {name: record[name] for name in ("secretName", "enabled", "expiresAt")}
    return {**view, "secretDesc": record.get("secretDesc", ""), "plans": set(record["plans"])}


def webhook_view(record: Record) -> View:
    """Of a webhook's record, without its keys."""
    names = ("name", "url", "allowHttp", "forecast", "enabled")
    view: dict[str, Any] = {name: record[name] for name in names}
    lists = {name: ", ".join(map(str, record[name] or ["all"])) for name in ("thresholds", "windows")}
    return {**view, **lists, "usagePlanIds": ", ".join(record["usagePlanIds"] or ["all"])}


def shown_place(place: Record) -> str:
    """Where a plan is bound."""
    words = "/".join(filter(None, (place["serviceId"], place["environment"], place.get("apiId"))))
    return f"{words}{' (shadow)' if place.get('shadow') else ''}"


def difference(kind: str, record_id: str, before: View | None, after: View | None) -> Difference | None:
    """None when they are the same; a view of None: there is no such record."""
    if before == after:
        return None
    sign = "+" if before is None else "-" if after is None else "~"
    words = () if after is None else _words(before or {}, after)
    return Difference(sign, kind, record_id, ", ".join(words))


def _words(before: View, after: View) -> Iterator[str]:
    for name in [*after, *(name for name in before if name not in after)]:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, set) or isinstance(new, set):
            found = sorted(f"+{each}" for each in (new or set()) - (old or set()))
            found += sorted(f"-{each}" for each in (old or set()) - (new or set()))
            if found:
                yield f"{name} {' '.join(found)}"
        elif name not in before:
            if new not in ("", None, True):
                yield f"{name} {new}" if new != "published" else f"published in {name}"
        else:
            yield f"{name} {_shown(old)} -> {_shown(new)}"


def _shown(value: object) -> str:
    return "none" if value is None or value == "" else str(value)
