"""The demo user, who signs in by itself where no browser can be opened, over real HTTP.

Refuses to talk to anything but this machine, and to go on for ever.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from procore_cli.config.environments import DEMO
from procore_cli.config.urls import LOOPBACK_HOSTS, find_origin
from procore_cli.demo.seed import SAMPLE_EMAIL
from procore_cli.errors import UnexpectedAnswerError
from procore_cli.threads import start

_MAX_HOPS: Final = 12
_PAGE_MAX_BYTES: Final = 256 * 1024
# The callback answers only after the program has exchanged the code and saved the tokens.
_TIMEOUT_S: Final = 110
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_HINT: Final = "Sign in with a browser instead: add --no-browser and open the link yourself."


@dataclass
class Form:
    """A form's address, its fields with the values that they hold, and its named buttons."""

    action: str
    fields: dict[str, str] = field(default_factory=dict, repr=False)
    buttons: list[tuple[str, str]] = field(default_factory=list)


def find_form(html: str) -> Form | None:
    """The first form of a page, if there is one."""
    reader = _FormReader()
    reader.feed(html)
    return reader.form


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None:
            self.form, self._inside = Form(values.get("action", "")), True
        elif self.form is not None and self._inside and "name" in values:
            if tag == "input":
                self.form.fields[values["name"]] = values.get("value", "")
            elif tag == "button":
                self.form.buttons.append((values["name"], values.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


@dataclass(frozen=True)
class Page:
    """Where the visit stands; the address and the text may hold a code."""

    status: int
    url: str = field(repr=False)
    html: str = field(repr=False)


def visit(authorize_url: str, email: str = SAMPLE_EMAIL, *, allow: bool = True) -> Page:
    """Sign in as `email` and press Allow, or Deny; returns the last page.

    Raises UnexpectedAnswerError where the pages cannot be followed.
    """
    browser = _Browser()
    page = browser.open(authorize_url)
    answers = {"email": email, "decision": "allow" if allow else "deny"}
    while find_origin(page.url) == find_origin(authorize_url):
        if page.status >= 400:
            raise _lost(page.url, f"answered with status {page.status}")
        form = find_form(page.html)
        if form is None:
            break
        page = browser.submit(page.url, form, answers)
    return page


def check_return(page: Page, authorize_url: str) -> None:
    """Whether a visit led back to the program. Raises UnexpectedAnswerError."""
    if find_origin(page.url) == find_origin(authorize_url):
        raise _lost(page.url, "does not lead back to the program")
    if page.status >= 400:
        raise _lost(page.url, f"answered with status {page.status}")


class _Browser:
    """Just enough of one: cookies by host, redirects, forms."""

    def __init__(self) -> None:
        self._cookies: dict[str, dict[str, str]] = {}
        self._hops = 0

    def open(self, url: str, body: str | None = None) -> Page:
        """Fetch a page and follow its redirects, each with a GET."""
        while True:
            status, location, html = self._fetch(url, body)
            if location is None:
                return Page(status, url, html)
            url, body = _join(url, location), None

    def submit(self, page_url: str, form: Form, answers: dict[str, str]) -> Page:
        """Fill in what the form asks for, press the button that fits, send what the form holds."""
        fields = {name: answers.get(name, value) for name, value in form.fields.items()}
        pressed = [(name, value) for name, value in form.buttons if answers.get(name) == value]
        return self.open(_join(page_url, form.action), urlencode([*fields.items(), *pressed]))

    def _fetch(self, url: str, body: str | None) -> tuple[int, str | None, str]:
        host, port, target = self._read_address(url)
        connection = HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET" if body is None else "POST", target, body, self._new_headers(host, body))
            response = connection.getresponse()
            self._keep_cookies(host, response.headers.get_all("Set-Cookie", []))
            html = response.read(_PAGE_MAX_BYTES).decode("utf-8", "replace")
            location = response.headers["Location"] if 300 <= response.status < 400 else None
            return response.status, location, html
        except (OSError, HTTPException, UnicodeError) as error:
            is_unknown = isinstance(error, socket.gaierror)
            why = f"{host} cannot be resolved" if is_unknown else type(error).__name__
            raise _lost(url, f"gives no answer ({why})") from None
        finally:
            connection.close()

    def _read_address(self, url: str) -> tuple[str, int, str]:
        self._hops += 1
        if self._hops > _MAX_HOPS:
            raise _lost(url, "is one page too many")
        try:
            parts = urlsplit(url)
            port = parts.port or 80
        except ValueError:
            raise _lost(url, "is no address") from None
        if parts.scheme != "http" or parts.hostname not in LOOPBACK_HOSTS:
            raise _lost(url, "is not on this machine")
        query = f"?{parts.query}" if parts.query else ""
        return parts.hostname, port, f"{parts.path or '/'}{query}"

    def _new_headers(self, host: str, body: str | None) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.get(host, {}).items())
        headers = {"Cookie": cookies} if cookies else {}
        return headers if body is None else {**headers, "Content-Type": _FORM_TYPE}

    def _keep_cookies(self, host: str, lines: list[str]) -> None:
        for line in lines:
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies.setdefault(host, {})[name.strip()] = value.strip()


def _join(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError:
        raise _lost(url, "sends the browser to what is no address") from None


def _lost(url: str, why: str) -> UnexpectedAnswerError:
    # The query may hold a code.
    place = url.partition("?")[0]
    return UnexpectedAnswerError(
        f"The demo user cannot sign in: {place} {why}.", _HINT, environment=DEMO.name
    )


@dataclass(frozen=True)
class VisitorOpener:
    """Opens links as the demo user, in a thread of its own; `give_up` hears of a visit that failed."""

    give_up: Callable[[Exception], None]
    name: str = "the demo user, who signs in by itself since no browser can be opened here"

    def open(self, url: str) -> bool:
        """Start the visit, without waiting for its end."""
        start(threading.Thread(target=self._visit, args=(url,), name="demo-user", daemon=True))
        return True

    def _visit(self, url: str) -> None:
        try:
            check_return(visit(url), url)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else waits for this thread
            self.give_up(error)
