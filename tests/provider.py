"""A Procore that is not the embedded one: strict about refresh tokens and codes, and scripted on demand.

It keeps no state on a disk, shares no line with `procore_cli.demo`, and records every request.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID = "client-of-the-tests"
CLIENT_SECRET = "hush-client-secret"
CHECK = "procore-login-check-"
JOE = {"id": 11111, "login": "joecontractor@procore.com", "name": "Joe Contractor"}


@dataclass
class Answer:
    """What the provider sends; a dict is sent as JSON."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    bearer: str | None
    company: str | None = None


class Provider:
    """Authorizes at once, without pages; `person` is who `/me` says it is, `deny` refuses consent."""

    def __init__(self) -> None:
        self.person: Any = JOE
        self.deny = False
        # Who the app's service account is in each company; where there is none, the app is not installed.
        self.services: dict[str, Any] = {}
        self.ends_last_service_token = False
        self.lifetime_s: Any = 5400
        self.requests: list[Request] = []
        # The questions about the app, before the first sign-in with it: kept apart, and answered by `check`.
        self.checks: list[Request] = []
        self.check: Callable[[Request], Answer | None] = lambda _: None
        self.script: dict[str, Callable[[Request], Answer | None]] = {}
        self.issued: list[str] = []
        self.url = ""
        self.connections = 0
        self._codes: dict[str, dict[str, str]] = {}
        self._alive: set[str] = set()
        self._bearers: set[str] = set()
        self._service_bearers: list[str] = []
        self._lock = threading.Lock()

    def count(self, path: str) -> int:
        """How many requests arrived at a path."""
        return sum(request.path == path for request in self.requests)

    def expire(self) -> None:
        """No access token is accepted any more; the refresh tokens are."""
        self._bearers.clear()

    def refuse(self, refresh_token: str) -> None:
        """This refresh token is not accepted any more."""
        self._alive.discard(refresh_token)

    def answer(self, request: Request) -> Answer:
        """Play the script for the path, else behave."""
        if request.form.get("code", "").startswith(CHECK):
            self.checks.append(request)
            return self.check(request) or self._token(request)
        with self._lock:
            self.requests.append(request)
        scripted = self.script.get(request.path)
        answer = scripted(request) if scripted else None
        if answer is not None:
            return answer
        behaviour = {
            "/oauth/authorize": self._authorize,
            "/oauth/token": self._token,
            "/oauth/revoke": self._revoke,
            "/rest/v1.0/me": self._me,
        }.get(request.path)
        return behaviour(request) if behaviour else Answer(404, {"errors": "Not Found"})

    def tokens(self) -> dict[str, Any]:
        """A token answer, of which every token is alive."""
        access, refresh = f"hush-access-{secrets.token_hex(200)}", f"hush-refresh-{secrets.token_hex(20)}"
        self.issued += [access, refresh]
        self._bearers.add(access)
        self._alive.add(refresh)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "refresh_token": refresh,
            "created_at": int(time.time()),
        }

    def _authorize(self, request: Request) -> Answer:
        query = request.query
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            return Answer(400, "<h1>An error page, and no redirect</h1>")
        if self.deny:
            said = {"error": "access_denied", "error_description": "The resource owner <b>denied</b> it."}
        else:
            code = f"hush-code-{secrets.token_hex(20)}"
            self._codes[code] = query
            self.issued.append(code)
            said = {"code": code}
        target = f"{query['redirect_uri']}?{urlencode(said | {'state': query['state']})}"
        return Answer(302, "", {"Location": target})

    def _token(self, request: Request) -> Answer:
        form = request.form
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return Answer(
                401, {"error": "invalid_client", "error_description": "Client authentication failed."}
            )
        if form.get("grant_type") == "client_credentials":
            return self._grant_service()
        with self._lock:
            granted = self._take_code(form) if form.get("grant_type") == "authorization_code" else None
            # Strict rotation: whatever is sent is spent.
            if form.get("grant_type") == "refresh_token" and form.get("refresh_token") in self._alive:
                self._alive.discard(form["refresh_token"])
                granted = True
        if not granted:
            return Answer(400, {"error": "invalid_grant", "error_description": "The grant is invalid."})
        return Answer(200, self.tokens())

    def _grant_service(self) -> Answer:
        if not self.services:
            return Answer(401, {"error": "unauthorized_client", "error_description": "It may not do that."})
        with self._lock:
            if self.ends_last_service_token:
                self._bearers.difference_update(self._service_bearers)
            granted = self.tokens()
            self._service_bearers.append(granted["access_token"])
        del granted["refresh_token"]
        return Answer(200, granted)

    def _take_code(self, form: dict[str, str]) -> bool:
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return False
        verifier = form.get("code_verifier", "")
        self.issued.extend(filter(None, [verifier]))
        digest = hashlib.sha256(verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]

    def _revoke(self, request: Request) -> Answer:
        self._alive.discard(request.form.get("token", ""))
        self._bearers.discard(request.form.get("token", ""))
        return Answer(200, {})

    def _me(self, request: Request) -> Answer:
        if request.bearer not in self._bearers:
            return Answer(401, {"error": "invalid_token"})
        if request.bearer not in self._service_bearers:
            return Answer(200, self.person)
        if request.company is None:
            return Answer(400, {"errors": "Missing Procore-Company-Id header!"})
        if request.company not in self.services:
            return Answer(403, {"errors": ["App is not connected to this company."]})
        return Answer(200, self.services[request.company])


P = TypeVar("P", bound=Provider)


@contextmanager
def serving(provider: P, *, protocol: str = "HTTP/1.0") -> Iterator[P]:
    """Run the provider on a free port of 127.0.0.1; its `url` is set. With HTTP/1.1 it keeps connections."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            provider.connections += 1

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._answer(flat(body))

        def _answer(self, form: dict[str, str]) -> None:
            target = urlsplit(self.path)
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
            company = self.headers.get("Procore-Company-Id")
            request = Request(self.command, target.path, flat(target.query), form, bearer, company)
            answer = provider.answer(request)
            body = answer.body if isinstance(answer.body, (str, bytes)) else json.dumps(answer.body)
            data = body.encode() if isinstance(body, str) else body
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        # A hundred processes may knock at the same time.
        server.socket.listen(256)
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()


def flat(encoded: str) -> dict[str, str]:
    """A query or form as a dict; a doubled name is a mistake that a test must notice."""
    values = parse_qs(encoded, keep_blank_values=True)
    assert all(len(found) == 1 for found in values.values()), f"doubled: {sorted(values)}"
    return {name: found[0] for name, found in values.items()}
