import asyncio
import subprocess
import sys

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


@pytest.mark.parametrize("url", ["redis://:pw@127.0.0.1:1/0", "unix:///tmp/s.sock"])
def test_one_server_needs_no_redis_py(url: str) -> None:
    """What counts at a server of its own address carries none of it: a fifth of its memory."""
    script = (
        "import asyncio, sys\nimport quotad.app, quotad.workers.supervisor\n"
        "from quotad.config.model import StoreConfig\nfrom quotad.store import access\n"
        "from quotad.store.link import LinkOptions\n"
        f"access.route(asyncio.new_event_loop(), {url!r}, StoreConfig(), LinkOptions())\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'redis'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
