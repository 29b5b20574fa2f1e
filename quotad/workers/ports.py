"""The port of callers, or of other proxies, taken once, and a listening place on it for each worker."""

import socket

from quotad import sockets
from quotad.config.model import Address
from quotad.errors import QuotadError


class SharedPort:
    """Has a port number and the sockets of it that workers listen on, one or more for each.

    They are here from before the first worker to after the last, so whoever is connected and not
    accepted yet survives the worker: the next one that is given these sockets accepts it.
    """

    def __init__(self, address: Address, workers: int = 1, name: str = "listen") -> None:
        """Take the port; 0 lets the system choose. Raises QuotadError when somebody listens there."""
        self._keepers: list[socket.socket] = []
        self.slots: list[list[socket.socket]] = [[] for _ in range(workers)]
        """By worker. Nobody listens on them before a worker does."""
        self.number = address.port
        try:
            for place in sockets.places(address.host, address.port):
                self._take(place)
        except OSError as error:
            self.close()
            where = f"{address.host}:{address.port}"
            raise QuotadError(f"{name} {where}: {error.strerror or error}") from error

    def close(self) -> None:
        """Let go of it. Workers may still listen."""
        while self._keepers:
            self._keepers.pop().close()
        for slot in self.slots:
            while slot:
                slot.pop().close()

    def _take(self, place: sockets.Place) -> None:
        # It never listens, so the kernel gives it no connection.
        keeper = sockets.bind(place, self.number, shared=False)
        self._keepers.append(keeper)
        self.number = keeper.getsockname()[1]
        # Not before: a bound port must be refused here although its owner's workers share it among them.
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for slot in self.slots:
            slot.append(sockets.bind(place, self.number, shared=True))
