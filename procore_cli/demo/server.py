"""The embedded Procore: a real HTTP server on loopback that lives inside the command that needs it.

Refuses any address but 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from procore_cli.config.environments import (
    AUTHORIZE_PATH,
    COMPANIES_PATH,
    DEMO,
    ME_PATH,
    REVOKE_PATH,
    TOKEN_INFO_PATH,
    TOKEN_PATH,
)
from procore_cli.demo.api import FILES_PATH, STORAGE_PATH, Api
from procore_cli.demo.exchange import (
    CALLS_PATH,
    Answer,
    Call,
    Calls,
    RefusedCallError,
    find_id,
    new_errors,
    read_body,
)
from procore_cli.demo.oauth import Provider
from procore_cli.demo.pages import LOGIN_PATH, SignInDesk
from procore_cli.demo.responses import Conditions, new_too_many
from procore_cli.demo.seed import Seed
from procore_cli.demo.state import DemoState
from procore_cli.errors import PortTakenError
from procore_cli.threads import start
from procore_cli.webpage import security_headers

HOST = "127.0.0.1"
TOKENS_PATH = "/demo/tokens"
_PROJECTS_PATH = "/rest/v1.0/projects"
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_IDLE_TIMEOUT_S = 60
# Chromium applies it to the redirects after a form as well: to whatever redirect URI there is.
_FORMS_LEAD_TO = "'self' http: https:"
_CLOSING_TIMEOUT_S = 2
# How long `close` may wait for the accepting thread to notice.
_POLL_INTERVAL_S = 0.02


class DemoServer:
    """A pretend Procore over `<data folder>/demo`; several may run over one folder at once.

    It answers within a `with` block. `clock` gives seconds since the epoch (UTC), `port` 0 is any free one.
    `seed` replaces companies and projects; `conditions` and `calls` are for tests and `demo serve`.
    """

    def __init__(
        self,
        data_folder: Path,
        clock: Callable[[], float],
        port: int = 0,
        *,
        seed: Seed | None = None,
        conditions: Conditions | None = None,
        calls: Calls | None = None,
    ) -> None:
        """Raises DataFolderError, DatabaseError, PortTakenError."""
        self.state = DemoState(data_folder, seed)
        self.conditions = conditions or Conditions(clock)
        self.calls = calls or Calls()
        self.provider = Provider(self.state, clock, lambda: self.conditions.lifetime_s)
        self._api = Api(self.provider, self.state, clock)
        try:
            self._http = DemoHttpServer(port, self._answer)
        except OSError as error:
            raise PortTakenError(
                f"The pretend Procore (demo) cannot listen on {HOST}:{port}: {error.strerror}.",
                "Stop the program that holds the port, or choose another port.",
                environment=DEMO.name,
            ) from error
        self._desk = SignInDesk(self.provider, self.state, self._http.server_port)
        self._routes = [(method, _new_pattern(path), route) for method, path, route in self._list_routes()]
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_POLL_INTERVAL_S,), name="pretend-procore", daemon=True
        )

    @property
    def url(self) -> str:
        """The base URL of both its OAuth server and its API."""
        return self._http.url

    def __enter__(self) -> DemoServer:
        """Listen. Raises NoThreadError."""
        self.conditions.begin()
        try:
            start(self._thread)
        except BaseException:
            self._http.server_close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, end what connections there are; doing it twice is no mistake."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self.conditions.end()
        self._http.close_connections()

    def _list_routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        """In a path {id} stands for a number and {name} for one segment."""
        api, desk, provider = self._api, self._desk, self.provider
        return [
            ("GET", LOGIN_PATH, desk.show_login),
            ("POST", LOGIN_PATH, desk.log_in),
            ("GET", AUTHORIZE_PATH, desk.show_consent),
            ("POST", AUTHORIZE_PATH, desk.decide),
            ("POST", TOKEN_PATH, provider.issue_token),
            ("POST", REVOKE_PATH, provider.revoke),
            ("GET", TOKEN_INFO_PATH, provider.show_token_info),
            ("GET", ME_PATH, api.show_me),
            ("GET", COMPANIES_PATH, api.list_companies),
            ("GET", f"{COMPANIES_PATH}/{{id}}", api.show_company),
            ("GET", f"{COMPANIES_PATH}/{{id}}/projects", api.list_projects_of),
            ("GET", "/rest/v2.0/companies/{id}/projects", api.list_projects_v2),
            ("GET", _PROJECTS_PATH, api.list_projects),
            ("POST", _PROJECTS_PATH, api.add_project),
            ("GET", f"{_PROJECTS_PATH}/{{id}}", api.show_project),
            ("PATCH", f"{_PROJECTS_PATH}/{{id}}", api.change_project),
            ("PUT", f"{_PROJECTS_PATH}/{{id}}", api.change_project),
            ("DELETE", f"{_PROJECTS_PATH}/{{id}}", api.delete_project),
            ("GET", f"{FILES_PATH}{{name}}", api.send_file),
            ("GET", f"{STORAGE_PATH}{{name}}", api.send_stored),
            ("POST", TOKENS_PATH, api.sign_in),
            ("GET", CALLS_PATH, self.calls.show),
            ("DELETE", CALLS_PATH, self.calls.empty),
        ]

    def _answer(self, call: Call) -> Answer:
        if call.path == CALLS_PATH:
            # Whoever looks there is not among the calls.
            return self._route(call)
        self.conditions.delay(call)
        answer = self.conditions.find_fault(call) or self._answer_within_limit(call)
        self.calls.note(call, answer)
        return answer

    def _answer_within_limit(self, call: Call) -> Answer:
        taken = self.conditions.take_pass(call)
        if taken is None:
            return self._route(call)
        answer = self._route(call) if taken.allowed else new_too_many(taken)
        return replace(answer, headers=(*answer.headers, *taken.headers))

    def _route(self, call: Call) -> Answer:
        # A HEAD is a GET whose body stays here (RFC 9110, section 9.3.2).
        method = "GET" if call.method == "HEAD" else call.method
        # Procore takes a path with a slash at its end for the same.
        path = call.path.rstrip("/")
        for wanted, pattern, route in self._routes:
            found = pattern.fullmatch(path) if wanted == method else None
            if found:
                return _answer_by(route, call, found.groupdict())
        return new_errors(404, "Not found.")


def _answer_by(route: Callable[..., Answer], call: Call, segments: dict[str, str]) -> Answer:
    named = (find_id(text) if kind == "id" else unquote(text) for kind, text in segments.items())
    try:
        return route(call, *named)
    except RefusedCallError as refusal:
        return refusal.answer
    # What went wrong is the client's news: the command around us reports the 500.
    except Exception:  # noqa: BLE001
        return new_errors(500, "The pretend Procore failed.")


def _new_pattern(path: str) -> re.Pattern[str]:
    # Eighteen digits: all that fits into SQLite's 64 bits.
    text = re.escape(path).replace(r"\{id\}", "(?P<id>[0-9]{1,18})")
    return re.compile(text.replace(r"\{name\}", "(?P<name>[^/]+)"))


class DemoHttpServer(ThreadingHTTPServer):
    """One thread a connection; quiet."""

    daemon_threads = True
    request_queue_size = 64
    # On Windows this would let another program share the port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int, answer: Callable[[Call], Answer]) -> None:
        self.answer = answer
        self._connections: set[Any] = set()
        self._changed = threading.Condition()
        super().__init__((HOST, port), DemoHandler)

    def server_bind(self) -> None:
        """Bind without the name lookup that HTTPServer makes here, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{HOST}:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, so that closing can end it."""
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        """Forget a connection that has ended."""
        super().close_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def close_connections(self) -> None:
        """End the connections that clients keep open, and wait for their threads to notice."""
        with self._changed:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, _CLOSING_TIMEOUT_S)

    def handle_error(self, *_: Any) -> None:
        """A client that went away is nobody's news."""


class DemoHandler(BaseHTTPRequestHandler):
    """The requests of one connection, which stays open between them (RFC 9112, section 9.3)."""

    server: DemoHttpServer
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_TIMEOUT_S
    # Head and body leave together: two packets would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        try:
            answer = self.server.answer(self._read_call())
        except RefusedCallError as refusal:
            self.close_connection = True
            answer = refusal.answer
        self._send(answer)

    # OPTIONS has no route: no page of another site may call the API.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

    def version_string(self) -> str:
        """What stands in the Server header."""
        return "pretend-procore"

    def log_message(self, *_: Any) -> None:
        """Nothing: a query may hold a code, and the terminal belongs to the command."""

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        """What the parser refuses, in our own shape and without its words."""
        self.close_connection = True
        self._send(new_errors(code, "The request cannot be read."))

    def _read_call(self) -> Call:
        path, _, query = self.path.partition("?")
        headers = self.headers
        return Call(
            query=query,
            body=read_body(headers, self.rfile, path).decode("utf-8", "replace"),
            cookie=headers.get("Cookie", ""),
            authorization=headers.get("Authorization", ""),
            content_type=headers.get("Content-Type", ""),
            method=self.command,
            path=path,
            company=headers.get("Procore-Company-Id", "").strip(),
            origin=self._find_origin(headers.get("Host", "")),
        )

    def _find_origin(self, host: str) -> str:
        """The base URL by the name that the client used for us; any other name is not repeated."""
        ours = (f"{name}:{self.server.server_port}" for name in _OWN_NAMES)
        return f"http://{host}" if host in ours else self.server.url

    def _send(self, answer: Answer) -> None:
        if answer.dropped:
            self.close_connection = True
            return
        data = answer.text.encode()
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(answer.size if answer.chunks else len(data)))
        for name, value in (*security_headers(_FORMS_LEAD_TO), *answer.headers):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.writelines(answer.chunks or [data])
