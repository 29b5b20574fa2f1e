"""What a route is: what is served and what is described are made of the same rows."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from quotad.config.section import Section
from quotad.controlplane.desk import Asker


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries."""

    model: type[Section]
    partial: bool = False
    """Nothing of it is required: what is left out stays as it is."""
    needed: tuple[str, ...] = ()
    """What is required beyond what the model says."""
    without: tuple[str, ...] = ()
    """Fields of the model that cannot be given here."""
    cleared: tuple[str, ...] = ()
    """Fields that may be null beyond what the model says: they go back to their default."""
    optional: bool = False
    """Whether it may be left out as a whole."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read and checked as far as its route says."""

    asker: Asker
    request: web.Request
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    tag: str = ""
    """From If-Match: what the record must still be; empty: whatever it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers."""

    members: Mapping[str, Any] | None = None
    tag: str = ""
    """Goes out as ETag."""
    location: str = ""


Handler = Callable[[Call], Awaitable[Answer | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path."""

    method: str
    path: str
    action: str
    """Its row in ``roles.NEEDED``."""
    summary: str
    handler: Handler
    answer: type[BaseModel] | None = None
    """None: 204 without a body."""
    status: int = 200
    body: Body | None = None
    query: type[Section] | None = None
    tagged: bool = False
    """Whether the answer has an ETag."""
    matched: bool = False
    """Whether If-Match is looked at."""
    keyed: bool = True
    """Of a POST: whether Idempotency-Key is taken. Not where doing it twice does no more than once."""
    lines: type[BaseModel] | None = None
    """What each line is when JSON lines are asked for; None: they are not to be had."""
    reads_itself: bool = False
    """Query and body are read by the handler: the models only describe them."""
    current_tag: Callable[[Mapping[str, str]], Awaitable[str]] | None = field(default=None)
    """With ``matched``: the ETag that the record has now."""

    @property
    def name(self) -> str:
        """Its operation id: the method and the words of the path."""
        words = [
            word for word in self.path.removeprefix("/v1/").replace("-", "/").split("/") if word[:1] != "{"
        ]
        many = "" if not self.path.endswith("}") else "One"
        words = [word.replace(".", "") for word in words]
        return self.method.lower() + "".join(word[:1].upper() + word[1:] for word in words) + many
