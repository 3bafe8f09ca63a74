"""How an API call's answers are written: whole, as one array, an item a line; and how far they have come.

An error's body goes to standard output, whatever the answer would have gone to.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from typing import TextIO

from procore_cli.cli.api_output import Output, TerminalOutput, open_stdout, saving
from procore_cli.client.json_pages import read_items
from procore_cli.client.responses import Stream
from procore_cli.console import Console, is_animated, new_rich_console
from procore_cli.errors import (
    OutputError,
    ProcoreError,
    ProcoreLoginError,
    UnexpectedAnswerError,
    UsageMistakeError,
)
from procore_cli.interruption import dying_cleanly

# Of a smaller answer nothing is worth drawing.
_SMALLEST_WATCHED = 1024 * 1024
_BETWEEN_DRAWINGS_S = 0.1


@contextmanager
def _drawing(stream: TextIO, length: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, until the block is left; what it gives takes how many bytes there are by now."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn()
    # Drawn from here, and not by a thread, which a machine may not have to spare.
    bar = Progress(
        *columns,
        console=new_rich_console(stream),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = bar.add_task("", total=length)
    drawn_s = 0.0

    def advance(done: int) -> None:
        nonlocal drawn_s
        bar.update(task, completed=done)
        if time.monotonic() - drawn_s >= _BETWEEN_DRAWINGS_S:
            drawn_s = time.monotonic()
            with suppress(OSError):
                bar.refresh()

    try:
        with suppress(OSError):
            bar.start()
        yield advance
    finally:
        with suppress(OSError):
            bar.stop()


# As much of an error's body as its reason can be in.
_LARGEST_REASON = 256 * 1024


class Form(Enum):
    """What becomes of the bodies."""

    WHOLE = "whole"
    SLURP = "slurp"
    JSONL = "jsonl"
    SILENT = "silent"


@contextmanager
def open_writer(
    console: Console, form: Form, *, include: bool, output: str | None, paginate: bool
) -> Iterator[ResponseWriter]:
    """The way out for one run's answers; a file, if `output` names one, is kept only where all went well.

    Raises OutputError: then nothing was sent.
    """
    with dying_cleanly(), ExitStack() as stack:
        if sys.stdout is None and (include or (output is None and form is not Form.SILENT)):
            raise OutputError("Standard output is closed.", "Run the command with an open standard output.")
        file = stack.enter_context(saving(output)) if output is not None else None
        writer = ResponseWriter(console, form, file, include=include, paginate=paginate)
        try:
            yield writer
            writer.end_array(even_empty=True)
        except ProcoreLoginError:
            writer.end_array()
            raise
        finally:
            console.show_wait("")


class ResponseWriter:
    """Writes one answer after another to `file`, or to standard output."""

    def __init__(
        self, console: Console, form: Form, file: Output | None, *, include: bool, paginate: bool
    ) -> None:
        self._console = console
        self._form = form
        self._stdout = open_stdout()
        self._output = file or (Output() if form is Form.SILENT else self._stdout)
        self._include = include
        self._paginate = paginate
        self._pages = 0
        # Pages of a list become one list, unless their heads stand between them.
        is_between = include and file is None
        self._merges = form is Form.WHOLE and paginate and not is_between
        self._is_array_open = self._has_items = self._has_other = False

    def show(self, stream: Stream, *, counts: bool = False) -> int | None:
        """One answer's head, if that is wanted, and body; how many items it has, if that is asked and a list.

        Raises UnexpectedAnswerError, OutputError.
        """
        self._show_head(stream)
        page = bytearray()
        with ExitStack() as drawing:
            chunks = self._watch(stream, drawing)
            if counts or self._merges or self._form in (Form.SLURP, Form.JSONL):
                chunks = _kept(chunks, page)
            # To its end: the connection serves the next page too.
            taker = self._output if self._form is Form.WHOLE and not self._merges else Output()
            content_type = stream.headers.get("content-type", "")
            taker.write_body(chunks, content_type)
        return self._take_apart(bytes(page), content_type)

    def show_problem(self, stream: Stream) -> bytes:
        """An error's body on standard output as it came; returns its beginning."""
        self._console.show_wait("")
        self.end_array()
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
            self._stdout.write_body(kept(), stream.headers.get("content-type", ""))
        return bytes(beginning)

    @property
    def shows_problems(self) -> bool:
        """Whether an error's body can be read anywhere."""
        return self._form is not Form.SILENT and sys.stdout is not None

    def _show_head(self, stream: Stream) -> None:
        self._pages += 1
        if not self._include:
            return
        lines = [f"HTTP/{stream.version} {stream.status} {stream.reason}".rstrip()]
        lines += [f"{name}: {value}" for name, value in stream.head]
        # The former answer's body need not end with a line break.
        before = "\n" if self._pages > 1 else ""
        self._stdout.write(
            (before + "".join(f"{line}\n" for line in lines) + "\n").encode("utf-8", "replace")
        )

    def _watch(self, stream: Stream, drawing: ExitStack) -> Iterator[bytes]:
        """The answer's chunks; how far it has come is drawn, if stderr can and nothing else is drawn."""
        if isinstance(self._output, TerminalOutput) or not is_animated(self._console.stream):
            yield from stream.chunks()
        elif self._paginate:
            self._console.show_wait(_page_of(self._pages, stream))
            yield from stream.chunks()
        else:
            done, advance = 0, None
            for chunk in stream.chunks():
                done += len(chunk)
                if done >= _SMALLEST_WATCHED:
                    advance = advance or drawing.enter_context(_drawing(self._console.stream, stream.length))
                    advance(done)
                yield chunk

    def _take_apart(self, page: bytes, content_type: str) -> int | None:
        try:
            items, is_list = read_items(page)
        except ValueError:
            if self._merges:
                self._pass_on(page, content_type)
            if self._form in (Form.WHOLE, Form.SILENT):
                # What is not JSON has nothing to count.
                return None
            raise UnexpectedAnswerError(
                "The answer is not JSON.", "Call it without --jsonl and --slurp, and see what comes."
            ) from None
        if self._form is Form.JSONL:
            self._output.write_lines(items)
        elif self._form is Form.SLURP and page.strip():
            self._add([page.decode("utf-8-sig").strip()])
        elif self._merges and is_list:
            self._add(items)
        elif self._merges and page.strip():
            self._pass_on(page, content_type)
        return len(items) if is_list else None

    def _add(self, values: list[str]) -> None:
        if self._has_other:
            raise _new_mixed_error()
        if not self._is_array_open:
            self._output.write(b"[")
            self._is_array_open = True
        if values:
            self._output.write_items(values, is_first=not self._has_items)
            self._has_items = True

    def _pass_on(self, page: bytes, content_type: str) -> None:
        """What is no list goes out as it came, as long as there was none before."""
        if self._is_array_open:
            raise _new_mixed_error()
        self._has_other = True
        self._output.write_body(iter([page]), content_type)

    def end_array(self, *, even_empty: bool = False) -> None:
        """Close the array of pages, if there is one, or has to be."""
        if self._form is Form.SLURP and even_empty and not self._is_array_open:
            self._add([])
        if self._is_array_open:
            self._is_array_open = False
            self._output.end_array(is_empty=not self._has_items)


def _new_mixed_error() -> UnexpectedAnswerError:
    return UnexpectedAnswerError(
        "One page is a list and another is not.", "Call it with --slurp, and see what comes."
    )


def _kept(chunks: Iterator[bytes], page: bytearray) -> Iterator[bytes]:
    """The chunks, added to `page` on their way."""
    for chunk in chunks:
        page += chunk
        yield chunk


def _page_of(page: int, stream: Stream) -> str:
    """`page 3 of 6`, from `Total` and `Per-Page`; `page 3` where the answer does not say."""
    total, size = stream.find_number("total"), stream.find_number("per-page")
    pages = -(-total // size) if total is not None and size else 0
    return f"page {page} of {pages}" if pages >= page else f"page {page}"
