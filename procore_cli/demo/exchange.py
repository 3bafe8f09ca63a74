"""What goes over the wire of the pretend Procore: calls as they are taken in, and their answers."""

from __future__ import annotations

import base64
import email
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, urlencode

from procore_cli.demo.records import BadValueError, parse

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
# How many items are on a page, usually and at most: REST v2, v1.1, all others.
_SIZES: Final = {"/rest/v2.": (10, 100), "/rest/v1.1/": (100, 300), "": (100, 1000)}
Header = tuple[str, str]
Lister = Callable[[int, int], tuple[int, Sequence[object]]]
_INT64_DIGITS: Final = 19


@dataclass(frozen=True, repr=False)
class Call:
    """A request, which may hold secrets; `origin`: the base URL that the client used.

    `is_local`: whether it used a name of this machine.
    """

    method: str
    path: str
    query: str
    headers: Message
    body: str
    origin: str
    is_local: bool

    def header(self, name: str) -> str:
        """A header as it came; empty where there is none."""
        return str(self.headers.get(name, "")).strip()

    @property
    def parameters(self) -> dict[str, str]:
        """Those of the query; the last of doubled ones."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def kind(self) -> str:
        """The body's content type, without its parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def company_id(self) -> int | None:
        """The number in the Procore-Company-Id header; None where there is none."""
        return find_id(self.header("Procore-Company-Id"))

    @property
    def basic_credentials(self) -> dict[str, str]:
        """Id and secret by HTTP Basic (RFC 6749, section 2.3.1); empty ones where they cannot be read."""
        scheme, _, encoded = self.header("Authorization").partition(" ")
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
                value = _nest(_list_parts(f"Content-Type: {self.header('Content-Type')}\n\n{self.body}"))
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


def is_v2(call: Call) -> bool:
    """Whether ids are texts, and lists stand in `data`."""
    return call.path.startswith("/rest/v2.")


def new_page(
    call: Call, list_items: Lister, show: Callable[[Any], object], status: int = 200, *headers: Header
) -> Answer:
    """The page that `page` and `per_page` name, and where the others are.

    `list_items` gets how many are wanted and how many to leave out. Raises RefusedCallError with a 400.
    """
    usual, most = next(sizes for start, sizes in _SIZES.items() if call.path.startswith(start))
    number, size = _read_number(call, "page", 1), min(_read_number(call, "per_page", usual), most)
    total, found = list_items(size, (number - 1) * size)
    items = [show(item) for item in found]
    last = max(1, -(-total // size))
    after = {"next": number + 1, "last": last} if number < last else {}
    before = {"first": 1, "prev": min(number - 1, last)} if number > 1 else {}
    links = ", ".join(f'<{_new_url(call, n, size)}>; rel="{rel}"' for rel, n in (after | before).items())
    shown = [("Total", str(total)), ("Per-Page", str(size)), *([("Link", links)] if links else [])]
    return new_json(status, {"data": items} if is_v2(call) else items, *shown, *headers)


def _new_url(call: Call, number: int, size: int) -> str:
    kept = [(k, v) for k, v in parse_qsl(call.query, keep_blank_values=True) if k not in ("page", "per_page")]
    return f"{call.origin}{call.path}?{urlencode([*kept, ('page', number), ('per_page', size)])}"


def _read_number(call: Call, name: str, default: int) -> int:
    number = find_id(call.parameters.get(name, default))
    # The offset has to fit into SQLite's 64 bits.
    if not number or number > 10**12:
        raise refused(400, [f"{name} must be a whole number from 1."])
    return number
