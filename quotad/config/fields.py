"""Kinds of field, each with its rule in words and in the JSON Schema."""

import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime
from functools import cache
from ipaddress import ip_network
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from quotad.config.master_keys import parse_master_keys
from quotad.config.model import Address, MasterKey, UpstreamAddress
from quotad.config.values import Outside
from quotad.frozen import frozen

MAX_RATE = 2**31 - 1
MAX_QUOTA = 2**53 - 1

_RFC3339 = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SEVERAL_SERVERS = re.compile(
    r"rediss?\+(?P<form>sentinel|cluster)://(?:[^/?#@]*@)?(?P<servers>[^/?#@]*)(?P<path>/[^?#]*)?"
    r"(?:\?(?P<query>[^#]*))?"
)
_SERVER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)
_SENTINEL_NAME = re.compile(r"/[A-Za-z0-9._-]+", re.ASCII)
_STORE_URL_WORDS = (
    "must be redis://host:port/0, rediss://host:port/0, unix:///path,"
    " redis+sentinel://host:port,host:port/name or redis+cluster://host:port,host:port"
)


def refusal(words: str) -> PydanticCustomError:
    """An error with exactly these words."""
    return PydanticCustomError("rule", "{words}", {"words": words})


@frozen
class Matches:
    """Text that matches a pattern as a whole: a newline at the end, which ``$`` lets by, is refused."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after the type."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The same rule for editors."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}

    def _check(self, text: str) -> str:
        if re.fullmatch(self.pattern, text, re.ASCII) is None:
            raise refusal(self.words)
        return text


@frozen
class Parsed:
    """Text that a function takes apart; its ValueError's words are the Problem."""

    parse: Callable[[str], Any]
    pattern: str = ""
    format: str = ""
    """Of JSON Schema."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Text in, whatever ``parse`` makes of it out."""
        return core_schema.no_info_after_validator_function(self._check, core_schema.str_schema(strict=True))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Editors see text, and its form where it has a simple one."""
        pattern = {"pattern": f"^(?:{self.pattern})$"} if self.pattern else {}
        return {"type": "string", **pattern, **({"format": self.format} if self.format else {})}

    def _check(self, text: str) -> Any:
        try:
            return self.parse(text)
        except ValueError as error:
            raise refusal(str(error)) from None


def whole(value: object) -> object:
    """A number that came from the environment or a file; anything else stays as strict as it is."""
    if isinstance(value, Outside) and re.fullmatch(r"[-+]?[0-9]{1,20}", value, re.ASCII):
        return int(value)
    return value


def _truth(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, Outside) else value


def parse_address(text: str) -> Address:
    """``host:port``, ``[::1]:port``, or ``:port`` for all interfaces. Raises ValueError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})", text, re.ASCII)
    if match is None or int(match[3]) > 65535:
        raise ValueError("must be host:port, [::1]:port, or :port for all interfaces")
    return Address(match[1] or match[2], int(match[3]))


def parse_upstream(text: str) -> UpstreamAddress:
    """``http://host:port``, ``https://host:port`` or ``unix:/path``. Raises ValueError."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/") or "\0" in path:
            raise ValueError("must be unix: and an absolute path")
        return UpstreamAddress("", 0, path)
    words = "must be http://host:port, https://host:port or unix:/path, without a path after the port"
    try:
        parts = urlsplit(text)
        port = parts.port
        if port is None:
            port = 443 if parts.scheme == "https" else 80
        host = parts.hostname or ""
    except ValueError:
        raise ValueError(words) from None
    odd = parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc
    known = parts.scheme in ("http", "https")
    if not known or odd or not port or not re.fullmatch(r"[A-Za-z0-9._:-]+", host, re.ASCII):
        raise ValueError(words)
    return UpstreamAddress(host, port, tls=parts.scheme == "https")


def parse_host(text: str) -> str:
    """A host name to match, lower case; ``*`` and nothing match every host. Raises ValueError."""
    if text in ("", "*"):
        return ""
    if re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", text, re.ASCII) is None:
        raise ValueError(
            "must be a host name without port (ASCII, no wildcard inside), or absent for every host"
        )
    return text.lower()


def parse_network(text: str) -> str:
    """A network in CIDR form, without host bits; an address alone is one. Raises ValueError."""
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError("must be a network like 10.0.0.0/8 or fd00::/8, with no bit set after it") from None
    if network.prefixlen == 0:
        raise ValueError("must not be everybody: whoever is trusted may say it is anyone")
    return str(network)


def parse_certificate_name(text: str) -> str:
    """A host name, lower case; ``*.`` may stand in front. Raises ValueError."""
    if re.fullmatch(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", text, re.ASCII) is None:
        raise ValueError("must be a host name, perhaps with *. in front")
    return text.lower()


def parse_prefix(text: str) -> str:
    """A path prefix, without its trailing slash. Raises ValueError."""
    if re.fullmatch(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*", text, re.ASCII) is None:
        raise ValueError("must begin with / and hold plain path characters only (no %, ?, #)")
    if "//" in text or any(segment in (".", "..") for segment in text.split("/")):
        raise ValueError("must not hold //, /./ or /../")
    return text.rstrip("/") or "/"


def parse_expiry(text: str) -> float:
    """An RFC 3339 instant, in seconds since the epoch. Raises ValueError."""
    words = "must be a date and time with zone like 2027-01-31T00:00:00Z (RFC 3339)"
    if re.fullmatch(_RFC3339, text, re.ASCII) is None:
        raise ValueError(words)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(words) from None


@cache
def zones() -> frozenset[str]:
    """The IANA zones of the ``tzdata`` package: the same on every machine."""
    # Few files name a zone, and this brings a dozen modules.
    from importlib import resources

    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split())


def parse_zone(text: str) -> str:
    """An IANA zone's name. Raises ValueError."""
    if text in zones():
        return text
    raise ValueError("must be an IANA time zone like UTC or Europe/Berlin" + did_you_mean(text, zones()))


def parse_day(text: str) -> date:
    """``YYYY-MM-DD``, from 1971 on. Raises ValueError."""
    words = "must be a date like 2027-01-31"
    if re.fullmatch(_DAY, text, re.ASCII) is None:
        raise ValueError(words)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(words) from None
    # Counting begins in 1970 somewhere on earth, and the calendar ends with 9999.
    if not 1971 <= day.year <= 9998:
        raise ValueError(f"{words}, from 1971 to 9998")
    return day


def parse_store_url(text: str) -> str:
    """``redis://``, ``rediss://`` or ``unix://``, or one of the forms with ``+sentinel`` and ``+cluster``.

    Raises ValueError that does not show it.
    """
    several = _SEVERAL_SERVERS.fullmatch(text)
    if several is not None:
        _check_servers(several["form"], several["servers"].split(","), several["path"] or "")
        if several["form"] == "cluster" and (several["path"] or "/", _database(several["query"])) != (
            "/",
            "0",
        ):
            raise ValueError("must name no database: a Cluster has only the one")
        return text
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(_STORE_URL_WORDS) from None
    where = parts.path if parts.scheme == "unix" else parts.hostname
    if parts.scheme not in ("redis", "rediss", "unix") or not where:
        raise ValueError(_STORE_URL_WORDS)
    return text


def _database(query: str | None) -> str:
    return parse_qs(query or "").get("db", ["0"])[0]


def _check_servers(form: str, servers: list[str], path: str) -> None:
    for server in servers:
        match = _SERVER.fullmatch(server)
        if match is None or int(match[1] or 0) > 65535:
            raise ValueError(f"must name servers as host:port, parted by commas, after redis+{form}://")
    if form == "sentinel" and _SENTINEL_NAME.fullmatch(path) is None:
        raise ValueError(
            "must end with the name under which the Sentinels know the primary, as in"
            " redis+sentinel://host:port,host:port/mymaster"
        )


def did_you_mean(text: str, known: Collection[str]) -> str:
    """``; did you mean x?`` for the nearest of what is known, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(text, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


WHOLE = BeforeValidator(whole)
"""Stands after a number's range, which the JSON Schema would lose otherwise."""


def _referred_to(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Outside):
        raise refusal("must not stand in the file: give file:PATH or ${NAME}")
    return value


Flag = Annotated[bool, BeforeValidator(_truth)]
Rate = Annotated[int, Field(ge=-1, le=MAX_RATE), WHOLE]
Quota = Annotated[int, Field(ge=-1, le=MAX_QUOTA), WHOLE]
Count = Annotated[int, Field(ge=1, le=10**9), WHOLE]
DurationMs = Annotated[int, Field(ge=1, le=86_400_000), WHOLE]

Id = Annotated[
    str,
    Matches(r"[A-Za-z0-9_-]{1,64}", "must be 1 to 64 characters of A-Z a-z 0-9 _ -"),
]
ApiId = Annotated[
    str,
    Matches(r"[A-Za-z0-9_-]{1,40}", "must be 1 to 40 characters of A-Z a-z 0-9 _ -"),
]
"""Shorter than others: it stands in a key's name beside three of them."""
SecretId = Annotated[
    str,
    Matches(r"[A-Za-z0-9_-]{5,50}", "must be 5 to 50 characters of A-Z a-z 0-9 _ -"),
]
SecretKey = Annotated[
    str,
    Matches(r"[A-Za-z0-9_-]{10,50}", "must be 10 to 50 characters of A-Z a-z 0-9 _ -"),
]
SecretName = Annotated[
    str,
    Matches(r"[A-Za-z0-9_-]{1,50}", "must be 1 to 50 characters of A-Z a-z 0-9 _ -"),
]
Name = Annotated[
    str,
    Matches(r"[^\x00-\x1f\x7f]{1,50}", "must be 1 to 50 characters, none of them a control character"),
]
Description = Annotated[
    str,
    Matches(
        r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]{0,200}", "must be at most 200 characters, no control character"
    ),
]
Namespace = Annotated[
    str,
    Matches(r"[A-Za-z0-9_.:-]{1,64}", "must be 1 to 64 characters of A-Z a-z 0-9 _ . : -"),
]
Token = Annotated[
    str,
    Matches(r"[\x21-\x7e]{20,512}", "must be 20 to 512 visible ASCII characters"),
]
Text = Annotated[str, Matches(r"[^\x00]{1,1024}", "must be 1 to 1024 characters")]

Component = Annotated[
    str,
    Matches(
        r"@(method|authority|path|query|scheme|target-uri|request-target)|[a-z0-9!#$%&'*+.^_`|~-]{1,64}",
        "must be @method, @authority, @path, @query, @scheme, @target-uri, @request-target or a field's name"
        " in lower case",
    ),
]
ListenAddress = Annotated[Address, Parsed(parse_address)]
Upstream = Annotated[UpstreamAddress, Parsed(parse_upstream)]
Host = Annotated[str, Parsed(parse_host)]
Network = Annotated[str, Parsed(parse_network)]
CertificateName = Annotated[str, Parsed(parse_certificate_name)]
ServerName = Annotated[
    str, Matches(r"[A-Za-z0-9._:-]{1,253}", "must be a host name or an IP address, without port")
]
Protocol = Annotated[
    str,
    Matches(
        r"(?!(?:[hH][tT][tT][pP]|[hH]2[cC]?|[hH]3|[tT][lL][sS]|[sS][sS][lL])(?:/|$))"
        r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}(?:/[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64})?",
        "must be a protocol's name that carries no HTTP (not HTTP, h2, h2c, h3, TLS)",
    ),
]
PathPrefix = Annotated[str, Parsed(parse_prefix)]
Expiry = Annotated[float, Parsed(parse_expiry, format="date-time")]
Day = Annotated[date, Parsed(parse_day, _DAY, "date")]
Zone = Annotated[str, Parsed(parse_zone)]
StoreUrl = Annotated[str, Parsed(parse_store_url)]
MasterKeys = Annotated[tuple[MasterKey, ...], Parsed(parse_master_keys), BeforeValidator(_referred_to)]
