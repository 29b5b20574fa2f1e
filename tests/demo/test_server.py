from pathlib import Path

import pytest

from quotad.demo.server import start_serve
from quotad.errors import QuotadError


async def test_last_words_are_passed_on(tmp_path: Path) -> None:
    """When quotad does not start, the error holds what it said, and the log too."""
    config = tmp_path / "quotad.yaml"
    config.write_text("listen: {address: nonsense}\n")
    with pytest.raises(QuotadError, match="did not get ready") as caught:
        await start_serve(config, tmp_path / "log")
    assert "listen" in str(caught.value)
    assert "listen" in (tmp_path / "log").read_text()
