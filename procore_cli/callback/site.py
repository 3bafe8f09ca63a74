"""What the listener answers to a request: routes and rules, no socket.

Knows HTTP, not OAuth: the pending callback knows which one is ours. Refuses every Host but loopback's names.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import parse_qsl

from procore_cli import log
from procore_cli.callback import pages
from procore_cli.callback.pending import Home, Outcome, PendingCallback
from procore_cli.config.urls import RedirectUri, find_origin
from procore_cli.webpage import security_headers

_EVERY_ANSWER = (("Server", "procore-login"), ("Connection", "close"))
_PATH = re.compile(r"/[\x21\x22\x24-\x7e]*")
COOKIE_NAME = "procore_login_session"
_LIFETIME_S = 60
_HTTP_PORT = 80


@dataclass(frozen=True)
class Answer:
    """Status, page and further headers; `is_home` marks the page that ends the program's wait."""

    status: HTTPStatus
    page: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    is_home: bool = False

    def to_bytes(self, headers_only: bool = False) -> bytes:
        """The answer as it goes over the wire (RFC 9112), without its body if that was asked for."""
        body = self.page.encode()
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        safe = security_headers(script=pages.CARRY_SCRIPT)
        named = (*_EVERY_ANSWER, *safe, *self.headers, ("Content-Length", str(len(body))))
        lines += [f"{name}: {value}" for name, value in named]
        if body:
            lines.append("Content-Type: text/html; charset=utf-8")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head if headers_only else head + body


@dataclass(frozen=True)
class Request:
    """A request without its body; header names are in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        """The target up to the question mark, as it was sent."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after the question mark."""
        return self.target.partition("?")[2]

    @property
    def has_plain_target(self) -> bool:
        """Whether the target is a path and query (RFC 9112, section 3.2.1), not a URL or a host."""
        return _PATH.fullmatch(self.target) is not None

    def all_of(self, name: str) -> list[str]:
        """The values of every header of this (lower-case) name."""
        return [value for key, value in self.headers if key == name]


class HomeSession:
    """A random session and its cookie (RFC 6265)."""

    def __init__(self) -> None:
        self._key = secrets.token_urlsafe(32)

    @property
    def cookie(self) -> str:
        """The value of the `Set-Cookie` header."""
        return f"{COOKIE_NAME}={self._key}; HttpOnly; SameSite=Lax; Path=/home; Max-Age={_LIFETIME_S}"

    def is_in(self, cookie_headers: Iterable[str]) -> bool:
        """Whether one of the cookies is this session's, compared in constant time."""
        crumbs = (crumb.strip().partition("=") for header in cookie_headers for crumb in header.split(";"))
        # localhost's cookies are shared by all ports: another program's may come under our name, and first.
        return any(self._fits(value) for name, _, value in crumbs if name == COOKIE_NAME)

    def _fits(self, value: str) -> bool:
        return secrets.compare_digest(value.encode(), self._key.encode())


class Site:
    """The pages of one sign-in; `answer` may be called by many threads at once."""

    def __init__(
        self,
        redirect: RedirectUri,
        authorize_url: str,
        pending: PendingCallback,
        environment: str,
        outcome_timeout_s: float,
    ) -> None:
        self._callback_path = redirect.path
        self._origin = find_origin(redirect.text)
        self._hosts = _own_hosts(redirect.port)
        self._authorize_url = authorize_url
        self._pending = pending
        self._environment = environment
        self._outcome_timeout_s = outcome_timeout_s
        self._session = HomeSession()

    def answer(self, request: Request) -> Answer:
        """Answer a GET or HEAD request; a callback that is ours waits here for its outcome."""
        hosts = request.all_of("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return self._notice(HTTPStatus.BAD_REQUEST, pages.WRONG_HOST, origin=self._origin)
        if not request.has_plain_target:
            return self.refuse(HTTPStatus.BAD_REQUEST)
        is_callback = request.path == self._callback_path
        if is_callback and request.query:
            return self._at_callback(request)
        if request.path == pages.HOME_PATH and not (is_callback and self._pending.outcome(0) is None):
            return self._home(self._session.is_in(request.all_of("cookie")))
        if request.path in pages.BUTTONS:
            return self._button(request.path)
        if is_callback:
            return self._notice(HTTPStatus.OK, pages.NO_CALLBACK, carries_to=self._callback_path)
        return self.refuse(HTTPStatus.NOT_FOUND)

    def refuse(self, status: HTTPStatus) -> Answer:
        """The answer to somebody, or something, that is not let in; shows nothing of what was sent."""
        headers = (("Allow", "GET, HEAD"),) if status == HTTPStatus.METHOD_NOT_ALLOWED else ()
        return replace(self._notice(status, pages.find_refusal(status)), headers=headers)

    def _notice(
        self, status: HTTPStatus, notice: pages.Notice, *, origin: str = "", carries_to: str | None = None
    ) -> Answer:
        first_page = f"{origin}/" if self._pending.outcome(0) is None else None
        return Answer(status, pages.notice_page(notice, self._environment, first_page, carries_to))

    def _at_callback(self, request: Request) -> Answer:
        pairs = parse_qsl(request.query, keep_blank_values=True)
        if request.method == "HEAD":
            # Looked at, and not used up.
            if self._pending.recognizes(pairs):
                return Answer(HTTPStatus.OK)
        elif self._pending.offer(pairs):
            return self._told(self._pending.outcome(self._outcome_timeout_s))
        elif any(name == "error" for name, _ in pairs):
            log.warn("Something sent an error that does not belong to this sign-in; still waiting.")
        return self._notice(HTTPStatus.BAD_REQUEST, pages.NOT_OURS)

    def _button(self, path: str) -> Answer:
        # `/` passes a hash on even where it is not the callback: the portal may hold the bare host.
        carries_to = self._callback_path if path in ("/", self._callback_path) else None
        page = pages.button_page(path, self._authorize_url, self._environment, carries_to)
        return Answer(HTTPStatus.OK, page)

    def _home(self, has_session: bool) -> Answer:
        home = self._pending.outcome(0)
        if not isinstance(home, Home):
            return self._notice(HTTPStatus.FORBIDDEN, pages.NOBODY)
        if not has_session:
            return self._notice(HTTPStatus.FORBIDDEN, pages.NO_COOKIE)
        return Answer(HTTPStatus.OK, pages.home_page(home, self._environment), is_home=True)

    def _told(self, outcome: Outcome | None) -> Answer:
        if outcome is None:
            return self._notice(HTTPStatus.SERVICE_UNAVAILABLE, pages.TAKES_LONG)
        if isinstance(outcome, Home):
            self._pending.send_home()
            headers = (("Location", pages.HOME_PATH), ("Set-Cookie", self._session.cookie))
            return Answer(HTTPStatus.SEE_OTHER, headers=headers)
        # It was ours and was heard; with an error status the browser would report one of its own.
        return Answer(HTTPStatus.OK, pages.failure_page(outcome, self._environment))


def _own_hosts(port: int) -> frozenset[str]:
    names = ("localhost", "127.0.0.1", "[::1]")
    with_port = frozenset(f"{name}:{port}" for name in names)
    return with_port | frozenset(names) if port == _HTTP_PORT else with_port
