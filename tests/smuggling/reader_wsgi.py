"""A strict Python server, waitress: tells in a field of each answer what it read. Prints its port."""

import hashlib
import json
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from waitress.server import create_server

FIELDS = ("HTTP_HOST", "HTTP_X_REQUEST_ID", "HTTP_X_QUOTAD_SECRET_ID", "HTTP_X_QUOTAD_PLAN_ID")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers every request alike."""
    body = environ["wsgi.input"].read()
    said = [environ.get(name, "") for name in FIELDS]
    digest = hashlib.sha1(body, usedforsecurity=False).hexdigest()
    sight = [environ["REQUEST_METHOD"], environ["REQUEST_URI"], *said, len(body), digest]
    start_response("200 OK", [("X-Seen", json.dumps(sight).encode().hex()), ("Content-Length", "0")])
    return []


if __name__ == "__main__":
    server: Any = create_server(application, host="127.0.0.1", port=0, threads=8)
    print(server.effective_port, version("waitress"), flush=True)
    server.run()
