import subprocess
import sys

from quotad.config import linker
from quotad.config.whole_schema import File


def test_the_file_has_what_is_read_of_it() -> None:
    """No field of it is refused as unknown, and no other is taken."""
    assert {field.alias for field in File.model_fields.values()} == linker.FIELDS


def test_sections_that_are_not_there_are_not_imported() -> None:
    """A file without admin port, webhooks, spans and authorize port needs none of their schemas."""
    script = (
        "import sys\nimport quotad.config.file\n"
        "print([name for name in sys.modules if name.endswith('_schema') and name.startswith('quotad')])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not any(name in done.stdout for name in ("admin", "webhook", "tracing", "authorize", "whole"))
