from quotad.store.endpoint import Endpoint


def test_it_prints_where_and_never_who() -> None:
    """Neither str nor repr shows user or password."""
    endpoint = Endpoint(host="store.internal", port=6380, username="alice", password="hidden-word")
    assert str(endpoint) == "store.internal:6380"
    assert str(Endpoint(path="/run/store.sock")) == "unix:/run/store.sock"
    assert "alice" not in repr(endpoint)
    assert "hidden-word" not in repr(endpoint)
