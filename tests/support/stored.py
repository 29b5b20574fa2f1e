"""What a Subject's keys hold, by name; the same of the Reference; and what must be true of it by itself."""

import struct
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from quotad.core.account import Account
from quotad.core.adjusted import Adjusted
from quotad.core.ledger import Lease, Share
from quotad.core.quota import Answer, Limits, TopUp, Window

State = dict[str, Any]

WINDOW = ("charged", "open", "granted", "given_back")
AGGREGATE_FIELDS = (
    *("format", "version", "healing_us", "last_us", "tokens_u", "leased"),
    *("day_end_us", "month_end_us", "previous_day_end_us", "previous_in_month", "earliest_us"),
    *("generation", "plan_version", "birth", "total_kept"),
    *(f"{window}.{name}" for window in ("day", "month", "total") for name in WINDOW),
    *("previous.charged", "previous.open"),
    *("entries", "leases_end_us", "thaw_us", "topped", "hour_end_us", "hour_mark"),
)
SHARE = ("day_end_us", "granted", "at_once", "closed", "given_back")
LEASE = ("ahead", "spent", "returned", "ends_us", "ended")
ENTRY_FIELDS = (
    *("generation", "number", "expires_us"),
    *(f"{which}.{name}" for which in ("current", "previous") for name in SHARE),
)
HEALED_FIELDS = (
    *("day_end_us", "day.remembered", "day.restored"),
    *("month_end_us", "month.remembered", "month.restored", "total.remembered", "total.restored"),
)


def decode(names: Sequence[str], packed: bytes) -> State:
    """Doubles by name; all must be whole numbers."""
    values = struct.unpack(f"<{len(names)}d", packed)
    assert all(value == int(value) and abs(value) < 2**53 for value in values)
    return dict(zip(names, map(int, values), strict=True))


def assert_equal(lua: dict[Any, Any], reference: dict[Any, Any]) -> None:
    """Say only where they differ: (the script's, the Reference's)."""
    names = lua.keys() | reference.keys()
    apart = {
        name: (lua.get(name), reference.get(name)) for name in names if lua.get(name) != reference.get(name)
    }
    if apart:
        raise AssertionError(f"(script, reference): {apart}")


def read_state(fields: dict[bytes, bytes]) -> State:
    """The hash as the server holds it, by name."""
    aggregate = decode(AGGREGATE_FIELDS, fields.pop(b"a"))
    stored, healed = (fields.pop(name, None) for name in (b"p", b"h"))
    entries = {}
    for name, value in fields.items():
        if len(value) > 8 * len(ENTRY_FIELDS):
            entries[name] = decode((*ENTRY_FIELDS, *LEASE), value)
        else:
            entries[name] = {**decode(ENTRY_FIELDS, value), **dict.fromkeys(LEASE, 0)}
    assert aggregate["entries"] == len(entries)
    return {
        **aggregate,
        "p": None if stored is None else Limits(*map(int, struct.unpack("<6d", stored))),
        "h": None if healed is None else decode(HEALED_FIELDS, healed),
        "entries": entries,
    }


def expected_state(account: Account) -> State:
    """The same of the Reference."""
    state: State = {
        "format": 2,
        "version": account.version,
        "healing_us": account.healing_us,
        "last_us": account.last_us,
        "tokens_u": account.tokens_u,
        "leased": account.leased,
        "day_end_us": account.day_end_us,
        "month_end_us": account.month_end_us,
        "previous_day_end_us": account.previous_day_end_us,
        "previous_in_month": int(account.previous_in_month),
        "earliest_us": account.earliest_us,
        "generation": account.generation,
        "plan_version": account.limits.version,
        "birth": account.birth,
        "previous.charged": account.previous.charged,
        "previous.open": account.previous.open,
        "total_kept": int(account.total_kept),
        "leases_end_us": account.leases_end_us,
        "thaw_us": account.thaw_us,
        "topped": int(account.topped),
        "hour_end_us": account.hour_end_us,
        "hour_mark": account.hour_mark,
        "p": account.limits if account.limits.version else None,
        "h": _healing(account),
    }
    for window in ("day", "month", "total"):
        for name, value in asdict(getattr(account, window)).items():
            state[f"{window}.{name}"] = value
    state["entries"] = {
        name: {
            "generation": entry.generation,
            "number": entry.number,
            "expires_us": entry.expires_us,
            **_share("current", entry.current),
            **_share("previous", entry.previous),
            **asdict(entry.lease if entry.lease.ahead else Lease()),
        }
        for name, entry in account.entries.items()
    }
    return state


def _healing(account: Account) -> State | None:
    healing = account.healing
    if healing is None:
        return None
    state: State = {"day_end_us": healing.day_end_us, "month_end_us": healing.month_end_us}
    for window in ("day", "month", "total"):
        state[f"{window}.remembered"] = healing.remembered[window]
        state[f"{window}.restored"] = healing.restored[window]
    return state


def _share(which: str, share: Share) -> State:
    return {f"{which}.{name}": value for name, value in asdict(share).items()}


def assert_sound(state: State) -> None:
    """Conservation in each window, nothing negative, and every Hold belongs to an Entry."""
    for window in ("day", "month", "total"):
        charged, still_open = state[f"{window}.charged"], state[f"{window}.open"]
        given_back = state[f"{window}.given_back"]
        assert state[f"{window}.granted"] == charged + still_open + given_back
        assert min(charged, still_open, given_back) >= 0
    assert min(state["previous.charged"], state["previous.open"]) >= 0
    held = {state["day_end_us"]: 0, state["previous_day_end_us"]: 0}
    for entry in state["entries"].values():
        for which in ("current", "previous"):
            day_end_us = entry[f"{which}.day_end_us"]
            still_open = entry[f"{which}.granted"] - entry[f"{which}.at_once"] - entry[f"{which}.closed"]
            assert still_open >= 0
            if day_end_us in held:
                held[day_end_us] += still_open
    assert state["day.open"] == held[state["day_end_us"]]
    if state["previous_day_end_us"]:
        assert state["previous.open"] == held[state["previous_day_end_us"]]
    assert state["total.open"] == state["day.open"] + state["previous.open"]
    kept = state["previous.open"] if state["previous_in_month"] else 0
    assert state["month.open"] == state["day.open"] + kept
    assert state["day_end_us"] <= state["month_end_us"]
    leased = [
        entry["ahead"] - max(entry["spent"] + entry["returned"], entry["ended"])
        for entry in state["entries"].values()
        if entry["current.day_end_us"] == state["day_end_us"]
    ]
    assert min([0, *leased]) == 0
    assert state["leased"] == sum(leased)


def assert_within_limits(answer: Answer, state: State | None) -> None:
    """Whoever was granted something was granted it within every limit; a grant is never more than all."""
    if not answer.granted:
        return
    assert state is not None
    for window, limit in (
        ("day", answer.day_limit),
        ("month", answer.month_limit),
        ("total", answer.total_limit),
    ):
        assert limit < 0 or state[f"{window}.charged"] + state[f"{window}.open"] <= limit
    in_bucket = state["tokens_u"] + state["leased"] * 1_000_000
    assert answer.rate_limit < 0 or 0 <= state["tokens_u"] <= in_bucket <= answer.burst * 1_000_000


def read_adjusted(packed: bytes) -> Adjusted:
    """Top-ups and resets as the server holds them."""
    version, *numbers = map(int, struct.unpack(f"<{len(packed) // 8}d", packed))
    reset_us = dict(zip(("day", "month", "total"), numbers, strict=False))
    top_ups = [numbers[at : at + 4] for at in range(3, len(numbers), 4)]
    return Adjusted(version, reset_us, [TopUp(told, Window(of), *rest) for told, of, *rest in top_ups])
