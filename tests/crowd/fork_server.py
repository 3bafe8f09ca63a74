"""Forks one process for each command of a list, and lets them all go at once.

    python -m tests.crowd.fork_server SPEC

Says how each ended in one line of JSON; refuses to share anything but imported modules with its children.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import filelock
import requests

from procore_cli import __main__, console, context
from procore_cli.cli import main as cli
from procore_cli.cli.commands import tokens
from procore_cli.client import oauth, transport
from procore_cli.config import settings
from procore_cli.flows import sign_in
from procore_cli.storage import files, keyring, opening

# Loaded before the fork, so that a hundred imports do not spread the starts over many seconds.
LOADED = (
    cli,
    context,
    filelock,
    files,
    sign_in,
    keyring,
    oauth,
    opening,
    console,
    requests,
    settings,
    tokens,
)
# A child that hangs ends by itself, whoever is left to see it.
LONGEST_S = 120
# Who waits for the others so long has waited for somebody who will not come.
PATIENCE_S = 30.0
NOT_IN_TIME = 99


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    if spec["read_timeout_s"] is not None:
        limits = transport.Transport.__init__.__defaults__ or ()
        transport.Transport.__init__.__defaults__ = (*limits[:-1], spec["read_timeout_s"])
    gates = Gates(len(spec["jobs"]), gathers=spec["gathers"], lingers=spec["lingers"])
    places = {_fork(job, gates): place for place, job in enumerate(spec["jobs"])}
    gates.start.open()
    ended: list[Any] = [None] * len(places)
    for left in reversed(range(len(places))):
        process, status = os.wait()
        ended[places[process]] = os.waitstatus_to_exitcode(status)
        if left == 1:
            gates.last.open()
    sys.stdout.write(json.dumps(ended))


class Gate:
    """A pipe that nobody writes to: reading it ends when the parent, which alone may, opens the gate."""

    def __init__(self) -> None:
        self._waits, self._opens = os.pipe()
        self._is_open = False

    def open(self) -> None:
        if not self._is_open:
            self._is_open = True
            os.close(self._opens)

    def wait(self) -> bool:
        """Whether it was opened in time."""
        return bool(select.select([self._waits], [], [], PATIENCE_S)[0])

    def leave_to_parent(self) -> None:
        """To be called in each child: the gate stays shut while anybody could still write."""
        os.close(self._opens)


class Gates:
    """Where the children wait: for the start, for each other at the lock, for the others' ends.

    These make orders that a busy machine would only make by chance; no time is measured.
    """

    def __init__(self, runs: int, *, gathers: bool, lingers: bool) -> None:
        self.start, self.last = Gate(), Gate()
        # How many locks this child got.
        self.got = 0
        self._runs = runs
        self._gathers, self._lingers = gathers, lingers
        self._arrivals, self._arrive = os.pipe()
        self._threads: set[int] = set()

    def watch(self) -> None:
        """Wrap the lock's class: whoever has a lock may have to wait for the others."""
        acquire, release = filelock.FileLock.acquire, filelock.FileLock.release

        def acquire_watched(lock: Any, *rest: Any, **options: Any) -> Any:
            if threading.get_ident() not in self._threads:
                self._threads.add(threading.get_ident())
                os.write(self._arrive, b".")
            proxy = acquire(lock, *rest, **options)
            self.got += 1
            if self._gathers:
                self._wait_for_all()
            return proxy

        def release_watched(lock: Any, *rest: Any, **options: Any) -> None:
            if lock.is_locked and self._lingers and not self.last.wait():
                os._exit(NOT_IN_TIME)
            release(lock, *rest, **options)

        filelock.FileLock.acquire, filelock.FileLock.release = acquire_watched, release_watched

    def _wait_for_all(self) -> None:
        # One holder reads them all; a second one, which should not be, has nothing to wait for.
        while self._runs > 0:
            ready, _, _ = select.select([self._arrivals], [], [], PATIENCE_S)
            if not ready:
                os._exit(NOT_IN_TIME)
            self._runs -= len(os.read(self._arrivals, self._runs))


def _fork(job: dict[str, Any], gates: Gates) -> int:
    process = os.fork()
    if process != 0:
        return process
    code = 1
    try:
        signal.alarm(LONGEST_S)
        for gate in (gates.start, gates.last):
            gate.leave_to_parent()
        code = _run(job, gates)
    finally:
        os._exit(code)


def _run(job: dict[str, Any], gates: Gates) -> int:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{job['place']}.{name}", os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.update(job["variables"])
    sys.argv = ["procore-login", *job["arguments"]]
    gates.watch()
    gates.start.wait()
    time.sleep(job["delay_s"])
    code = 1
    try:
        __main__.main()
    except SystemExit as end:
        sys.stdout.flush()
        code = int(end.code or 0)
    Path(f"{job['place']}.locks").write_text(str(gates.got), "utf-8")
    return code


if __name__ == "__main__":
    main()
