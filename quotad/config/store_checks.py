"""Rules between fields of ``store``. Each adds every Problem that it finds."""

from pathlib import Path
from urllib.parse import parse_qs

from quotad.config import schema
from quotad.config.document import Document


def store_is_one(store: schema.StoreSection, document: Document) -> None:
    """Exactly one place for the counters."""
    if (store.url is None) == (store.embedded is None):
        document.refuse(("store",), "exactly one of url and embedded must be given")


def store_fits_its_url(store: schema.StoreSection, document: Document) -> None:
    """Replicas, passwords and Sentinels are there only where the URL leads to some."""
    if store.embedded is not None:
        if store.min_replicas:
            document.refuse(("store", "minReplicas"), "needs url: an embedded server has no replicas")
        if store.password_file is not None:
            document.refuse(("store", "passwordFile"), "needs url: an embedded server asks for no password")
    if store.sentinel_password_file is not None and not _names_sentinels(store.url):
        document.refuse(("store", "sentinelPasswordFile"), "needs a redis+sentinel:// url")
    twice = "contradicts url, which has a password; give one of the two"
    if store.password_file is not None and _has_password(store.url):
        document.refuse(("store", "passwordFile"), twice)
    if store.sentinel_password_file is not None and "sentinel_password" in _parameters(store.url):
        document.refuse(("store", "sentinelPasswordFile"), twice)


def password_files_are_readable(store: schema.StoreSection, folder: Path, document: Document) -> None:
    """A password file must be there now, although it is read again at each connect."""
    named = (("passwordFile", store.password_file), ("sentinelPasswordFile", store.sentinel_password_file))
    for field, name in named:
        if name is None:
            continue
        try:
            (folder / name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            document.refuse(("store", field), f"the file {name!r} cannot be read: {reason}")


def _names_sentinels(url: str | None) -> bool:
    return url is not None and url.partition("://")[0].endswith("+sentinel")


def _has_password(url: str | None) -> bool:
    user = (url or "").partition("://")[2].partition("/")[0].rpartition("@")[0]
    return bool(user.partition(":")[2]) or "password" in _parameters(url)


def _parameters(url: str | None) -> dict[str, list[str]]:
    return parse_qs((url or "").partition("?")[2])
