from collections.abc import Mapping
from pathlib import Path

import pytest

from quotad.config import schema, store_checks
from quotad.config.document import Document

SENTINELS = "redis+sentinel://user@h:1,i:1/mymaster"


def refused(fields: Mapping[str, object]) -> list[str]:
    """The fields of a store that do not go with its URL."""
    document = Document()
    section = schema.StoreSection.model_validate(fields)
    store_checks.store_is_one(section, document)
    store_checks.store_fits_its_url(section, document)
    return [problem.path for problem in document.problems]


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "redis://h", "minReplicas": 10, "passwordFile": "a"},
        {"url": "redis://user@h", "passwordFile": "a"},
        {"url": "redis://user:@h", "passwordFile": "a"},
        {"url": "unix:///run/a:b@c.sock", "minReplicas": 1, "passwordFile": "a"},
        {"url": "rediss+cluster://h:1,[::1]:2", "minReplicas": 1, "passwordFile": "a"},
        {"url": SENTINELS, "minReplicas": 2, "passwordFile": "a", "sentinelPasswordFile": "b"},
        {"url": f"{SENTINELS}?sentinel_password=p", "passwordFile": "a"},
        {"embedded": {"dir": "a"}, "minReplicas": 0, "journal": "b"},
    ],
)
def test_stores(fields: Mapping[str, object]) -> None:
    """These go together."""
    assert refused(fields) == []


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, ["store"]),
        ({"minReplicas": 1}, ["store"]),
        ({"url": "redis://h", "embedded": {"dir": "a"}}, ["store"]),
        ({"embedded": {"dir": "a"}, "minReplicas": 1}, ["store.minReplicas"]),
        ({"embedded": {"dir": "a"}, "passwordFile": "a"}, ["store.passwordFile"]),
        ({"embedded": {"dir": "a"}, "sentinelPasswordFile": "a"}, ["store.sentinelPasswordFile"]),
        ({"url": "redis://h", "sentinelPasswordFile": "a"}, ["store.sentinelPasswordFile"]),
        ({"url": "redis+cluster://h", "sentinelPasswordFile": "a"}, ["store.sentinelPasswordFile"]),
        ({"url": "redis://:p@h", "passwordFile": "a"}, ["store.passwordFile"]),
        ({"url": "rediss+sentinel://u:p@h,i/m", "passwordFile": "a"}, ["store.passwordFile"]),
        (
            {"url": f"{SENTINELS}?sentinel_password=p", "sentinelPasswordFile": "a"},
            ["store.sentinelPasswordFile"],
        ),
        ({"url": "redis+cluster://u:[p@h,i", "passwordFile": "a"}, ["store.passwordFile"]),
        ({"url": "unix:///run/a.sock?db=1&password=p", "passwordFile": "a"}, ["store.passwordFile"]),
    ],
)
def test_no_stores(fields: Mapping[str, object], paths: list[str]) -> None:
    """One place for the counters, one password, and nothing of a topology that is not there."""
    assert refused(fields) == paths


def test_password_files(tmp_path: Path) -> None:
    """They must be there and be text; a relative one starts from the configuration's folder."""
    (tmp_path / "good").write_text("topsecret\n", encoding="utf-8")
    (tmp_path / "bad").write_bytes(b"\xfftopsecret")

    def problems(password: str, sentinel: str) -> list[str]:
        document = Document()
        fields = {"url": SENTINELS, "passwordFile": password, "sentinelPasswordFile": sentinel}
        section = schema.StoreSection.model_validate(fields)
        store_checks.password_files_are_readable(section, tmp_path, document)
        return [str(problem) for problem in document.problems]

    assert problems("good", str(tmp_path / "good")) == []
    assert problems("bad", "none") == [
        "store.passwordFile: the file 'bad' cannot be read: not UTF-8 text",
        "store.sentinelPasswordFile: the file 'none' cannot be read: No such file or directory",
    ]
