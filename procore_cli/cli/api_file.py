"""`--output FILE`: whole or not at all, whatever ends the run; refuses to replace what is no regular file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from procore_cli.errors import OutputError


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
                mode = self._path.stat().st_mode
            except FileNotFoundError:
                mode = None
            if mode is None or stat.S_ISREG(mode):
                self._open_draft(mode)
            else:
                # A device or a pipe is written to; to replace /dev/null would be a disaster.
                self._file = self._path.open("wb")

    def _open_draft(self, former_mode: int | None) -> None:
        self._draft = self._path.with_name(f".{os.urandom(8).hex()}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        mode = 0o666 if former_mode is None else 0o600
        self._file = os.fdopen(os.open(self._draft, flags, mode), "wb")
        if former_mode is not None:
            # Who could not read the former file cannot read the first byte of this one.
            self._draft.chmod(stat.S_IMODE(former_mode) & 0o777)

    def write(self, data: bytes) -> None:
        """Write bytes. Raises OutputError."""
        with self._translated():
            self._file.write(data)

    def write_body(self, chunks: Iterator[bytes], content_type: str) -> None:
        """Write a whole body as it comes."""
        for chunk in chunks:
            self.write(chunk)

    def write_lines(self, values: list[str]) -> None:
        """Write JSON values, each on a line of its own."""
        self.write("".join(f"{value}\n" for value in values).encode())

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


class _DyingError(BaseException):
    """A signal that ends the process; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def dying_cleanly() -> Iterator[None]:
    """SIGTERM and SIGHUP end the process once the block is left: nothing stays behind."""
    import signal
    import threading

    def end(number: int, _: object) -> None:
        raise _DyingError(number)

    numbers = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    # What nohup ignores stays ignored.
    formers = {number: signal.getsignal(number) for number in numbers if number is not None}
    formers = {number: former for number, former in formers.items() if former == signal.SIG_DFL}
    for number in formers:
        signal.signal(number, end)
    try:
        yield
    except _DyingError as dying:
        signal.signal(dying.number, signal.SIG_DFL)
        signal.raise_signal(dying.number)
    finally:
        for number, former in formers.items():
            signal.signal(number, former)
