"""What goes over the wire of the pretend Procore: calls as they are taken in, and their answers."""

from __future__ import annotations

import base64
import email
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from email.message import Message
from io import BufferedIOBase
from typing import Final
from urllib.parse import parse_qsl, unquote, unquote_plus

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
_INT64_DIGITS = 19
_FORM_MAX_BYTES = 64 * 1024
_API_MAX_BYTES = 16 * 1024 * 1024
_SIZE_LINE_MAX_BYTES = 256
_MOST_TRAILERS = 32
CALLS_PATH: Final = "/demo/calls"
_MAX_CALLS: Final = 10_000
_MAX_PATH: Final = 2_000
_HIDDEN: Final = "…"
# A part of a path, or a parameter's name, that is no secret and holds none behind a mark of an address.
# The shortest one that is issued here, a code or a refresh token, has 43 characters.
_PLAIN = re.compile(r"(?!.*:.*@)(?!.*[\w-]{40})[^;#?&=]*", re.DOTALL)


@dataclass(frozen=True)
class Call:
    """A request; `query`, `body` and the headers may hold secrets.

    `company` is the Procore-Company-Id header as it came, `origin` the base URL that the client used.
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

    @property
    def form(self) -> dict[str, str]:
        """The body's fields; the last of doubled ones, empty ones left out."""
        return dict(parse_qsl(self.body))

    @property
    def fields(self) -> list[tuple[str, object]]:
        """The body's fields, url-encoded, multipart or JSON, doubled ones too; else none."""
        match self.content_type.partition(";")[0].strip().lower():
            case "" | "application/x-www-form-urlencoded":
                return [*parse_qsl(self.body, keep_blank_values=True)]
            case "multipart/form-data":
                return _read_parts(f"Content-Type: {self.content_type}\n\n{self.body}")
            case "application/json":
                return _read_members(self.body)
        return []

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

    @property
    def company_id(self) -> int | None:
        """The number in the Procore-Company-Id header; None where there is none."""
        return find_id(self.company)


@dataclass(frozen=True)
class Answer:
    """A response, without the headers that every answer has.

    `chunks` make a body of `size` bytes while it is sent, in place of `text`; `dropped`: the connection ends
    without a response.
    """

    status: int
    content_type: str = JSON
    text: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    size: int = 0
    chunks: Iterator[bytes] | None = field(default=None, repr=False)
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


def refused(status: int, why: object, *headers: tuple[str, str]) -> RefusedCallError:
    """What a route raises to answer with `new_errors`."""
    return RefusedCallError(new_errors(status, why, *headers))


def new_html(status: int, html: str) -> Answer:
    """An answer for people."""
    return Answer(status, HTML, html)


def new_redirect(location: str, *headers: tuple[str, str]) -> Answer:
    """Send the browser on with a GET (RFC 9110, section 15.4.4)."""
    return Answer(303, HTML, "", (("Location", location), *headers))


def find_id(text: str) -> int | None:
    """The id that a path or a header spells; None for what cannot be one."""
    is_number = text.isascii() and text.isdigit() and len(text) < _INT64_DIGITS
    return int(text) if is_number else None


def _read_parts(message: str) -> list[tuple[str, object]]:
    parts = email.message_from_string(message).walk()
    named = ((part.get_param("name", header="Content-Disposition"), part) for part in parts)
    return [(str(name), part.get_payload()) for name, part in named if name is not None]


def _read_members(text: str) -> list[tuple[str, object]]:
    try:
        value = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return []
    return [*value] if isinstance(value, tuple) else []


def read_body(headers: Message, stream: BufferedIOBase, path: str) -> bytes:
    """The body of a request for `path`; empty where the headers announce none.

    Raises RefusedCallError; what is left of the body is not read then, so the connection has to end.
    """
    max_bytes = _API_MAX_BYTES if path.startswith("/rest/") else _FORM_MAX_BYTES
    lengths, codings = headers.get_all("Content-Length", []), headers.get_all("Transfer-Encoding", [])
    if codings:
        # Both at once, or another coding, is how requests are smuggled.
        if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise refused(400, "Transfer-Encoding cannot be used.")
        return b"".join(_read_chunks(stream, max_bytes))
    if not lengths:
        return b""
    return stream.read(_read_length(lengths, max_bytes))


def _read_length(lengths: list[str], max_bytes: int) -> int:
    text = lengths[0]
    if len(lengths) > 1 or not (text.isascii() and text.isdigit()) or len(text) > len(str(max_bytes)):
        raise refused(411, "Content-Length is missing or cannot be used.")
    if int(text) > max_bytes:
        raise refused(413, "The body is too long.")
    return int(text)


def _read_chunks(stream: BufferedIOBase, max_bytes: int) -> Iterator[bytes]:
    total = 0
    while size := _read_chunk_size(stream):
        total += size
        if total > max_bytes:
            raise refused(413, "The body is too long.")
        yield stream.read(size)
        if stream.readline(_SIZE_LINE_MAX_BYTES).strip():
            raise refused(400, "A chunk does not end where it says.")
    for _ in range(_MOST_TRAILERS):
        # A trailer says nothing here.
        if not stream.readline(_SIZE_LINE_MAX_BYTES).strip():
            return
    raise refused(400, "The trailer has no end.")


def _read_chunk_size(stream: BufferedIOBase) -> int:
    digits = stream.readline(_SIZE_LINE_MAX_BYTES).partition(b";")[0].strip()
    if not 0 < len(digits) <= 8 or not all(digit in b"0123456789abcdefABCDEF" for digit in digits):
        raise refused(400, "A chunk has no size.")
    return int(digits, 16)


@dataclass(frozen=True)
class RecordedCall:
    """One request and how it was answered; what may be a secret is shown as `…`.

    `query`: the names of its parameters; `status` None: the connection was ended without an answer;
    `company`: what the Procore-Company-Id header says; `bearer`: whether it carried a bearer token.
    """

    method: str
    path: str
    query: tuple[str, ...]
    status: int | None
    company: int | None
    bearer: bool


class Calls:
    """The last 10,000 calls, oldest first; safe to use from several threads."""

    def __init__(self, tell: Callable[[RecordedCall], None] = lambda _: None) -> None:
        """`tell` hears of each call once it is answered."""
        self._tell = tell
        self._calls: deque[RecordedCall] = deque(maxlen=_MAX_CALLS)
        self._total = 0
        self._lock = threading.Lock()

    def note(self, call: Call, answer: Answer) -> None:
        """Keep a call."""
        recorded = RecordedCall(
            call.method,
            "/".join(map(_shown, call.path.split("/")))[:_MAX_PATH],
            tuple(dict.fromkeys(_shown(name) for name, _ in parse_qsl(call.query, keep_blank_values=True))),
            None if answer.dropped else answer.status,
            call.company_id,
            call.authorization.lower().startswith("bearer "),
        )
        with self._lock:
            self._calls.append(recorded)
            self._total += 1
        self._tell(recorded)

    def list(self) -> list[RecordedCall]:
        """The calls so far."""
        with self._lock:
            return [*self._calls]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._calls.clear()
            self._total = 0

    def show(self, _call: Call) -> Answer:
        """GET /demo/calls."""
        with self._lock:
            total, found = self._total, [*self._calls]
        return new_json(200, {"total": total, "calls": [asdict(call) for call in found]})

    def empty(self, _call: Call) -> Answer:
        """DELETE /demo/calls."""
        self.clear()
        return Answer(204)


def _shown(text: str) -> str:
    return text if _PLAIN.fullmatch(unquote(text)) else _HIDDEN
