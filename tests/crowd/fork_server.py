"""Forks one process for each command of a list, and lets them all go at once.

    python -m tests.crowd.fork_server SPEC

Says how each ended in one line of JSON; refuses to share anything but imported modules with its children.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing import connection
from pathlib import Path
from typing import Any

import filelock

from procore_cli import __main__
from procore_cli.client import transport
from tests.kills.zygote import load_everything

FORK = multiprocessing.get_context("fork")
# A child that hangs ends by itself, whoever is left to see it.
LONGEST_S = 120
# Who waits for the others so long has waited for somebody who will not come.
PATIENCE_S = 30.0
NOT_IN_TIME = 99


def main() -> None:
    # Before the fork, so that a hundred imports do not spread the starts over many seconds.
    load_everything()
    spec = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    if spec["read_timeout_s"] is not None:
        limits = transport.Transport.__init__.__defaults__ or ()
        transport.Transport.__init__.__defaults__ = (*limits[:-1], spec["read_timeout_s"])
    gates = Gates(len(spec["jobs"]), gathers=spec["gathers"], lingers=spec["lingers"])
    children = [FORK.Process(target=run, args=(job, gates)) for job in spec["jobs"]]
    for child in children:
        child.start()
    gates.start.set()
    while len(left := [child.sentinel for child in children if child.exitcode is None]) > 1:
        connection.wait(left)
    gates.last.set()
    for child in children:
        child.join()
    sys.stdout.write(json.dumps([child.exitcode for child in children]))


class Gates:
    """Where the children wait: for the start, for each other at the lock, for the others' ends.

    These make orders that a busy machine would only make by chance; no time is measured.
    """

    def __init__(self, runs: int, *, gathers: bool, lingers: bool) -> None:
        self.start, self.last, self._arrivals = FORK.Event(), FORK.Event(), FORK.Semaphore(0)
        # How many locks this child got.
        self.got = 0
        self._missing = runs
        self._gathers, self._lingers = gathers, lingers
        self._threads: set[int] = set()

    def watch(self) -> None:
        """Wrap the lock's class: whoever has a lock may have to wait for the others."""
        acquire, release = filelock.FileLock.acquire, filelock.FileLock.release

        def acquire_watched(lock: Any, *rest: Any, **options: Any) -> Any:
            if threading.get_ident() not in self._threads:
                self._threads.add(threading.get_ident())
                self._arrivals.release()
            proxy = acquire(lock, *rest, **options)
            self.got += 1
            # One holder counts them all; a second one, which should not be, has nothing to wait for.
            while self._gathers and self._missing > 0:
                self._missing -= 1
                if not self._arrivals.acquire(timeout=PATIENCE_S):
                    os._exit(NOT_IN_TIME)
            return proxy

        def release_watched(lock: Any, *rest: Any, **options: Any) -> None:
            if lock.is_locked and self._lingers and not self.last.wait(PATIENCE_S):
                os._exit(NOT_IN_TIME)
            release(lock, *rest, **options)

        filelock.FileLock.acquire, filelock.FileLock.release = acquire_watched, release_watched


def run(job: dict[str, Any], gates: Gates) -> None:
    signal.alarm(LONGEST_S)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{job['place']}.{name}", os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.update(job["variables"])
    sys.argv = ["procore-login", *job["arguments"]]
    gates.watch()
    gates.start.wait(PATIENCE_S)
    time.sleep(job["delay_s"])
    code = 1
    try:
        __main__.main()
    except SystemExit as end:
        sys.stdout.flush()
        code = int(end.code or 0)
    Path(f"{job['place']}.locks").write_text(str(gates.got), "utf-8")
    os._exit(code)


if __name__ == "__main__":
    main()
