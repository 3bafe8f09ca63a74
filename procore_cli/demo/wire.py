"""What comes in and what goes out over HTTP, as values; refuses to touch a socket."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
_INT64_DIGITS = 19
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Call:
    """A request; `query`, `body` and the headers may hold secrets.

    `company` is the Procore-Company-Id header as it came, `origin` the base URL that the client used.
    """

    query: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    cookie: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)
    method: str = "GET"
    path: str = ""
    company: str = ""
    origin: str = ""

    @property
    def form(self) -> dict[str, str]:
        """The body's fields; the last of doubled ones, empty ones left out."""
        return dict(parse_qsl(self.body))

    @property
    def company_id(self) -> int | None:
        """The number in the Procore-Company-Id header; None where there is none."""
        return find_id(self.company)


@dataclass(frozen=True)
class Stream:
    """A body that is made while it is sent: `size` bytes in all, in pieces."""

    size: int
    chunks: Callable[[], Iterator[bytes]] = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """A response, without the headers that every answer has; `dropped`: the connection ends without one."""

    status: int
    content_type: str = JSON
    text: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    forms_lead_to: str = ""
    stream: Stream | None = None
    dropped: bool = False


class RefusedCallError(Exception):
    """A call that gets another answer than it asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


def new_json(status: int, value: object, *headers: tuple[str, str]) -> Answer:
    """An answer for programs."""
    return Answer(status, JSON, json.dumps(value), headers)


def new_errors(status: int, why: object, *headers: tuple[str, str]) -> Answer:
    """An error as Procore's API words it: `why` is a string, a list, or an object of lists."""
    return new_json(status, {"errors": why}, *headers)


def new_page(status: int, html: str, *headers: tuple[str, str], forms_lead_to: str = "") -> Answer:
    """An answer for people; `forms_lead_to` is the redirect URI at the end of its forms."""
    return Answer(status, HTML, html, headers, forms_lead_to)


def new_redirect(location: str, *headers: tuple[str, str]) -> Answer:
    """Send the browser on with a GET (RFC 9110, section 15.4.4)."""
    return Answer(303, HTML, "", (("Location", location), *headers))


def is_text(value: object) -> bool:
    """Whether a JSON value is a text that is neither blank nor half a character (a lone surrogate)."""
    return isinstance(value, str) and bool(value.strip()) and not _HALF.search(value)


def find_id(text: str) -> int | None:
    """The id that a path or a header spells; None for what cannot be one."""
    is_number = text.isascii() and text.isdigit() and len(text) < _INT64_DIGITS
    return int(text) if is_number else None
