"""A call that may hang, with a time limit; refuses to wait longer, and leaves the call behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
# Short waits, since on Windows Ctrl-C gets through between them only.
_SLICE_S = 0.1


class Limits(NamedTuple):
    """After `notice_s` seconds something is said, after `give_up_s` the call is given up."""

    notice_s: float = 2.0
    give_up_s: float = 60.0


class OutOfTimeError(Exception):
    """The call has not come back in time; it goes on by itself."""


class _Call(threading.Thread, Generic[T]):
    # A daemon: a call that never comes back must not keep the program from ending.
    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.is_alive() and time.monotonic() < end:
            self.join(min(_SLICE_S, max(0.0, end - time.monotonic())))
        return not self.is_alive()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]


def call_within(limits: Limits, work: Callable[[], T], notice: Callable[[], None]) -> T:
    """Return what `work` returns or raise what it raises; `notice` is called once when it is slow.

    Raises OutOfTimeError.
    """
    call = _Call(work)
    call.start()
    if not call.wait(limits.notice_s):
        notice()
        if not call.wait(limits.give_up_s - limits.notice_s):
            raise OutOfTimeError
    return call.result()
