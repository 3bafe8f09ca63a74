"""Where an answer's bytes end up: a pipe, a terminal, a file; a terminal never gets a byte as it came."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TextIO

from procore_cli import json_view
from procore_cli.errors import OutputError, UsageMistakeError
from procore_cli.render import is_colourful, new_console, shown

# A JSON body up to this size is indented and coloured; a larger one is shown as it comes.
LARGEST_DRAWN = 512 * 1024
_TEXT_TYPES = ("text/", "json", "xml", "javascript", "urlencoded", "csv")


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes) -> None:
        """Pass bytes on, now. Raises OutputError, or the stream's own OSError."""
        ...

    def write_body(self, chunks: Iterator[bytes], content_type: str) -> None:
        """Pass a whole body on as it comes."""
        ...

    def write_line(self, text: str) -> None:
        """Pass one JSON value on, on a line of its own."""
        ...


class Pipe:
    """Standard output that is no terminal: the bytes as they are."""

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

    def write_body(self, chunks: Iterator[bytes], content_type: str) -> None:
        """Pass a whole body on as it comes."""
        for chunk in chunks:
            self.write(chunk)

    def write_line(self, text: str) -> None:
        """Pass one JSON value on, on a line of its own."""
        self.write(text.encode() + b"\n")


class Screen:
    """A terminal: JSON indented and coloured, text with its control characters escaped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console: Any = new_console(stream) if is_colourful(stream) else None
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
        if len(beginning) <= LARGEST_DRAWN and json_view.is_json(text):
            for line in json_view.read_lines(text):
                self._draw(line)
            return
        last = b""
        for chunk in chain([bytes(beginning)], chunks):
            last = chunk or last
            self.write(chunk)
        if last and not last.endswith(b"\n"):
            # Else the prompt would stand in the answer's last line.
            self._put("\n")

    def write_line(self, text: str) -> None:
        """Show one JSON value on a line of its own."""
        self._draw(json_view.read_one_line(text))

    def _draw(self, pieces: list[json_view.Piece]) -> None:
        if self._console is None:
            self._put("".join(shown(piece) for piece, _ in pieces) + "\n")
            return
        from rich.text import Text

        line = Text.assemble(*((shown(piece), style) for piece, style in pieces))
        self._console.print(line, soft_wrap=True, highlight=False)

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class OutputFile:
    """A file that is there whole or not at all: written under another name, and renamed by `keep`."""

    def __init__(self, name: str) -> None:
        self._name = name
        # What a link points to is replaced, not the link.
        self._path = Path(os.path.realpath(name))
        self._draft: Path | None = None
        self._file: Any = None

    def open(self) -> None:
        """Make the draft beside the file. Raises OutputError."""
        with self._translated():
            try:
                is_special = not stat.S_ISREG(self._path.stat().st_mode)
            except FileNotFoundError:
                is_special = False
            if is_special:
                # A device or a pipe is written to; to replace /dev/null would be a disaster.
                self._file = self._path.open("wb")
                return
            self._draft = self._path.with_name(f".{os.urandom(8).hex()}.part")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(self._draft, flags, 0o666), "wb")

    def write(self, data: bytes) -> None:
        """Write bytes. Raises OutputError."""
        with self._translated():
            self._file.write(data)

    def write_body(self, chunks: Iterator[bytes], content_type: str) -> None:
        """Write a whole body as it comes."""
        for chunk in chunks:
            self.write(chunk)

    def write_line(self, text: str) -> None:
        """Write one JSON value on a line of its own."""
        self.write(text.encode() + b"\n")

    def keep(self) -> None:
        """The file is whole: give it its name. Raises OutputError."""
        with self._translated():
            self._file.close()
            if self._draft is not None:
                self._draft.replace(self._path)
                self._draft = None

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
        if self._draft is not None:
            with suppress(OSError):
                self._draft.unlink(missing_ok=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            why = (getattr(error, "strerror", None) or "it is not a path").lower()
            raise OutputError(
                f"{self._name} cannot be written: {why}.", "Name another file with --output."
            ) from None


def new_stdout_sink() -> Pipe | Screen:
    """Standard output as it is. Raises OutputError where there is none."""
    if sys.stdout is None:
        raise OutputError("Standard output is closed.", "Run the command with an open standard output.")
    return Screen(sys.stdout) if sys.stdout.isatty() else Pipe(sys.stdout)


def forget_stdout() -> None:
    """Whoever read standard output has gone: what is left in its buffer must not fail at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    finally:
        os.close(nowhere)


def _check_is_text(beginning: bytearray, content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if b"\0" in beginning or (kind and not any(word in kind for word in _TEXT_TYPES)):
        raise UsageMistakeError(
            f"The answer is not text ({kind or 'of no type'}); a terminal cannot show it.",
            "Save it with --output FILE, or send it through a pipe.",
        )
