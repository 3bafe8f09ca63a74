"""An API that is not the embedded one: records whole requests, and answers `/me` as a provider does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.provider import Answer, Provider, Request

ME = "/rest/v1.0/me"


@dataclass
class Call:
    """What arrived."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def token(self) -> str | None:
        """The bearer."""
        return (self.headers["Authorization"] or "").removeprefix("Bearer ") or None


@dataclass
class ApiServer:
    """Lets in whoever has a token of the provider's; a script for a path comes first."""

    provider: Provider
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    script: dict[str, Callable[[Call], Answer | None]] = field(default_factory=dict)

    def answer(self, call: Call) -> Answer:
        """Play the script for the path, else `/me`'s."""
        self.calls.append(call)
        scripted = self.script.get(call.path)
        answer = scripted(call) if scripted else None
        return answer or self.provider.answer(Request("GET", ME, {}, {}, call.token))

    def redirect(self, path: str, target: str) -> None:
        """Answer a path with a redirect."""
        self.script[path] = lambda _: Answer(302, "", {"Location": target})


@contextmanager
def serving_api(provider: Provider) -> Iterator[ApiServer]:
    """Run an API on a free port of 127.0.0.1; its `url` is set."""
    api = ApiServer(provider)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self._read_chunks() if self.headers["Transfer-Encoding"] else self._read_whole()
            answer = api.answer(Call(self.command, self.path, self.headers, body))
            data = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def _read_whole(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"] or 0))

        def _read_chunks(self) -> bytes:
            body = b""
            while length := int(self.rfile.readline(), 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield api
        server.shutdown()
        thread.join()
