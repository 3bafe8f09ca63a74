"""Where an API call's answers go: a pipe, a terminal, a file; changes no byte but on a terminal."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import click

from procore_cli.client.json_pages import is_json, on_one_line, read_tokens
from procore_cli.console import is_colourful, shown
from procore_cli.errors import OutputError, UsageMistakeError

_OPENING = ("[", "{")
_CLOSING = ("]", "}")


def draw_json(text: str, *, indents: bool, colours: bool) -> str:
    """A JSON text as a terminal shows it: control characters escaped, every token as it was written."""
    pieces: list[str] = []
    depth, former = 0, ""
    tokens = read_tokens(text)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        closes, opened = token in _CLOSING, former in _OPENING
        depth -= closes
        # An empty list or object stays on its line.
        if indents and (former == "," or opened != closes):
            pieces.append("\n" + "  " * depth)
        pieces.append(click.style(shown(token), **_find_style(token, following)) if colours else shown(token))
        if indents and token == ":":
            pieces.append(" ")
        depth += token in _OPENING
        former = token
    return "".join(pieces) + "\n"


def _find_style(token: str, following: str) -> dict[str, Any]:
    if token in "[]{}:,":
        return {"reset": False}
    if token.startswith('"'):
        # No blue, which dark backgrounds swallow; no cyan or yellow, which light ones do.
        return {"bold": True} if following == ":" else {"fg": "green"}
    return {"fg": "magenta"}


class Output:
    """Takes bytes; this one shows them to nobody."""

    def write(self, data: bytes) -> None:
        """Pass bytes on, now. Raises OutputError, or the stream's own OSError."""

    def write_body(self, chunks: Iterator[bytes], content_type: str) -> None:
        """Pass a whole body on as it comes."""
        for chunk in chunks:
            self.write(chunk)

    def write_lines(self, values: list[str]) -> None:
        """Pass JSON values on, each on a line of its own."""
        self.write("".join(f"{on_one_line(value)}\n" for value in values).encode())

    def write_items(self, values: list[str], *, is_first: bool) -> None:
        """Pass on JSON values of a list that goes on."""
        self.write((("" if is_first else ",") + ",".join(values)).encode())

    def end_array(self, *, is_empty: bool) -> None:
        """Pass on the end of that list."""
        self.write(b"]")


class PipeOutput(Output):
    """Standard output that is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._binary = getattr(stream, "buffer", None)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def write(self, data: bytes) -> None:
        """Pass bytes on; a reader that has gone is noticed at once."""
        if self._binary is None:
            # Somebody's stream of text in the place of standard output.
            self._stream.write(self._decode(data))
            return
        self._binary.write(data)
        self._binary.flush()


# A JSON body up to this size is indented and coloured; a larger one is shown as it comes.
LARGEST_DRAWN = 512 * 1024
_TEXT_TYPES = ("text/", "json", "xml", "javascript", "urlencoded", "csv")


class TerminalOutput(Output):
    """A terminal: JSON indented and coloured, text with its control characters escaped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colours = is_colourful(stream)
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode

    def write(self, data: bytes) -> None:
        """Show bytes as text."""
        self._put(shown(self._decode(data)))

    def write_body(self, chunks: Iterator[bytes], content_type: str) -> None:
        """Show a body. Raises UsageMistakeError for one that is not text."""
        beginning = bytearray()
        for chunk in chunks:
            beginning += chunk
            if len(beginning) > LARGEST_DRAWN:
                break
        _check_is_text(beginning, content_type)
        text = beginning.decode("utf-8", "backslashreplace")
        if len(beginning) <= LARGEST_DRAWN and is_json(text):
            self._put(draw_json(text, indents=True, colours=self._colours))
            return
        last = b""
        for chunk in chain([bytes(beginning)], chunks):
            last = chunk or last
            self.write(chunk)
        if last and not last.endswith(b"\n"):
            # Else the prompt would stand in the answer's last line.
            self._put("\n")

    def write_lines(self, values: list[str]) -> None:
        """Show JSON values, each on a line of its own."""
        self._put("".join(draw_json(value, indents=False, colours=self._colours) for value in values))

    def write_items(self, values: list[str], *, is_first: bool) -> None:
        """Show JSON values of a list, indented."""
        drawn = (draw_json(value, indents=True, colours=self._colours).rstrip("\n") for value in values)
        lines = ",\n".join(drawn).replace("\n", "\n  ")
        self._put(f"{'' if is_first else ','}\n  {lines}")

    def end_array(self, *, is_empty: bool) -> None:
        """Show the end of that list."""
        self._put("]\n" if is_empty else "\n]\n")

    def _put(self, text: str) -> None:
        # On Windows a console may have to be told what colours are.
        click.echo(text, file=self._stream, nl=False, color=self._colours)


def _check_is_text(beginning: bytearray, content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if b"\0" in beginning or (kind and not any(word in kind for word in _TEXT_TYPES)):
        raise UsageMistakeError(
            f"The answer is not text ({kind or 'of no type'}); a terminal cannot show it.",
            "Save it with --output FILE, or send it through a pipe.",
        )


class FileOutput(Output):
    """A file that is being written."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name = name
        self._file = file

    def write(self, data: bytes) -> None:
        """Write bytes. Raises OutputError."""
        with _translated(self._name):
            self._file.write(data)


@contextmanager
def saving(name: str) -> Iterator[FileOutput]:
    """`--output FILE`, there whole or not at all: written under another name, and renamed at a good end.

    What is no regular file is written to, and not replaced. Raises OutputError.
    """
    with ExitStack() as stack:
        with _translated(name):
            # What a link points to is replaced, not the link.
            path = Path(os.path.realpath(name))
            draft = path.with_name(f".{os.urandom(8).hex()}.part")
            stack.callback(_discard, draft)
            mode = path.stat().st_mode if path.exists() else None
            # To replace a device such as /dev/null would be a disaster.
            is_replaced = mode is None or stat.S_ISREG(mode)
            file = _open_draft(draft, mode) if is_replaced else path.open("wb")
            stack.callback(_close, file)
        yield FileOutput(name, file)
        with _translated(name):
            file.close()
            if is_replaced:
                draft.replace(path)


def _open_draft(draft: Path, former_mode: int | None) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(draft, flags, 0o666 if former_mode is None else 0o600), "wb")
    if former_mode is not None:
        # Who could not read the former file cannot read the first byte of this one.
        draft.chmod(stat.S_IMODE(former_mode) & 0o777)
    return file


def _close(file: BinaryIO) -> None:
    with suppress(OSError):
        file.close()


def _discard(draft: Path) -> None:
    with suppress(OSError):
        draft.unlink(missing_ok=True)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or "it is not a path").lower()
        raise OutputError(f"{name} cannot be written: {why}.", "Name another file with --output.") from None


def open_stdout() -> Output:
    """Standard output as it is."""
    if sys.stdout is None:
        return Output()
    return TerminalOutput(sys.stdout) if sys.stdout.isatty() else PipeOutput(sys.stdout)
