import gc

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
