"""The control records as a file of the same form that file mode reads.

Text is quoted unless it is plainly a word, so that no reader of YAML takes it for anything else.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml

from quotad.catalog.records import plan_fields, plan_of
from quotad.controlplane.desk import State
from quotad.controlplane.refusal import invalid
from quotad.controlplane.replica import Record, Where, chunks
from quotad.core.plans import ENVIRONMENTS

if TYPE_CHECKING:
    from yaml import SafeDumper as _Base
else:
    _Base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_NO_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
_ALL = 1_000_000_000


class _Dumper(_Base):
    """Quotes what could be read as something else than text."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _WORD.fullmatch(text) is not None and text.lower() not in _NO_WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


async def exported(state: State, *, with_keys: bool) -> AsyncIterator[str]:
    """Pieces of the file: services, plans, Secrets, bindings. Raises OperationError and StoreError.

    A Secret without its key stands for one that is there already. Not in a file: a rotation's second key,
    times, and, but for a remark, bindings to what was unpublished since.
    """
    replica = state.replica
    services = replica.services(Where())[1]
    plans = replica.plans(Where())[1]
    holders = {each["usagePlanId"]: _holders(state, each["usagePlanId"]) for each in plans}
    yield _section("services", map(_service, services))
    yield _section("plans", map(_plan, plans))
    ids = replica.secret_ids("", _ALL)
    open_places = {
        (each["serviceId"], name)
        for each in services
        for name in ENVIRONMENTS
        if each["environments"][name]["published"]
    }
    bindings = [
        binding for each in plans for binding in _bindings(each, holders[each["usagePlanId"]], open_places)
    ]
    if ids:
        yield "secrets:\n"
    for part in chunks(ids):
        records = [record for record in await state.secrets(part) if record is not None]
        yield _items(_secret(state, record, with_keys=with_keys) for record in records)
    yield _section("bindings", bindings)
    for each in plans:
        for place in each["environments"]:
            if (place["serviceId"], place["environment"]) not in open_places:
                where = f"{place['serviceId']}/{place['environment']}"
                yield f"# {each['usagePlanId']} is bound to {where} too, which is not published.\n"


def _section(name: str, items: Iterable[dict[str, Any]]) -> str:
    text = _items(items)
    return f"{name}:\n{text}" if text else ""


def _items(items: Iterable[dict[str, Any]]) -> str:
    listed = [_escaped(each) for each in items]
    if not listed:
        return ""
    return yaml.dump(listed, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _escaped(value: Any) -> Any:
    """``${`` would be a reference, and so would ``file:``, which has no escape. Raises OperationError."""
    if isinstance(value, dict):
        return {name: _escaped(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("file:"):
        raise invalid("the text", f"{value[:40]!r} cannot stand in a file: it would name another one")
    return value.replace("${", "$${")


def _service(record: Record) -> dict[str, Any]:
    said = {name: record[name] for name in ("serviceId", "serviceName", "serviceDesc") if record.get(name)}
    places: list[Any] = []
    for name in ENVIRONMENTS:
        place = record["environments"][name]
        rules = {rule: place[rule] for rule in ("throttle", "defaultPlan") if place[rule] is not None}
        if place["published"]:
            places.append({"environment": name, **rules} if rules else name)
    return {**said, "environments": places}


def _plan(record: Record) -> dict[str, Any]:
    fields = plan_fields(plan_of(record).plan)
    return {name: value for name, value in fields.items() if name != "version" and value != ""}


def _secret(state: State, record: Record, *, with_keys: bool) -> dict[str, Any]:
    said = {name: record[name] for name in ("secretId", "secretName")}
    if with_keys:
        said["secretKey"] = state.vault.open(record["secretId"], record["secretKey"]).decode("ascii")
    if not record["enabled"]:
        said["enabled"] = False
    if record["expiresAt"] is not None:
        said["expiresAt"] = _instant(record["expiresAt"])
    return said


def _instant(time_us: int) -> str:
    """RFC 3339, whole to the microsecond."""
    whole_s, rest_us = divmod(time_us, 1_000_000)
    fraction = f".{rest_us:06d}" if rest_us else ""
    return datetime.fromtimestamp(whole_s, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f"{fraction}Z"


def _holders(state: State, plan_id: str) -> list[str]:
    return [row.secret_id for row in state.replica.holders(plan_id)[1]]


def _bindings(
    plan: Record, secret_ids: list[str], open_places: AbstractSet[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """One for where it denies, one for where it is a shadow; one that is not whole says ``[]``."""
    for shadow in (False, True):
        places = [
            {"service": each["serviceId"], "environment": each["environment"]}
            for each in plan["environments"]
            if each["shadow"] == shadow and (each["serviceId"], each["environment"]) in open_places
        ]
        if places or (secret_ids and not shadow and not plan["environments"]):
            said = {"usagePlanId": plan["usagePlanId"], "secretIds": secret_ids, "environments": places}
            yield {**said, "shadow": True} if shadow else said
