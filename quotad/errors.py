"""The few errors that cross a package boundary; foreign errors are translated once, where they arise."""

from dataclasses import dataclass
from typing import ClassVar


class QuotadError(Exception):
    """Base of every error that quotad raises on purpose. Its text may be shown; it holds no secret."""

    exit_status: ClassVar[int] = 1
    """Of a command that it ends."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration: ``path`` names the field (``plans[0].rateRps``)."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ConfigError(QuotadError):
    """A configuration was refused whole. ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class StoreError(QuotadError):
    """The store gave no answer that may be trusted.

    ``kind`` is a short word for metrics: ``disconnected``, ``broken``, ``deadline``, ``reply``,
    ``script``, ``readonly``, ``oom``, ``loading``, ...
    ``executed``: False when the store surely did not run the call, True when it did,
    None when nobody can know (the connection broke after the call was written).
    """

    def __init__(self, kind: str, message: str, executed: bool | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.executed = executed


class EmbeddedStoreError(QuotadError):
    """The private server could not be started; the text names the reason and a remedy."""


class JournalError(QuotadError):
    """The folder for the outage journal cannot be used; the text names it and the reason."""
