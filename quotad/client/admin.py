"""``quotad usage``: history, resets and top-ups through the admin port."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from quotad.client.caller import Client, Header
from quotad.errors import QuotadError

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True, slots=True)
class Place:
    """Which Subject is meant; None: any."""

    plan: str | None
    service: str | None
    environment: str | None
    secret: str | None
    shadow: bool

    def members(self) -> dict[str, Any]:
        """As the admin port takes them."""
        named = {
            "usagePlanId": self.plan,
            "serviceId": self.service,
            "environment": self.environment,
            "secretId": self.secret,
        }
        return {name: value for name, value in named.items() if value is not None}


class AdminPort:
    """An admin port of a running quotad. The token never appears in an error."""

    def __init__(self, url: str, token: str) -> None:
        """Raises QuotadError when ``url`` is none."""
        self._client = Client(url)
        self._headers = [("Authorization", f"Bearer {token}")] if token else []

    def get(self, target: str, query: Mapping[str, str]) -> dict[str, Any]:
        """An answer. Raises QuotadError with the words of a refusal."""
        return self._ask("GET", f"{target}?{urlencode(query)}", self._headers, None)

    def post(self, target: str, members: Mapping[str, Any], key: str) -> dict[str, Any]:
        """The same after telling it something; ``key``: the Idempotency-Key, or empty."""
        headers = [*self._headers, ("Content-Type", "application/json")]
        if key:
            headers.append(("Idempotency-Key", key))
        return self._ask("POST", target, headers, json.dumps(members).encode())

    def _ask(self, method: str, target: str, headers: list[Header], body: bytes | None) -> dict[str, Any]:
        try:
            reply = self._client.request(method, target, headers, body)
        finally:
            self._client.close()
        try:
            members = json.loads(reply.body)
        except ValueError:
            members = None
        if not isinstance(members, dict):
            raise QuotadError(f"the admin port answered {reply.status} without JSON")
        if reply.status != 200:
            raise QuotadError(f"{reply.status}: {members.get('detail', reply.reason)}")
        return members


def configured_port(path: Path) -> tuple[str, str]:
    """URL and token of the admin port that a configuration names. Raises ConfigError and QuotadError."""
    from quotad.config.file import load

    admin = load(path).admin
    if admin is None or not admin.address.port:
        raise QuotadError(f"{path}: names no admin port; use --admin")
    host = "127.0.0.1" if admin.address.host in _EVERYWHERE else admin.address.host
    return f"http://{f'[{host}]' if ':' in host else host}:{admin.address.port}", admin.token


def history(port: AdminPort, place: Place, unit: str, start: str | None, end: str | None) -> int:
    """Print use of each Subject by day or hour, one a line."""
    given = {"unit": unit, "from": start, "to": end, "shadow": "true" if place.shadow else None}
    query = {name: value for name, value in {**place.members(), **given}.items() if value is not None}
    answer = port.get("/v1/usage/history", query)
    for row in answer["usage"]:
        names = [row[name] for name in ("usagePlanId", "serviceId", "environment", "secretId") if name in row]
        print(" ".join(names), f"({row['timezone'] if unit == 'day' else 'UTC'})")
        for each in row["history"]:
            print(f"{each[unit]}  {each['used']}")
    if answer["totalCount"] > len(answer["usage"]):
        print(f"and {answer['totalCount'] - len(answer['usage'])} more: name a plan, a service or a Secret")
    return 0


def change(port: AdminPort, verb: str, place: Place, said: Mapping[str, Any], key: str) -> int:
    """Make a reset or a top-up, and print what is in use after it."""
    members = {**place.members(), **({"shadow": True} if place.shadow else {}), **said}
    print(json.dumps(port.post(f"/v1/usage/{verb}", members, key), indent=2))
    return 0
