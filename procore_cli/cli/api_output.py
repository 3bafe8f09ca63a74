"""How an API call's answers are written: whole, as one array, an item a line; changes no byte in a pipe.

An error's body goes to standard output, whatever the answer would have gone to.
"""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from enum import Enum
from functools import cached_property
from itertools import chain, islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from procore_cli.cli.api_file import OutputFile, dying_cleanly
from procore_cli.client.json_pages import on_one_line, read_items, read_tokens
from procore_cli.client.request import Stream
from procore_cli.console import is_colourful, new_rich_console, shown
from procore_cli.errors import (
    OutputError,
    ProcoreError,
    ProcoreLoginError,
    UnexpectedAnswerError,
    UsageMistakeError,
)

if TYPE_CHECKING:
    from procore_cli.console import Console


Piece = tuple[str, str]

_INDENT = "  "
_OPENING = ("[", "{")
_CLOSING = ("]", "}")


def is_json(text: str) -> bool:
    """Whether a text is one JSON value (RFC 8259)."""
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def read_lines(text: str) -> Iterator[list[Piece]]:
    """The lines of a text that `is_json`, each as pieces of (text, rich's style)."""
    line: list[Piece] = []
    depth, former = 0, ""
    for token, style in read_one_line(text):
        closes, opened = token in _CLOSING, former in _OPENING
        depth -= closes
        # An empty list or object stays on its line.
        if former == "," or opened != closes:
            if line:
                yield line
            line = [(_INDENT * depth, "")]
        line.append((": " if token == ":" else token, style))
        depth += token in _OPENING
        former = token
    yield line


def read_one_line(text: str) -> list[Piece]:
    """A text on one line as pieces of (text, rich's style), with nothing added."""
    tokens = read_tokens(text)
    followers = [*tokens[1:], ""]
    return [(token, _style(token, after)) for token, after in zip(tokens, followers, strict=True)]


def _style(token: str, following: str) -> str:
    if token in (*_OPENING, *_CLOSING, ":", ","):
        return ""
    if token.startswith('"'):
        # No blue, which dark backgrounds swallow; no cyan or yellow, which light ones do.
        return "bold" if following == ":" else "green"
    return "magenta"


_MIB = 1024 * 1024
_CELLS = 24


class Gauge:
    """Draws one line on stderr in place: bytes of `Content-Length`, or pages of `Total`."""

    def __init__(self, console: Console, *, counts_pages: bool) -> None:
        self._console = console
        self._counts_pages = counts_pages
        self._pages = 0

    def watch(self, stream: Stream) -> Iterator[bytes]:
        """The answer's chunks, counted on their way."""
        self._pages += 1
        if self._counts_pages:
            self._console.show_wait(pages_text(self._pages, find_pages(stream)))
            yield from stream.chunks()
            return
        done = 0
        for chunk in stream.chunks():
            done += len(chunk)
            self._console.show_wait(bytes_text(done, stream.length))
            yield chunk

    def end(self) -> None:
        """Wipe what was drawn."""
        self._console.show_wait("")


def find_pages(stream: Stream) -> int | None:
    """How many pages there are, from `Total` and `Per-Page`; None where the answer does not say."""
    total, size = stream.find_number("total"), stream.find_number("per-page")
    return -(-total // size) if total is not None and size else None


def pages_text(page: int, pages: int | None) -> str:
    """`[####....] page 3 of 6`."""
    return f"{_bar(page, pages)} page {page} of {pages}" if pages and pages >= page else f"page {page}"


def bytes_text(done: int, length: int | None) -> str:
    """`[####....] 12 of 24 MiB`; under a MiB nothing is worth drawing."""
    if length is None:
        return f"{done // _MIB} MiB" if done >= _MIB else ""
    return f"{_bar(done, length)} {done // _MIB} of {length // _MIB} MiB" if length >= _MIB else ""


def _bar(done: int, whole: int | None) -> str:
    filled = _CELLS * min(done, whole) // whole if whole else 0
    return f"[{'#' * filled}{'.' * (_CELLS - filled)}]"


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

    def write_lines(self, values: list[str]) -> None:
        """Pass JSON values on, each on a line of its own."""
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

    def write_lines(self, values: list[str]) -> None:
        """Pass JSON values on, each on a line of its own."""
        self.write("".join(f"{value}\n" for value in values).encode())


class Screen:
    """A terminal: JSON indented and coloured, text with its control characters escaped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rich: Any = new_rich_console(stream) if is_colourful(stream) else None
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
            self._draw(read_lines(text))
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
        self._draw(map(read_one_line, values))

    def _draw(self, lines: Iterator[list[Piece]]) -> None:
        # A print takes rich as long as hundreds of lines.
        while batch := list(islice(lines, _LINES_AT_ONCE)):
            pieces = [piece for line in batch for piece in (*line, _LINE_BREAK)]
            if self._rich is None:
                self._put("".join(shown(text) for text, _ in pieces))
            else:
                self._colour(pieces)

    def _colour(self, pieces: list[Piece]) -> None:
        from rich.segment import Segment, Segments

        styles = {style: self._rich.get_style(style) if style else None for _, style in pieces}
        segments = Segments(Segment(shown(text), styles[style]) for text, style in pieces)
        self._rich.print(segments, soft_wrap=True, highlight=False, end="")

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


# As much of an error's body as its reason can be in.
_LARGEST_REASON = 256 * 1024


class Form(Enum):
    """What becomes of the bodies."""

    WHOLE = "whole"
    SLURP = "slurp"
    JSONL = "jsonl"
    SILENT = "silent"


class ResponseWriter:
    """The way out for one run's answers; as a context it keeps a file only where all went well."""

    def __init__(self, gauge: Gauge, form: Form, *, include: bool, output: str | None) -> None:
        self._gauge = gauge
        self._form = form
        self._include = include
        self._file = OutputFile(output) if output is not None else None
        self._closing = ExitStack()
        self._has_pages = False
        self._is_ended = False
        self._has_head = False

    def __enter__(self) -> ResponseWriter:
        if self._include or (self._file is None and self._form is not Form.SILENT):
            # Where it is closed, nothing is sent.
            self._stdout  # noqa: B018
        if self._file is not None:
            with ExitStack() as stack:
                stack.enter_context(dying_cleanly())
                stack.callback(self._file.discard)
                self._file.open()
                self._closing = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gauge.end()
        try:
            if error is None:
                self._end_array(even_empty=True)
                if self._file is not None:
                    self._file.keep()
            elif isinstance(error, ProcoreLoginError):
                self._end_array()
        finally:
            self._closing.__exit__(kind, error, trace)

    def show(self, stream: Stream, *, counts: bool = False) -> int | None:
        """One answer's head, if that is wanted, and body; how many items it has, if that is asked and a list.

        Raises UnexpectedAnswerError, OutputError.
        """
        self._show_head(stream)
        is_drawn = self._file is None and self._form is not Form.SILENT and isinstance(self._stdout, Screen)
        chunks = stream.chunks() if is_drawn else self._gauge.watch(stream)
        page = bytearray()
        if counts or self._form in (Form.SLURP, Form.JSONL):
            chunks = _kept(chunks, page)
        if self._form is Form.WHOLE:
            self._sink.write_body(chunks, _type_of(stream))
        else:
            # To its end: the connection serves the next page too.
            for _ in chunks:
                pass
        return self._take_apart(bytes(page))

    def show_problem(self, stream: Stream) -> bytes:
        """An error's body on standard output as it came; returns its beginning."""
        self._gauge.end()
        self._end_array()
        self._show_head(stream)
        beginning = bytearray()

        def kept() -> Iterator[bytes]:
            # The status is known, and says more than that its body breaks off.
            with suppress(ProcoreError):
                for chunk in stream.chunks():
                    beginning.extend(chunk[: _LARGEST_REASON - len(beginning)])
                    yield chunk

        if not self.shows_problems:
            next(kept(), b"")
            return bytes(beginning)
        # What a terminal cannot show, and a reader that has gone, must not hide what Procore answered.
        with suppress(UsageMistakeError, BrokenPipeError):
            self._stdout.write_body(kept(), _type_of(stream))
        return bytes(beginning)

    @property
    def shows_problems(self) -> bool:
        """Whether an error's body can be read anywhere."""
        return self._form is not Form.SILENT and has_stdout()

    @cached_property
    def _stdout(self) -> Pipe | Screen:
        return new_stdout_sink()

    @property
    def _sink(self) -> Sink:
        return self._file or self._stdout

    def _show_head(self, stream: Stream) -> None:
        if not self._include:
            return
        lines = [f"HTTP/{stream.version} {stream.status} {stream.reason}".rstrip()]
        lines += [f"{name}: {value}" for name, value in stream.head]
        text = "".join(f"{line}\n" for line in lines)
        # The former answer's body need not end with a line break.
        self._stdout.write(("\n" if self._has_head else "").encode() + f"{text}\n".encode("utf-8", "replace"))
        self._has_head = True

    def _take_apart(self, page: bytes) -> int | None:
        try:
            items, is_list = read_items(page)
        except ValueError:
            if self._form in (Form.WHOLE, Form.SILENT):
                # What is not JSON has nothing to count.
                return None
            raise UnexpectedAnswerError(
                "The answer is not JSON.", "Call it without --jsonl and --slurp, and see what comes."
            ) from None
        if self._form is Form.JSONL:
            self._sink.write_lines([on_one_line(item) for item in items])
        elif self._form is Form.SLURP and page.strip():
            self._sink.write((b"," if self._has_pages else b"[") + page)
            self._has_pages = True
        return len(items) if is_list else None

    def _end_array(self, *, even_empty: bool = False) -> None:
        if self._form is not Form.SLURP or not (self._has_pages or even_empty):
            return
        if self._is_ended:
            return
        self._sink.write(b"]" if self._has_pages else b"[]")
        if isinstance(self._sink, Screen):
            self._sink.write(b"\n")
        self._is_ended = True


def _kept(chunks: Iterator[bytes], page: bytearray) -> Iterator[bytes]:
    """The chunks, added to `page` on their way."""
    for chunk in chunks:
        page += chunk
        yield chunk


def _type_of(stream: Stream) -> str:
    return stream.headers.get("content-type", "")
