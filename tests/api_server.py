"""A Procore API on loopback that plays a script, and records every request."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BODY = b'{"id": 1,  "odd": 1.10}'


@dataclass
class Reply:
    """What is sent; a body that is neither bytes nor text is sent as JSON, `links` as a header each."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    links: tuple[str, ...] = ()

    @property
    def data(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass
class Seen:
    """What arrived; header names in lower case, `target` with its query as it was sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    client: tuple[str, int]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None

    @property
    def company(self) -> str | None:
        return self.headers.get("procore-company-id")


Play = Callable[[Seen], Reply | None]


class ApiServer:
    """Answers by `plays[path]`, else by `play`; a 401 to every bearer that `accepts` does not know."""

    def __init__(self) -> None:
        self.url = ""
        self.reset()

    def reset(self, accepts: Callable[[str | None], bool] = lambda _: True) -> None:
        """Forget what was asked and what was to be answered: every call gets BODY."""
        self.accepts = accepts
        self.requests: list[Seen] = []
        self.plays: dict[str, Play] = {}
        self.always(BODY)

    @property
    def last(self) -> Seen:
        return self.requests[-1]

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def always(self, body: Any = b"", status: int = 200, **headers: str) -> None:
        """Give one answer to every call."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.play: Play = lambda _: Reply(status, body, names)

    def in_turn(self, *replies: Reply) -> None:
        """Give these answers in turn, the last one again and again."""
        left = list(replies)
        self.play = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def redirect(self, path: str, target: str) -> None:
        self.plays[path] = lambda _: Reply(302, b"", {"Location": target})

    def pages(self, *bodies: Any, path: str = "/rest/v1.0/projects") -> None:
        """Serve a list's pages with Link, Total and Per-Page."""

        def play(seen: Seen) -> Reply:
            number = int(seen.target.partition("page=")[2] or 1)
            headers = {"Total": str(2 * len(bodies)), "Per-Page": "2"}
            if number < len(bodies):
                headers["Link"] = f'<{self.url}{path}?page={number + 1}>; rel="next"'
            return Reply(200, bodies[number - 1], headers)

        self.plays[path] = play

    def answer(self, seen: Seen) -> Reply:
        self.requests.append(seen)
        if not self.accepts(seen.token):
            return Reply(401, {"errors": "Invalid or expired access token."})
        scripted = self.plays.get(seen.path)
        reply = scripted(seen) if scripted else None
        return reply or self.play(seen) or Reply(404, {"errors": "Not Found"})


class Handler(BaseHTTPRequestHandler):
    """Hands every request, whatever its method, to the `api` of its class."""

    api: ApiServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._read_body(headers)
        reply = self.api.answer(Seen(self.command, self.path, headers, body, self.client_address))
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        for link in reply.links:
            self.send_header("Link", link)
        self.send_header("Content-Length", str(len(reply.data) if reply.length is None else reply.length))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(b"" if self.command == "HEAD" else reply.data)
        if reply.length is not None:
            self.close_connection = True

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no trouble of the server's."""


@contextmanager
def serving_api(server: ApiServer) -> Iterator[ApiServer]:
    """Run the server on a free port of 127.0.0.1; its `url` is set."""
    with Quiet(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"api": server})) as running:
        server.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        running.shutdown()
        thread.join()
