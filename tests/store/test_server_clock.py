from quotad.store.server_clock import ServerClock


class Hands:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


def test_it_knows_nothing_at_first() -> None:
    """Before the server was heard there is no time."""
    assert ServerClock(Hands()).now_us() is None


def test_it_goes_on_from_what_was_heard() -> None:
    """The server's time plus what the monotonic clock says has passed."""
    hands = Hands()
    clock = ServerClock(hands)
    clock.hear(1_700_000_000_000_000)
    assert clock.now_us() == 1_700_000_000_000_000
    hands.at_s += 2.5
    assert clock.now_us() == 1_700_000_002_500_000


def test_it_never_goes_back() -> None:
    """A server that steps back an hour holds it still until that hour has passed."""
    hands = Hands()
    clock = ServerClock(hands)
    clock.hear(1_700_003_600_000_000)
    assert clock.now_us() == 1_700_003_600_000_000
    clock.hear(1_700_000_000_000_000)
    assert clock.now_us() == 1_700_003_600_000_000
    hands.at_s += 3601
    assert clock.now_us() == 1_700_003_601_000_000
