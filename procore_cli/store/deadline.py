"""A call that may hang, with a time limit; refuses to wait longer, and leaves the call behind."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from procore_cli.threads import Call, start

T = TypeVar("T")


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
