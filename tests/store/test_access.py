import asyncio

import pytest

from quotad.config.model import StoreConfig
from quotad.store import access
from quotad.store.cluster import Cluster
from quotad.store.link import LinkOptions
from quotad.store.route import OneServer


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://127.0.0.1:1/0", OneServer),
        ("unix:///tmp/s.sock", OneServer),
        ("redis+sentinel://127.0.0.1:1/counters", OneServer),
        ("redis+cluster://127.0.0.1:1", Cluster),
    ],
)
async def test_the_url_says_what_the_way_is(url: str, kind: type) -> None:
    """A Cluster has a link per primary, all else has one."""
    loop = asyncio.get_running_loop()
    assert isinstance(access.route(loop, url, StoreConfig(), LinkOptions()), kind)


async def test_a_url_that_is_none_is_refused_without_being_shown() -> None:
    """It may hold a password."""
    with pytest.raises(ValueError) as refusal:
        access.route(asyncio.get_running_loop(), "http://:hidden@x", StoreConfig(), LinkOptions())
    assert "hidden" not in str(refusal.value)
