import gc
import subprocess
import sys

import pytest

from quotad import garbage


def test_the_collector_is_as_it_was_afterwards() -> None:
    """Off within the block, also within another one; on again after it if it was on before."""
    assert gc.isenabled()
    with garbage.left_alone():
        assert not gc.isenabled()
        with garbage.left_alone():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_was_made_to_stay_is_not_looked_at() -> None:
    """A cycle that was there by the end of the block is no longer found, one that is made later is."""
    script = (
        "import gc, weakref\nfrom quotad.garbage import made_to_stay\n"
        "class Cycle:\n    def __init__(self):\n        self.own = self\n"
        "with made_to_stay():\n    early = weakref.ref(Cycle())\n"
        "late = weakref.ref(Cycle())\n"
        "print(gc.isenabled())\ngc.collect()\nprint(early() is None, late() is None)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "True"]


def test_what_failed_is_looked_at_again() -> None:
    """A block that ended with an error leaves the collector as it was."""
    frozen = gc.get_freeze_count()
    with pytest.raises(ValueError, match="no"), garbage.made_to_stay():
        raise ValueError("no")
    assert gc.isenabled()
    assert gc.get_freeze_count() <= frozen
