"""What an API call is: a method, a URL, headers and a body that may have to be sent again."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from procore_cli.errors import UsageMistakeError

# A token and a field value (RFC 9110, sections 5.6.2 and 5.5), in ASCII.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]*")
# Who is asked as whom, and where one request ends and the next begins.
_OURS = frozenset(
    ("authorization", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization")
) | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_TOKEN = "The token comes from the account (--account) or PROCORE_ACCESS_TOKEN."
_LEAVE_OUT = "Leave it out: it follows from the environment (--env), the path and the body."


def read_header(text: str) -> tuple[str, str]:
    """A header's name and value. Raises UsageMistakeError."""
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not colon or not _NAME.fullmatch(name):
        raise UsageMistakeError("A header is not NAME: VALUE.", "Write -H 'Accept: text/csv'.")
    if name.lower() in _OURS:
        is_token = "authorization" in name.lower()
        raise UsageMistakeError(
            f"The header {name} is the program's own.", _TOKEN if is_token else _LEAVE_OUT
        )
    if not _VALUE.fullmatch(value):
        raise UsageMistakeError(
            f"The header {name} has a control character or one beyond ASCII.", "Encode it first."
        )
    return name, value


# What is no larger is kept, so that it can be sent again.
LARGEST_KEPT = 1024 * 1024
_CHUNK = 64 * 1024


@dataclass
class Body:
    """What is sent: `open` gives it from its beginning, and again as long as it `is_repeatable`.

    `length` is in bytes, None where nobody knows it before the end.
    """

    length: int | None
    open: Callable[[], Iterable[bytes]] = field(repr=False)
    is_repeatable: bool = True


def new_body(data: bytes) -> Body:
    """A body in memory."""
    return Body(len(data), lambda: [data])


def open_file(path: Path, length: int) -> Iterator[bytes]:
    """A file's first `length` bytes. Raises UsageMistakeError if it has shrunk or cannot be read."""
    left = length
    try:
        with path.open("rb") as file:
            while left and (chunk := file.read(min(left, _CHUNK))):
                left -= len(chunk)
                yield chunk
    except OSError as error:
        raise unreadable(str(path), error.strerror) from None
    if left:
        raise unreadable(str(path), "it became shorter while it was sent")


def read_body(name: str, stdin: BinaryIO | None) -> Body:
    """The body for `--input NAME`, `-` being `stdin` (None: closed). Raises UsageMistakeError."""
    if name == "-":
        return _read_stream(_check_open(stdin), is_ours=False)
    path = Path(name)
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            # Whether it can be read is found out before anything is sent.
            with path.open("rb"):
                return Body(status.st_size, partial(open_file, path, status.st_size))
        if stat.S_ISDIR(status.st_mode):
            raise unreadable(name, "it is a folder")
        return _read_stream(path.open("rb"), is_ours=True)
    except OSError as error:
        raise unreadable(name, error.strerror) from None
    except ValueError:
        raise unreadable(name, "it is not a path") from None


def read_text(name: str, stdin: BinaryIO | None) -> str:
    """A field's value for `@NAME`, `-` being `stdin` (None: closed). Raises UsageMistakeError."""
    try:
        return (_check_open(stdin).read() if name == "-" else Path(name).read_bytes()).decode()
    except OSError as error:
        raise unreadable(name, error.strerror) from None
    except UnicodeDecodeError:
        raise UsageMistakeError(
            f"{'Standard input' if name == '-' else name} cannot be read: it is not UTF-8 text.",
            "A file is sent as it is by --form 'KEY=@FILE'.",
        ) from None
    except ValueError:
        raise unreadable(name, "it is not a path") from None


def unreadable(name: str, why: str | None) -> UsageMistakeError:
    """The error for a file that cannot be sent."""
    shown = "Standard input" if name == "-" else name
    return UsageMistakeError(
        f"{shown} cannot be read: {(why or 'no reason given').lower()}.", "Name a file that can be read."
    )


def _check_open(stdin: BinaryIO | None) -> BinaryIO:
    if stdin is None:
        raise unreadable("-", "it is closed")
    return stdin


def _read_stream(stream: BinaryIO, *, is_ours: bool) -> Body:
    beginning = bytearray()
    while len(beginning) <= LARGEST_KEPT:
        chunk = stream.read(LARGEST_KEPT + 1 - len(beginning))
        if not chunk:
            if is_ours:
                stream.close()
            return new_body(bytes(beginning))
        beginning += chunk

    def send() -> Iterator[bytes]:
        # What has been sent of it is gone.
        body.is_repeatable = False
        yield bytes(beginning)
        while chunk := stream.read(_CHUNK):
            yield chunk
        if is_ours:
            stream.close()

    body = Body(None, send)
    return body


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
