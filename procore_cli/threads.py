"""Threads, started in this one place: where there is none to be had, that is an error with words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from procore_cli.errors import NoThreadError

T = TypeVar("T")
# Short waits, since on Windows Ctrl-C gets through between them only.
_SLICE_S = 0.1


def start(thread: threading.Thread) -> None:
    """Start a thread. Raises NoThreadError where the system has none left (RLIMIT_NPROC, a pids limit)."""
    try:
        thread.start()
    except RuntimeError:
        raise NoThreadError(
            "No thread could be started: as many processes run as this account, or container, may have.",
            "End some of them, or raise the limit (ulimit -u; a container's pids limit), then try again.",
        ) from None


class Call(Generic[T]):
    """Something that another thread does, and what came of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._ended = threading.Event()
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do it, in the thread that is there for it."""
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error
        finally:
            self._ended.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is done, for `seconds` at most if there is a limit; whether it is."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self._ended.is_set():
            left_s = _SLICE_S if end is None else end - time.monotonic()
            if left_s <= 0:
                return False
            self._ended.wait(min(_SLICE_S, left_s))
        return True

    def result(self) -> T:
        """What it returned. Raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]


class Shield(Protocol):
    """Does work that must not be cut off, `in_own_thread` for one."""

    def __call__(self, work: Callable[[], T], /) -> T:
        """What `work` returns. Raises what it raises."""
        ...


def in_own_thread(work: Callable[[], T]) -> T:
    """Do the work in a thread that is no daemon: whoever stops waiting, as by Ctrl-C, does not stop it.

    Raises NoThreadError, and what `work` raises.
    """
    call = Call(work)
    start(threading.Thread(target=call.run, name="procore-login", daemon=False))
    call.wait()
    return call.result()
