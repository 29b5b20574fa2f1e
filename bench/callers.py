"""Who calls: key pairs made alike in every run, and the headers that each caller sends."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache

from quotad.core.plans import Environment

SERVICE_ID = "service-bench"
PLAN_ID = "usagePlan-bench"
ENVIRONMENT: Environment = "release"


@dataclass(frozen=True, slots=True)
class Caller:
    """One customer's key pair. It opens nothing but a bench."""

    secret_id: str
    secret_key: str = field(repr=False)

    def pair_headers(self) -> dict[str, str]:
        """The key pair in headers."""
        return {"X-Secret-Id": self.secret_id, "X-Secret-Key": self.secret_key}

    def signed_headers(self) -> dict[str, str]:
        """An HMAC signature over Date and Source, as of now; good for 900 s."""
        date = formatdate(usegmt=True)
        text = f"date: {date}\nsource: bench".encode()
        digest = hmac.digest(self.secret_key.encode(), text, hashlib.sha1)
        signature = base64.b64encode(digest).decode()
        return {
            "Date": date,
            "Source": "bench",
            "Authorization": f'hmac id="{self.secret_id}", algorithm="hmac-sha1", '
            f'headers="date source", signature="{signature}"',
        }

    def headers(self, *, signed: bool) -> dict[str, str]:
        """What the caller sends to say who it is."""
        return self.signed_headers() if signed else self.pair_headers()


@cache
def make(count: int) -> list[Caller]:
    """The first ``count`` callers, the same in each run."""
    return [Caller(f"AKID{_word(f'id {n}', 36)}", _word(f"key {n}", 32)) for n in range(count)]


def _word(seed: str, length: int) -> str:
    return hashlib.sha256(f"quotad bench {seed}".encode()).hexdigest()[:length]
