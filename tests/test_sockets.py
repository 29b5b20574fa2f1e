import socket

from quotad import sockets


def listening(*, shared: bool = False) -> socket.socket:
    """On a free loopback port."""
    made = sockets.bind((socket.AF_INET, ("127.0.0.1", 0)), 0, shared=shared)
    sockets.keep_alive(made)
    made.listen(16)
    return made


def test_silent_peers_are_probed() -> None:
    """An accepted connection has keep-alive with our times: a peer that is gone for good is found out."""
    with listening() as door:
        caller = socket.create_connection(door.getsockname())
        accepted, _ = door.accept()
        with caller, accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            for name, value in sockets.KEEP_ALIVE:
                assert accepted.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value


def test_who_is_connected_is_told_apart_from_who_tries() -> None:
    """After ``admit_no_more`` nobody new gets in; who was connected before is accepted and can speak."""
    with listening() as door:
        assert not sockets.has_waiting(door)
        with socket.create_connection(door.getsockname()) as early, socket.socket() as late:
            assert sockets.admit_no_more(door)
            late.setblocking(False)
            late.connect_ex(door.getsockname())
            assert sockets.has_waiting(door)
            accepted, _ = door.accept()
            with accepted:
                early.sendall(b"here")
                assert accepted.recv(4) == b"here"
            assert not sockets.has_waiting(door)


def test_where_no_filter_can_be_set_it_is_told() -> None:
    """A socket that takes none is no error: the caller goes on without."""
    door = listening()
    door.close()
    assert not sockets.admit_no_more(door)


def test_a_shared_port_has_several_owners() -> None:
    """With ``shared`` a second socket may be bound to the port."""
    with listening(shared=True) as first:
        number = first.getsockname()[1]
        sockets.bind((socket.AF_INET, ("127.0.0.1", 0)), number, shared=True).close()
    assert {family for family, _ in sockets.places("", 80)} <= {socket.AF_INET, socket.AF_INET6}
    assert sockets.places("127.0.0.1", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]


def test_sockets_are_told_apart_by_their_address() -> None:
    """Of several, those bound to a host and port; the host may be a name, or empty for all interfaces."""
    with listening() as one, listening() as other:
        port = one.getsockname()[1]
        assert sockets.bound_to([one, other], "127.0.0.1", port) == [one]
        assert one in sockets.bound_to([one, other], "localhost", port)
        assert sockets.bound_to([one, other], "", port) == []
    with sockets.bind((socket.AF_INET, ("0.0.0.0", 0)), 0, shared=False) as everywhere:
        port = everywhere.getsockname()[1]
        assert sockets.bound_to([everywhere], "", port) == [everywhere]
        assert sockets.bound_to([everywhere], "127.0.0.1", port) == []
