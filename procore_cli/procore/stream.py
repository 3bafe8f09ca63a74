"""One API call as it is sent, and its answer, read as it comes; refuses to keep what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

from procore_cli import __version__
from procore_cli.errors import BadUrlError
from procore_cli.urls import find_origin

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from procore_cli.procore.bodies import Body

CHUNK = 64 * 1024


@dataclass(frozen=True)
class Call:
    """What to send; a header of the caller's replaces one of the program's own."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = None

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be sent (again) from the beginning."""
        return self.body is None or self.body.is_repeatable


class Stream:
    """An answer: its head at once, its body as it is asked for; closes its connection at the end."""

    def __init__(
        self, response: Response, url: str, translated: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self.url = url
        self.status = response.status_code
        self.reason = response.reason or ""
        self.version = "1.0" if getattr(response.raw, "version", 11) == 10 else "1.1"
        self.head: list[tuple[str, str]] = list(_lines(response))
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._translated = translated

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_ok(self) -> bool:
        """Whether what was asked for was done."""
        return 200 <= self.status < 300

    @property
    def length(self) -> int | None:
        """How many bytes the body has, where the server says so."""
        text = self.headers.get("content-length", "")
        known = text.isascii() and text.isdigit() and "content-encoding" not in self.headers
        return int(text[:18]) if known else None

    def find_number(self, header: str) -> int | None:
        """What a header says, where that is a whole number; `header` in lower case."""
        text = self.headers.get(header, "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    def chunks(self) -> Iterator[bytes]:
        """The body. Raises AnswerLostError where it breaks off."""
        raw = self._response.raw
        while True:
            # Only reading is translated: what the reader does with a chunk is not the network's trouble.
            with self._translated():
                # What has come is passed on, without waiting for more.
                chunk = raw.read1(CHUNK, decode_content=True)
            if not chunk:
                return
            yield chunk

    def close(self) -> None:
        """Let the connection go; what was not read is not wanted."""
        self._response.close()


def new_request(call: Call, auth: Callable[[PreparedRequest], PreparedRequest]) -> PreparedRequest:
    """A call as requests sends it. Raises BadUrlError."""
    from requests import Request

    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"procore-login/{__version__}",
    }
    theirs = {name.lower() for name in call.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in theirs}
    try:
        request = Request(call.method, call.url, headers={**headers, **call.headers}, auth=auth).prepare()
    except ValueError:
        raise BadUrlError(
            f"{find_origin(call.url)} is not an address that can be called.",
            "Check PROCORE_LOGIN_URL and PROCORE_API_URL.",
        ) from None
    if call.body is not None:
        _add_body(request, call.body)
    return request


def _add_body(request: PreparedRequest, body: Body) -> None:
    from procore_cli.procore.bodies import Bytes

    if isinstance(body, Bytes):
        request.body = body.data
        request.headers["Content-Length"] = str(body.length)
        return
    # An iterable of bytes, whatever it comes from; requests would measure and rewind files by itself.
    request.body = body.open()  # type: ignore[assignment]
    request.headers.pop("Content-Length", None)
    if body.length is None:
        request.headers["Transfer-Encoding"] = "chunked"
    else:
        request.headers["Content-Length"] = str(body.length)


def _lines(response: Response) -> Iterator[tuple[str, str]]:
    headers = getattr(response.raw, "headers", None)
    # urllib3 keeps apart what came apart.
    each = getattr(headers, "iteritems", None)
    yield from each() if each else response.headers.items()
