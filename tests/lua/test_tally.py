from typing import Any

from quotad.store import scripts
from tests.support.servers import StoreServer

KEY = "quotad:{.control}:tally:x"


def test_a_tally_counts_within_its_window(lua_server: StoreServer) -> None:
    """The window begins with the first and is not made longer by others; afterwards it starts again."""
    lua_server.flush()
    with lua_server.client() as client:
        script: Any = client.register_script(scripts.load("tally").text)
        assert script([KEY], [1, 50_000]) == 1
        assert script([KEY], [2, 90_000]) == 3
        assert 0 < client.pttl(KEY) <= 50_000
        client.delete(KEY)
        assert script([KEY], [1, 50_000]) == 1


def test_a_tally_without_an_end_gets_one(lua_server: StoreServer) -> None:
    """One that somebody made otherwise does not count for ever."""
    lua_server.flush()
    with lua_server.client() as client:
        client.set(KEY, 7)
        assert client.eval(scripts.load("tally").text, 1, KEY, 0, 50_000) == 7
        assert 0 < client.pttl(KEY) <= 50_000
