"""What goes over the wire of the pretend Procore: calls as they are taken in, and their answers."""

from __future__ import annotations

import base64
import email
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from procore_cli.demo.records import BadValueError, parse

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
Header = tuple[str, str]
_INT64_DIGITS: Final = 19


@dataclass(frozen=True)
class Call:
    """A request; `query`, `body` and the headers may hold secrets.

    `company` is the Procore-Company-Id header as it came, `origin` the base URL that the client used;
    `is_local`: whether it used a name of this machine.
    """

    query: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    cookie: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)
    content_type: str = ""
    method: str = "GET"
    path: str = ""
    company: str = ""
    origin: str = ""
    is_local: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """Those of the query; the last of doubled ones."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def kind(self) -> str:
        """The body's content type, without its parameters."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def company_id(self) -> int | None:
        """The number in the Procore-Company-Id header; None where there is none."""
        return find_id(self.company)

    @property
    def basic_credentials(self) -> dict[str, str]:
        """Id and secret by HTTP Basic (RFC 6749, section 2.3.1); empty ones where they cannot be read."""
        scheme, _, encoded = self.authorization.partition(" ")
        if scheme.lower() != "basic":
            return {}
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            client_id = secret = ""
        return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}

    def read(self) -> dict[str, Any]:
        """The body's fields, be it JSON, url-encoded or multipart, where `a[b]` is `b` of `a`.

        Raises BadValueError where one stands there twice, and for what is no object.
        """
        match self.kind:
            case "application/json":
                value = parse(self.body) if self.body else {}
            case "" | "application/x-www-form-urlencoded":
                value = _nest(parse_qsl(self.body, keep_blank_values=True))
            case "multipart/form-data":
                value = _nest(_list_parts(f"Content-Type: {self.content_type}\n\n{self.body}"))
            case _:
                raise BadValueError("the body's content type is not known")
        if not isinstance(value, dict):
            raise BadValueError("the body is not an object")
        return value


def _list_parts(message: str) -> list[tuple[str, str]]:
    parts = email.message_from_string(message).walk()
    named = ((part.get_param("name", header="Content-Disposition"), part) for part in parts)
    return [(str(name), str(part.get_payload())) for name, part in named if name is not None]


def _nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        outer, _, inner = name.removesuffix("]").partition("[")
        place = found.setdefault(outer, {}) if inner else found
        if not isinstance(place, dict) or (inner or outer) in place:
            raise BadValueError(f"{name} stands twice in the body")
        place[inner or outer] = value
    return found


@dataclass(frozen=True)
class Answer:
    """A response, without the headers that every answer has; `dropped`: the connection ends without one."""

    status: int
    content_type: str = JSON
    text: str = field(default="", repr=False)
    headers: tuple[Header, ...] = field(default=(), repr=False)
    dropped: bool = False


class RefusedCallError(Exception):
    """A call that gets another answer than it asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


def new_json(status: int, value: object, *headers: Header) -> Answer:
    """An answer for programs."""
    return Answer(status, JSON, json.dumps(value), headers)


def new_errors(status: int, why: object, *headers: Header) -> Answer:
    """An error as Procore's API words it: `why` is a string, a list, or an object of lists."""
    return new_json(status, {"errors": why}, *headers)


def refused(status: int, why: object, *headers: Header) -> RefusedCallError:
    """What a route raises to answer with `new_errors`."""
    return RefusedCallError(new_errors(status, why, *headers))


def new_html(status: int, html: str) -> Answer:
    """An answer for people."""
    return Answer(status, HTML, html)


def new_redirect(location: str, *headers: Header) -> Answer:
    """Send the browser on with a GET (RFC 9110, section 15.4.4)."""
    return Answer(303, HTML, "", (("Location", location), *headers))


def find_id(text: object) -> int | None:
    """The id that a path, a header or a body spells; None for what cannot be one."""
    spelled = "" if isinstance(text, bool) else str(text)
    is_number = spelled.isascii() and spelled.isdigit() and len(spelled) < _INT64_DIGITS
    return int(spelled) if is_number else None


def compile_path(path: str) -> re.Pattern[str]:
    """A pattern of paths, in which {anything} stands for one segment."""
    return re.compile(re.sub(r"\\\{[^{}/]+\\\}", "([^/]+)", re.escape(path)))
