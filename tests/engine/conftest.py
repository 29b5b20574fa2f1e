"""What several tests of the engine stand on."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from quotad.engine.journal import Journal
from tests.support.journals import NAMESPACE, Make


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Make]:
    """Opens Journals, each of its own Sidecar, on the folder ``j``; closes them afterwards."""
    with ExitStack() as stack:

        def make(sidecar_id: bytes = b"") -> Journal:
            made = Journal(tmp_path / "j", NAMESPACE, sidecar_id or os.urandom(8), monotonic=lambda: 0.0)
            made.open()
            stack.callback(made.close)
            return made

        yield make
