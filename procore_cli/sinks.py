"""An answer's way to standard output, a pipe or a terminal; a terminal never gets a byte as it came."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Protocol, TextIO

from procore_cli import json_view
from procore_cli.errors import OutputError, UsageMistakeError
from procore_cli.render import is_colourful, new_console, shown

# A JSON body up to this size is indented and coloured; a larger one is shown as it comes.
LARGEST_DRAWN = 512 * 1024
_LINES_AT_ONCE = 500
_LINE_BREAK = ("\n", "")
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
            self._draw(json_view.read_lines(text))
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
        self._draw(iter([json_view.read_one_line(text)]))

    def _draw(self, lines: Iterator[list[json_view.Piece]]) -> None:
        # A print takes rich as long as hundreds of lines.
        while batch := list(islice(lines, _LINES_AT_ONCE)):
            pieces = [piece for line in batch for piece in (*line, _LINE_BREAK)]
            if self._console is None:
                self._put("".join(shown(text) for text, _ in pieces))
            else:
                self._colour(pieces)

    def _colour(self, pieces: list[json_view.Piece]) -> None:
        from rich.segment import Segment, Segments

        styles = {style: self._console.get_style(style) if style else None for _, style in pieces}
        segments = Segments(Segment(shown(text), styles[style]) for text, style in pieces)
        self._console.print(segments, soft_wrap=True, highlight=False, end="")

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def has_stdout() -> bool:
    """Whether standard output is open."""
    return sys.stdout is not None


def new_stdout_sink() -> Pipe | Screen:
    """Standard output as it is. Raises OutputError where there is none."""
    if sys.stdout is None:
        raise OutputError("Standard output is closed.", "Run the command with an open standard output.")
    return Screen(sys.stdout) if sys.stdout.isatty() else Pipe(sys.stdout)


def _check_is_text(beginning: bytearray, content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if b"\0" in beginning or (kind and not any(word in kind for word in _TEXT_TYPES)):
        raise UsageMistakeError(
            f"The answer is not text ({kind or 'of no type'}); a terminal cannot show it.",
            "Save it with --output FILE, or send it through a pipe.",
        )
