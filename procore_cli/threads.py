"""Threads, started in this one place: an error in words where there is none, and calls with a time limit."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

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


class once(Generic[T]):  # noqa: N801 - used as a decorator, as property is
    """A property that is made when it is first asked for.

    Unlike functools.cached_property on Python 3.11 it holds no lock, which a fork meanwhile would keep.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, _owner: type | None = None) -> T:
        value = self._make(instance)
        instance.__dict__[self._name] = value
        return value


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


class Limits(NamedTuple):
    """After `notice_s` seconds something is said, after `give_up_s` the call is given up."""

    notice_s: float = 2.0
    give_up_s: float = 60.0


class OutOfTimeError(Exception):
    """The call has not come back in time; it goes on by itself."""


class Caller:
    """Makes calls that may hang, in a thread that is kept from one to the next.

    So nothing that was sent is lost because there is no thread to be had for keeping what came of it.
    """

    def __init__(self) -> None:
        self._worker: _Worker | None = None

    def __del__(self) -> None:
        self._leave_worker()

    def call_within(self, limits: Limits, work: Callable[[], T], notice: Callable[[], None]) -> T:
        """Return what `work` returns or raise what it raises; `notice` is called once when it is slow.

        Raises OutOfTimeError, NoThreadError.
        """
        call = Call(work)
        self._find_worker().put(call)
        if not call.wait(limits.notice_s):
            notice()
            if not call.wait(limits.give_up_s - limits.notice_s):
                self._leave_worker()
                raise OutOfTimeError
        return call.result()

    def _find_worker(self) -> _Worker:
        # In a process that was forked it is not alive.
        if self._worker is None or not self._worker.is_alive():
            worker = _Worker()
            start(worker)
            self._worker = worker
        return self._worker

    def _leave_worker(self) -> None:
        if self._worker is not None:
            self._worker.put(None)
        self._worker = None


class _Worker(threading.Thread):
    # A daemon: a call that never comes back must not keep the program from ending.
    def __init__(self) -> None:
        super().__init__(name="procore-login-store", daemon=True)
        # What queue.SimpleQueue does, without the time that its import takes.
        self._calls: deque[Call[Any] | None] = deque()
        self._waiting = threading.Semaphore(0)

    def put(self, call: Call[Any] | None) -> None:
        """Make a call once those before it are done; None ends the thread."""
        self._calls.append(call)
        self._waiting.release()

    def run(self) -> None:
        while self._waiting.acquire() and (call := self._calls.popleft()) is not None:
            call.run()
            # Whoever asked for it may go meanwhile.
            del call


def call_within(limits: Limits, work: Callable[[], T], notice: Callable[[], None]) -> T:
    """As `Caller.call_within`, for a single call."""
    return Caller().call_within(limits, work, notice)
