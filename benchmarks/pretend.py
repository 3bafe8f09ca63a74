"""A pretend Procore on loopback for the benchmarks: it grants everything at once, and counts what it grants.

Refuses to check anything, since what is measured is the program and not its provider.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

ME = {"id": 11111, "login": "joecontractor@procore.com", "name": "Joe Contractor"}
# What `configure` and the first sign-in ask an app's credentials with: a code that cannot exist.
CHECK = "procore-login-check-"


class Procore(ThreadingHTTPServer):
    """`lifetime_s`: of the access tokens to come; `refreshes`: how many have been asked for."""

    daemon_threads = True
    # A hundred processes may knock at the same time.
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lifetime_s = 5400
        self.refreshes = 0

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[Procore]:
    """A pretend Procore that answers until the block ends."""
    with Procore() as procore:
        threading.Thread(target=procore.serve_forever, daemon=True).start()
        yield procore
        procore.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Procore

    def do_POST(self) -> None:
        """Give tokens of a common size, or take one back."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form.get("code", [""])[0].startswith(CHECK):
            return self._send(400, {"error": "invalid_grant"})
        if form.get("grant_type") == ["refresh_token"]:
            self.server.refreshes += 1
        # As long as Procore's are: a JWT of some 570 characters, and 43.
        tokens = {"access_token": secrets.token_hex(285), "refresh_token": secrets.token_urlsafe(32)}
        return self._send(200, {**tokens, "token_type": "Bearer", "expires_in": self.server.lifetime_s})

    def do_GET(self) -> None:
        """Say who it is."""
        self._send(200, ME)

    def _send(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing about each request."""
