"""A small HTTP client that signs: what ``quotad call``, ``quotad sign`` and the demo use.

Standard library only. It shares no code with ``core.credentials``, so that the demo proves the server's
reading of a signature against a second one.
"""

import base64
import hashlib
import hmac
import http.client
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import urlsplit

from quotad.errors import QuotadError

ALGORITHMS = ("hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512")
TIMEOUT_S = 30.0

Header = tuple[str, str]

_LIMIT_HEADERS = ("ratelimit", "x-ratelimit", "retry-after", "x-request-id", "www-authenticate")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Who calls. The key never appears in ``repr``."""

    secret_id: str
    secret_key: str = field(repr=False)

    def headers(self) -> list[Header]:
        """The key pair as it stands: for connections that nobody else can read."""
        return [("X-Secret-Id", self.secret_id), ("X-Secret-Key", self.secret_key)]

    def signed(
        self, now_s: float, algorithm: str = "hmac-sha256", also: Sequence[Header] = ()
    ) -> list[Header]:
        """``Date``, then the headers of ``also``, then the ``Authorization`` that covers all of them.

        Good for 900 seconds around ``now_s`` (seconds since the epoch).
        """
        covered = [("Date", formatdate(now_s, usegmt=True)), *also]
        text = "\n".join(f"{name.lower()}: {value}" for name, value in covered)
        digest = hmac.digest(
            self.secret_key.encode(),
            text.encode("latin-1"),
            hashlib.new(algorithm.removeprefix("hmac-")).name,
        )
        names = " ".join(name.lower() for name, _ in covered)
        signature = base64.b64encode(digest).decode()
        authorization = (
            f'hmac id="{self.secret_id}", algorithm="{algorithm}", headers="{names}", signature="{signature}"'
        )
        return [*covered, ("Authorization", authorization)]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    reason: str
    headers: tuple[Header, ...]
    body: bytes

    def header(self, name: str) -> str:
        """The first value under this name (any case); empty when absent."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), "")

    def limit_headers(self) -> list[Header]:
        """What the answer says about limits, and its request id."""
        return [pair for pair in self.headers if pair[0].lower().startswith(_LIMIT_HEADERS)]


class Client:
    """One kept-alive connection to one server."""

    def __init__(self, url: str) -> None:
        """``url`` is http or https. Raises QuotadError when it is neither."""
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise QuotadError(f"{url}: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise QuotadError(f"{url}: not an http:// or https:// URL")
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._place = parts.netloc.rpartition("@")[2]
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, port, timeout=TIMEOUT_S)

    def request(
        self, method: str = "GET", target: str = "", headers: Iterable[Header] = (), body: bytes | None = None
    ) -> Reply:
        """Send and read one exchange. Raises QuotadError when there is no answer."""
        connection = self._connection
        try:
            connection.putrequest(method, target or self.target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise QuotadError(f"{self._place}: {str(error) or type(error).__name__}") from error
        return Reply(response.status, response.reason, tuple(response.getheaders()), content)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def curl_line(url: str, headers: Iterable[Header], method: str = "GET", body: bytes | None = None) -> str:
    """A curl command for a shell. Raises QuotadError for a body that is no text."""
    words = ["curl", "-i"]
    if method != "GET":
        words += ["-X", method]
    for name, value in headers:
        words += ["-H", f"{name}: {value}"]
    if body is not None:
        try:
            words += ["--data-raw", body.decode()]
        except UnicodeDecodeError:
            raise QuotadError("a body that is no text does not fit into a command") from None
    return shlex.join([*words, url])


def parse_header(text: str) -> Header:
    """``Name: value``. Raises QuotadError when it is not."""
    name, mark, value = text.partition(":")
    if not mark or not name.strip():
        raise QuotadError(f"{text!r} is not a header like 'Name: value'")
    return name.strip(), value.strip()
