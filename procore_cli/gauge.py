"""How far an answer has come, for a person at a terminal; refuses to draw anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from procore_cli.client.request import Stream

if TYPE_CHECKING:
    from procore_cli.render import Teller

_MIB = 1024 * 1024
_CELLS = 24


class Gauge:
    """Draws one line on stderr in place: bytes of `Content-Length`, or pages of `Total`."""

    def __init__(self, teller: Teller, *, counts_pages: bool) -> None:
        self._teller = teller
        self._counts_pages = counts_pages
        self._pages = 0

    def watch(self, stream: Stream) -> Iterator[bytes]:
        """The answer's chunks, counted on their way."""
        self._pages += 1
        if self._counts_pages:
            self._teller.show_wait(pages_text(self._pages, find_pages(stream)))
            yield from stream.chunks()
            return
        done = 0
        for chunk in stream.chunks():
            done += len(chunk)
            self._teller.show_wait(bytes_text(done, stream.length))
            yield chunk

    def end(self) -> None:
        """Wipe what was drawn."""
        self._teller.show_wait("")


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
