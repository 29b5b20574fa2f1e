"""What the store's calls took and how they failed, as plain numbers that a scrape reads."""

from quotad.core.histogram import Histogram


class StoreStats:
    """Adds up on the event loop's thread; whoever reads it changes nothing."""

    def __init__(self, scripts: tuple[str, ...]) -> None:
        self.durations = {name: Histogram() for name in scripts}
        """By script: from submitting its call to the answer, late ones included."""
        self.calls = 0
        """Script calls that were answered."""
        self.subjects = 0
        """Subjects in them."""
        self.errors: dict[str, int] = {}
        """By ``StoreError.kind``; ``late`` counts script calls that missed their deadline."""

    def answered(self, script: str, subjects: int, seconds: float) -> None:
        """One script call was answered."""
        self.calls += 1
        self.subjects += subjects
        self.durations[script].observe(seconds)

    def failed(self, kind: str) -> None:
        """One script call, or one Subject in it, got no answer to use."""
        self.errors[kind] = self.errors.get(kind, 0) + 1
