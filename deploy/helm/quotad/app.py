"""A service to try: answers what it is asked, and takes its time under /slow."""

import http.server
import json
import signal
import sys
import time


class Answer(http.server.BaseHTTPRequestHandler):
    """Any request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer with the path and who asked."""
        if self.path.startswith("/slow"):
            time.sleep(3)
        body = json.dumps({"path": self.path, "secretId": self.headers.get("X-Quotad-Secret-Id")}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing: quotad has an access log."""


# The first process of a container ignores every signal that it has no handler for.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
# Loopback: nobody gets past quotad.
http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Answer).serve_forever()
