"""The embedded Procore: a real HTTP server on loopback that lives inside the command that needs it.

Refuses any address but 127.0.0.1, and to be imported slowly: its parts are loaded when it starts.
"""

from __future__ import annotations

import os
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from procore_cli.config.environments import (
    AUTHORIZE_PATH,
    COMPANIES_PATH,
    ME_PATH,
    REVOKE_PATH,
    TOKEN_INFO_PATH,
    TOKEN_PATH,
)
from procore_cli.demo.api import FILES_PATH, STORAGE_PATH, Api, Downloads, Resources
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
from procore_cli.demo.pages import LOGIN_PATH, Sessions, SignInDesk, new_headers
from procore_cli.demo.responses import Conditions, new_too_many
from procore_cli.errors import PortTakenError
from procore_cli.threads import start

if TYPE_CHECKING:
    from procore_cli.demo.oauth import Provider
    from procore_cli.demo.seed import Seed
    from procore_cli.demo.state import DemoState, Records


Route = Callable[..., Answer]
# A method and a path, in which {id} stands for a number and {name} for one segment.
Routes = Mapping[tuple[str, str], Route]


class Front:
    """Finds the answer to a call; safe to use from several threads."""

    def __init__(self, routes: Routes, conditions: Conditions, calls: Calls) -> None:
        self._fixed = {key: route for key, route in routes.items() if "{" not in key[1]}
        self._patterns = [
            (method, _new_pattern(path), route) for (method, path), route in routes.items() if "{" in path
        ]
        self._conditions = conditions
        self._calls = calls

    def answer(self, call: Call) -> Answer:
        """The answer, whatever it takes; raises what a route raises beyond RefusedCallError."""
        if call.path == CALLS_PATH:
            return self._route(call)
        self._conditions.delay(call)
        try:
            answer = self._conditions.find_fault(call) or self._answer_within_limit(call)
        except Exception:
            self._calls.note(call, Answer(500))
            raise
        self._calls.note(call, answer)
        return answer

    def _answer_within_limit(self, call: Call) -> Answer:
        taken = self._conditions.take_pass(call)
        if taken is None:
            return self._route(call)
        answer = self._route(call) if taken.allowed else new_too_many(taken)
        return replace(answer, headers=(*answer.headers, *taken.headers))

    def _route(self, call: Call) -> Answer:
        found = self._find(call)
        if found is None:
            return new_errors(404, "Not found.")
        route, arguments = found
        try:
            return route(call, *arguments)
        except RefusedCallError as refusal:
            return refusal.answer

    def _find(self, call: Call) -> tuple[Route, tuple[Any, ...]] | None:
        # A HEAD is a GET whose body stays here (RFC 9110, section 9.3.2).
        method = "GET" if call.method == "HEAD" else call.method
        fixed = self._fixed.get((method, call.path))
        if fixed is not None:
            return fixed, ()
        for wanted, pattern, route in self._patterns:
            match = pattern.fullmatch(call.path) if wanted == method else None
            if match:
                return route, tuple(_read_segment(*found) for found in match.groupdict().items())
        return None


def _new_pattern(path: str) -> re.Pattern[str]:
    # Eighteen digits: all that fits into SQLite's 64 bits.
    text = re.escape(path).replace(r"\{id\}", "(?P<id>[0-9]{1,18})")
    return re.compile(text.replace(r"\{name\}", "(?P<name>[^/]+)"))


def _read_segment(kind: str, text: str) -> int | str | None:
    return find_id(text) if kind == "id" else unquote(text)


TOKENS_PATH = "/demo/tokens"
_PROJECTS_PATH = "/rest/v1.0/projects"


def new_routes(inside: Inside, port: int, clock: Callable[[], float]) -> Routes:
    """Every route, over the parts of one server."""
    desk = SignInDesk(inside.provider, inside.state, Sessions(port))
    api = Api(inside.provider, inside.state)
    resources = Resources(inside.provider, inside.records, clock)
    downloads = Downloads(inside.provider)
    return {
        ("GET", LOGIN_PATH): desk.show_login,
        ("POST", LOGIN_PATH): desk.log_in,
        ("GET", AUTHORIZE_PATH): desk.show_consent,
        ("POST", AUTHORIZE_PATH): desk.decide,
        ("POST", TOKEN_PATH): api.issue_token,
        ("POST", REVOKE_PATH): api.revoke,
        ("GET", TOKEN_INFO_PATH): api.show_token_info,
        ("GET", ME_PATH): api.show_me,
        ("GET", COMPANIES_PATH): resources.list_companies,
        ("GET", f"{COMPANIES_PATH}/{{id}}"): resources.show_company,
        ("GET", f"{COMPANIES_PATH}/{{id}}/projects"): resources.list_projects_of,
        ("GET", "/rest/v2.0/companies/{id}/projects"): resources.list_projects_v2,
        ("GET", _PROJECTS_PATH): resources.list_projects,
        ("POST", _PROJECTS_PATH): resources.add_project,
        ("GET", f"{_PROJECTS_PATH}/{{id}}"): resources.show_project,
        ("PATCH", f"{_PROJECTS_PATH}/{{id}}"): resources.change_project,
        ("PUT", f"{_PROJECTS_PATH}/{{id}}"): resources.change_project,
        ("DELETE", f"{_PROJECTS_PATH}/{{id}}"): resources.delete_project,
        ("GET", f"{FILES_PATH}{{name}}"): downloads.send,
        ("GET", f"{STORAGE_PATH}{{name}}"): downloads.send_stored,
        ("POST", TOKENS_PATH): api.sign_in,
        ("GET", CALLS_PATH): inside.calls.show,
        ("DELETE", CALLS_PATH): inside.calls.empty,
    }


HOST = "127.0.0.1"
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_IDLE_TIMEOUT_S = 60
_CLOSING_TIMEOUT_S = 2


class DemoHttpServer(ThreadingHTTPServer):
    """One thread a connection; quiet."""

    daemon_threads = True
    request_queue_size = 64
    # On Windows this would let another program share the port.
    allow_reuse_address = os.name != "nt"
    answer: Callable[[Call], Answer]

    def __init__(self, address: tuple[str, int], handler: type[DemoHandler]) -> None:
        self._connections: set[Any] = set()
        self._changed = threading.Condition()
        super().__init__(address, handler)

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

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer a HEAD: the headers of a GET (RFC 9110, section 9.3.2)."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._answer()

    def do_PUT(self) -> None:
        """Answer a PUT."""
        self._answer()

    def do_PATCH(self) -> None:
        """Answer a PATCH."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._answer()

    def do_OPTIONS(self) -> None:
        """Answer an OPTIONS, which nothing here has: no page of another site may call the API."""
        self._answer()

    def _answer(self) -> None:
        try:
            call = self._read_call()
        except RefusedCallError as refusal:
            self.close_connection = True
            self._send(refusal.answer)
            return
        self._send(self._find_answer(call))

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
            method=self.command,
            path=path,
            company=headers.get("Procore-Company-Id", "").strip(),
            origin=self._find_origin(headers.get("Host", "")),
        )

    def _find_origin(self, host: str) -> str:
        """The base URL by the name that the client used for us; any other name is not repeated."""
        ours = (f"{name}:{self.server.server_port}" for name in _OWN_NAMES)
        return f"http://{host}" if host in ours else self.server.url

    def _find_answer(self, call: Call) -> Answer:
        try:
            return self.server.answer(call)
        # What went wrong is the client's news: the command around us reports the 500.
        except Exception:  # noqa: BLE001
            return new_errors(500, "The pretend Procore failed.")

    def _send(self, answer: Answer) -> None:
        if answer.dropped:
            self.close_connection = True
            return
        data = answer.text.encode()
        self.send_response(answer.status)
        if answer.status != 204:
            size = answer.stream.size if answer.stream else len(data)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(size))
        for name, value in (*new_headers(answer.forms_lead_to), *answer.headers):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.writelines(answer.stream.chunks() if answer.stream else [data])


# How long `close` may wait for the accepting thread to notice.
_POLL_INTERVAL_S = 0.02


@dataclass(frozen=True)
class Inside:
    """The parts of a running server, for whoever runs it to look at and to change."""

    state: DemoState
    provider: Provider
    records: Records
    conditions: Conditions
    calls: Calls


class DemoServer:
    """A pretend Procore over `<data folder>/demo`; several may run over one folder at once.

    `clock` gives seconds since the epoch (UTC), `tell` says one line to the person, `port` 0 is any free one.
    `seed` replaces companies and projects; `conditions` and `calls` are for tests and `demo serve`.
    """

    def __init__(
        self,
        data_folder: Path,
        clock: Callable[[], float],
        tell: Callable[[str], None] = lambda _: None,
        port: int = 0,
        *,
        seed: Seed | None = None,
        conditions: Conditions | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._data_folder = data_folder
        self._clock = clock
        self._tell = tell
        self._port = port
        self._seed = seed
        self._conditions = conditions
        self._calls = calls
        self._http: DemoHttpServer | None = None
        self._thread: threading.Thread | None = None
        self._inside: Inside | None = None

    def start(self) -> None:
        """Listen. Raises DataFolderError, DatabaseError, PortTakenError, NoThreadError."""
        http = _new_http_server(self._port)
        thread = threading.Thread(
            target=http.serve_forever, args=(_POLL_INTERVAL_S,), name="pretend-procore", daemon=True
        )
        try:
            inside = self._new_inside()
            http.answer = _new_front(inside, http.server_port, self._clock).answer
            inside.conditions.begin()
            start(thread)
        except BaseException:
            http.server_close()
            raise
        self._http, self._inside, self._thread = http, inside, thread

    @property
    def url(self) -> str:
        """The base URL of both its OAuth server and its API, once it has started."""
        if self._http is None:
            raise RuntimeError("the pretend Procore has not been started")
        return self._http.url

    @property
    def inside(self) -> Inside:
        """Its parts, once it has started."""
        if self._inside is None:
            raise RuntimeError("the pretend Procore has not been started")
        return self._inside

    def close(self) -> None:
        """Stop listening, end what connections there are; doing it twice is no mistake."""
        if self._http is None or self._thread is None or self._inside is None:
            return
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._inside.conditions.end()
        self._http.close_connections()
        self._http = self._thread = self._inside = None

    def __enter__(self) -> DemoServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _new_inside(self) -> Inside:
        from procore_cli.demo.exchange import Calls
        from procore_cli.demo.oauth import Provider
        from procore_cli.demo.responses import Conditions
        from procore_cli.demo.state import DemoState, Records

        state = DemoState(self._data_folder, self._tell, self._seed)
        conditions = self._conditions or Conditions(self._clock)
        provider = Provider(state, self._clock, lambda: conditions.lifetime_s)
        return Inside(state, provider, Records(state.file), conditions, self._calls or Calls())


def _new_front(inside: Inside, port: int, clock: Callable[[], float]) -> Front:

    return Front(new_routes(inside, port, clock), inside.conditions, inside.calls)


def _new_http_server(port: int) -> DemoHttpServer:

    try:
        return DemoHttpServer((HOST, port), DemoHandler)
    except OSError as error:
        raise PortTakenError(
            f"The pretend Procore (demo) cannot listen on {HOST}:{port}: {error.strerror}.",
            "Stop the program that holds the port, or choose another port.",
        ) from error
