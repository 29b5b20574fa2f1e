"""Where one Redis server answers, and who we are there."""

import ssl
from dataclasses import field

from quotad.frozen import frozen


@frozen
class Endpoint:
    """One server's address: a unix socket when ``path`` is set, else TCP, with TLS when ``tls`` is set.

    Printed without user and password.
    """

    host: str = "localhost"
    port: int = 6379
    path: str = ""
    database: int = 0
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"
