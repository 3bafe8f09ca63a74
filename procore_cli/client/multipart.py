"""A multipart/form-data body (RFC 7578): texts, and files that are read from disk while they are sent."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from procore_cli.client.request import Body, open_file, unreadable
from procore_cli.errors import UsageMistakeError

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# A media type (RFC 9110, section 8.3.1), perhaps with parameters.
_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:;[\t -~]*)?")
_FILE_TYPE = "application/octet-stream"
_OPTION = re.compile(r";(type|filename)=")
_EXAMPLE = "Write --form 'attachment=@plan.pdf'."


@dataclass(frozen=True)
class Part:
    """A part of a form: a text, or a file with the name and the media type that it is sent with."""

    name: str
    text: str = ""
    path: Path | None = None
    filename: str = ""
    media_type: str = ""


def read_part(text: str) -> Part:
    """A part from `KEY=VALUE` or `KEY=@FILE`, perhaps with `;type=TYPE` and `;filename=NAME`.

    Raises UsageMistakeError.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageMistakeError("A form field is not KEY=VALUE.", _EXAMPLE)
    if not _is_utf8(name) or not (_is_utf8(value) or value.startswith("@")):
        raise UsageMistakeError("A form field is not UTF-8 text.", _EXAMPLE)
    if value.startswith("<"):
        raise UsageMistakeError(
            f"The form field {name} begins with <.", "A file is KEY=@FILE; its text is -F 'KEY=@FILE'."
        )
    if not value.startswith("@"):
        return Part(name, value)
    file, *found = _OPTION.split(value[1:])
    options = dict(zip(found[::2], found[1::2], strict=True))
    if file == "-":
        raise unreadable("-", "a form field is a file")
    media_type = options.get("type")
    if media_type is not None and not _TYPE.fullmatch(media_type):
        raise UsageMistakeError(
            f"The form field {name} has no media type after ;type=.", "Write it as in ;type=application/pdf."
        )
    filename = options.get("filename") or Path(file).name
    return Part(name, "", Path(file), filename, media_type or _guess_type(file))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def new_form(parts: Iterable[Part]) -> tuple[Body, str]:
    """The body, and its Content-Type. Raises UsageMistakeError for a file that cannot be read."""
    boundary = os.urandom(16).hex()
    pieces = [(_new_head(boundary, part), part, _find_size(part)) for part in parts]
    end = f"--{boundary}--\r\n".encode()

    def open_form() -> Iterator[bytes]:
        for head, part, size in pieces:
            yield head
            if part.path is None:
                yield part.text.encode()
            else:
                yield from open_file(part.path, size)
            yield b"\r\n"
        yield end

    length = len(end) + sum(len(head) + size + 2 for head, _, size in pieces)
    return Body(length, open_form), f"multipart/form-data; boundary={boundary}"


def _new_head(boundary: str, part: Part) -> bytes:
    lines = [f"--{boundary}", f'Content-Disposition: form-data; name="{_escaped(part.name)}"']
    if part.path is not None:
        lines[1] += f'; filename="{_escaped(part.filename)}"'
        lines.append(f"Content-Type: {part.media_type}")
    # A file's name need not be UTF-8.
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _escaped(name: str) -> str:
    """A name in quotes, as browsers write it."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _find_size(part: Part) -> int:
    if part.path is None:
        return len(part.text.encode())
    try:
        status = part.path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise unreadable(str(part.path), "it is no file")
        # Whether it can be read is found out before anything is sent.
        with part.path.open("rb"):
            return status.st_size
    except OSError as error:
        raise unreadable(str(part.path), error.strerror) from None
    except ValueError:
        raise unreadable(str(part.path), "it is not a path") from None


def _guess_type(file: str) -> str:
    import mimetypes

    return mimetypes.guess_type(file)[0] or _FILE_TYPE
