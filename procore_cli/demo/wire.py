"""What comes in and what goes out over HTTP, as values; refuses to touch a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Call:
    """A request; `query`, `body` and the headers may hold secrets."""

    query: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    cookie: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)

    @property
    def form(self) -> dict[str, str]:
        """The body's fields; the last of doubled ones, empty ones left out."""
        return dict(parse_qsl(self.body))


@dataclass(frozen=True)
class Answer:
    """A response, without the headers that every answer has."""

    status: int
    content_type: str = JSON
    text: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    forms_lead_to: str = ""


def new_json(status: int, value: object, *headers: tuple[str, str]) -> Answer:
    """An answer for programs."""
    return Answer(status, JSON, json.dumps(value), headers)


def new_errors(status: int, why: str, *headers: tuple[str, str]) -> Answer:
    """An error as Procore's API words it."""
    return new_json(status, {"errors": why}, *headers)


def new_page(status: int, html: str, *headers: tuple[str, str], forms_lead_to: str = "") -> Answer:
    """An answer for people; `forms_lead_to` is the redirect URI at the end of its forms."""
    return Answer(status, HTML, html, headers, forms_lead_to)


def new_redirect(location: str, *headers: tuple[str, str]) -> Answer:
    """Send the browser on with a GET (RFC 9110, section 15.4.4)."""
    return Answer(303, HTML, "", (("Location", location), *headers))
