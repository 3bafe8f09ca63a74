"""Watches who gets the account's lock, and keeps whoever has it from going on before the others are there.

Refuses to measure time: that waiters need no turn at the lock shows in their ending while it is held.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import filelock


class Turnstile:
    """Counts the locks that were got. The hooks make orders that a busy machine would only make by chance."""

    def __init__(
        self,
        *,
        came: Callable[[], object] = lambda: None,
        wait_for_all: Callable[[], object] = lambda: None,
        wait_for_ends: Callable[[], object] = lambda: None,
    ) -> None:
        """`came`: at a thread's first attempt; the others: when a holder begins, and before it releases."""
        self.got = 0
        self._threads: set[int] = set()
        self._came = came
        self._wait_for_all = wait_for_all
        self._wait_for_ends = wait_for_ends

    def watch(self) -> None:
        """Wrap the lock's class."""
        acquire, release = filelock.FileLock.acquire, filelock.FileLock.release

        def acquire_watched(lock: Any, *rest: Any, **options: Any) -> Any:
            self._come()
            proxy = acquire(lock, *rest, **options)
            self.got += 1
            self._wait_for_all()
            return proxy

        def release_watched(lock: Any, *rest: Any, **options: Any) -> None:
            if lock.is_locked:
                self._wait_for_ends()
            release(lock, *rest, **options)

        filelock.FileLock.acquire, filelock.FileLock.release = acquire_watched, release_watched

    def _come(self) -> None:
        if threading.get_ident() not in self._threads:
            self._threads.add(threading.get_ident())
            self._came()
