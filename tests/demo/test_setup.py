import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quotad.config.file import load
from quotad.demo.setup import BUSINESS, BUSINESS_MONTH, TRIAL, TRIAL_DAY, TRIAL_RATE, prepare, write_config
from quotad.errors import QuotadError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    """What the demo writes loads, with two plans, two secrets and their keys, in any folder."""
    ground = prepare(tmp_path / "a folder: 'with' ${ODD} \"name\" #1", keep=False)
    write_config(ground, 0, "http://127.0.0.1:9", NOON)
    config = load(ground.config)
    trial, business = config.table.plans[TRIAL], config.table.plans[BUSINESS]
    assert (trial.rate_rps, trial.day_quota_request, trial.timezone) == (TRIAL_RATE, TRIAL_DAY, "UTC")
    assert (business.month_quota_request, business.quota_condition) == (BUSINESS_MONTH, frozenset({"2xx"}))
    for pair in (ground.trial, ground.business):
        assert config.table.secrets[pair.secret_id].secret_key == pair.secret_key.encode()
    assert config.store.embedded is not None
    assert config.store.embedded.directory == ground.folder / "data"


def test_keys_are_private_and_new(tmp_path: Path) -> None:
    """Folder and key files are for their owner alone; the configuration holds no key."""
    ground = prepare(tmp_path / "demo", keep=False)
    write_config(ground, 0, "http://127.0.0.1:9", NOON)
    assert stat.S_IMODE(ground.folder.stat().st_mode) == 0o700
    for name, pair in (("trial", ground.trial), ("business", ground.business)):
        assert stat.S_IMODE(ground.key_file(name).stat().st_mode) == 0o600
        assert re.fullmatch("AKID[A-Za-z0-9]{36}", pair.secret_id)
        assert re.fullmatch("[A-Za-z0-9]{40}", pair.secret_key)
        assert pair.secret_key not in ground.config.read_text()


@pytest.mark.parametrize(
    ("now", "zone"),
    [
        (NOON, "UTC"),
        (datetime(2026, 11, 21, 23, 49, tzinfo=UTC), "UTC"),
        (datetime(2026, 11, 21, 23, 51, tzinfo=UTC), "Asia/Tokyo"),
        (datetime(2026, 11, 22, 0, 0, tzinfo=UTC), "UTC"),
    ],
)
def test_the_day_does_not_end_meanwhile(tmp_path: Path, now: datetime, zone: str) -> None:
    """Close to midnight the demo's day is counted where it is noon."""
    ground = prepare(tmp_path, keep=False)
    write_config(ground, 0, "http://127.0.0.1:9", now)
    assert load(ground.config).table.plans[TRIAL].timezone == zone


def demo_in(folder: Path, *, keep: bool) -> tuple[str, bool]:
    """A demo that ran before and left data; the next one's key, and whether the data is still there."""
    ground = prepare(folder, keep=keep)
    kept = (folder / "data" / "file").exists()
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "file").touch()
    return ground.trial.secret_key, kept


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several demos of one process: the lock ends with the process."""
    monkeypatch.setattr("quotad.demo.setup._lock", Path.touch)


@pytest.mark.usefixtures("unlocked")
def test_twice_in_a_row(tmp_path: Path) -> None:
    """Each demo starts with new keys and no counters, unless it is to go on with the last one's."""
    first, _ = demo_in(tmp_path, keep=False)
    second, kept = demo_in(tmp_path, keep=False)
    assert (first != second, kept) == (True, False)
    assert demo_in(tmp_path, keep=True) == (second, True)


@pytest.mark.usefixtures("unlocked")
def test_links_are_not_followed(tmp_path: Path) -> None:
    """Clearing removes a link, never what it points to."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    folder = tmp_path / "demo"
    prepare(folder, keep=False)
    (folder / "data").symlink_to(precious)
    prepare(folder, keep=False)
    assert (precious / "file").exists()


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder with other things in it is refused and keeps them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").touch()
    with pytest.raises(QuotadError, match="in use for something else"):
        prepare(tmp_path, keep=False)
    assert (tmp_path / "data" / "mine").exists()


def test_one_demo_per_folder(tmp_path: Path) -> None:
    """A second demo in the same folder is refused while the first runs."""
    prepare(tmp_path, keep=False)
    with pytest.raises(QuotadError, match="another demo runs in"):
        prepare(tmp_path, keep=False)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way is an error with its name."""
    (tmp_path / "file").touch()
    with pytest.raises(QuotadError, match=r"file/demo: Not a directory"):
        prepare(tmp_path / "file" / "demo", keep=False)
