"""How an API call's answers are written: whole, as one array, an item a line; changes no byte in a pipe.

An error's body goes to standard output, whatever the answer would have gone to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from enum import Enum
from functools import cached_property
from itertools import chain, tee
from types import TracebackType
from typing import TYPE_CHECKING

from procore_cli.client.json_pages import Count, read_items, read_values
from procore_cli.errors import (
    OutputError,
    ProcoreError,
    ProcoreLoginError,
    UnexpectedAnswerError,
    UsageMistakeError,
)
from procore_cli.output_file import OutputFile, dying_cleanly
from procore_cli.sinks import Screen, Sink, has_stdout, new_stdout_sink

if TYPE_CHECKING:
    from procore_cli.client.request import Stream
    from procore_cli.gauge import Gauge
    from procore_cli.sinks import Pipe

# As much of an error's body as its reason can be in.
_LARGEST_REASON = 256 * 1024


class Form(Enum):
    """What becomes of the bodies."""

    WHOLE = "whole"
    SLURP = "slurp"
    JSONL = "jsonl"
    SILENT = "silent"


class Outlet:
    """The way out for one run's answers; as a context it keeps a file only where all went well."""

    def __init__(self, gauge: Gauge, form: Form, *, include: bool, output: str | None) -> None:
        self._gauge = gauge
        self._form = form
        self._include = include
        self._file = OutputFile(output) if output is not None else None
        self._closing = ExitStack()
        self._has_pages = False
        self._is_inside = False
        self._is_ended = False
        self._has_head = False

    def __enter__(self) -> Outlet:
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

    def show(self, stream: Stream, count: Count | None = None) -> None:
        """One answer's head, if that is wanted, and body. Raises UnexpectedAnswerError, OutputError.

        Where `count` is given, it is called with the number of the body's items, if that is a list.
        """
        self._show_head(stream)
        is_drawn = self._file is None and self._form is not Form.SILENT and isinstance(self._stdout, Screen)
        chunks = stream.chunks() if is_drawn else self._gauge.watch(stream)
        if self._form is Form.JSONL:
            for item in _checked(read_items(chunks, count or _ignore)):
                self._sink.write_line(item)
        elif self._form is Form.SLURP:
            self._show_page(chunks, count or _ignore)
        elif self._form is Form.WHOLE and count is None:
            self._sink.write_body(chunks, _type_of(stream))
        elif is_drawn:
            shown, counted = tee(chunks)
            self._sink.write_body(shown, _type_of(stream))
            _read_whole(counted, count)
        else:
            _read_whole(chunks if self._form is Form.SILENT else self._passed_on(chunks), count)

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

    def _passed_on(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            try:
                self._sink.write(chunk)
            except ValueError:
                # To who reads the chunks it would mean that they are not JSON.
                raise OutputError(
                    "Standard output is closed.", "Run the command with an open standard output."
                ) from None
            yield chunk

    def _show_page(self, chunks: Iterator[bytes], count: Count) -> None:
        first = next(chunks, None)
        if first is None:
            return
        self._sink.write(b"," if self._has_pages else b"[")
        self._has_pages = self._is_inside = True
        # An array of what is not JSON would be none.
        for _ in _checked(read_values(self._passed_on(chain([first], chunks)), count)):
            pass
        self._is_inside = False

    def _end_array(self, *, even_empty: bool = False) -> None:
        if self._form is not Form.SLURP or not (self._has_pages or even_empty):
            return
        if self._is_inside or self._is_ended:
            return
        self._sink.write(b"]" if self._has_pages else b"[]")
        if isinstance(self._sink, Screen):
            self._sink.write(b"\n")
        self._is_ended = True


def _checked(items: Iterator[str]) -> Iterator[str]:
    while True:
        try:
            item = next(items, None)
        except ValueError:
            raise UnexpectedAnswerError(
                "The answer is not JSON, or holds an item that is too large.",
                "Call it without --jsonl and --slurp, and see what comes.",
            ) from None
        if item is None:
            return
        yield item


def _read_whole(chunks: Iterator[bytes], count: Count | None) -> None:
    """Read a body to its end: the connection serves the next page too."""
    if count is not None:
        # What is not JSON has nothing to count.
        with suppress(ValueError):
            for _ in read_values(chunks, count):
                pass
    for _ in chunks:
        pass


def _ignore(_: int) -> None:
    """Nobody counts."""


def _type_of(stream: Stream) -> str:
    return stream.headers.get("content-type", "")
