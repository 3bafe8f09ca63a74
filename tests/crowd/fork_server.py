"""Forks one process for each command of a list, and lets them all go at once.

    python -m tests.crowd.fork_server SPEC

Says how each ended in one line of JSON; refuses to share anything but imported modules with its children.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import filelock
import requests

from procore_cli import __main__, cli, flow, render, settings, world
from procore_cli.commands import refresh, token, whoami
from procore_cli.procore import oauth, transport
from procore_cli.store import files, keyrings, opening

# Loaded before the fork, so that a hundred imports do not spread the starts over many seconds.
LOADED = (cli, filelock, files, flow, keyrings, oauth, opening, refresh, render, requests, settings, token)
LOADED_TOO = (whoami, world)
# A child that hangs ends by itself, whoever is left to see it.
LONGEST_S = 120


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    if spec["read_timeout_s"] is not None:
        limits = transport.Transport.__init__.__defaults__ or ()
        transport.Transport.__init__.__defaults__ = (*limits[:-1], spec["read_timeout_s"])
    waits, goes = os.pipe()
    places = {_fork(job, waits, goes): place for place, job in enumerate(spec["jobs"])}
    os.close(waits)
    started = time.monotonic()
    os.close(goes)
    ended: list[Any] = [None] * len(places)
    for _ in range(len(places)):
        process, status, usage = os.wait4(-1, 0)
        cpu_s = usage.ru_utime + usage.ru_stime
        ended[places[process]] = [os.waitstatus_to_exitcode(status), time.monotonic(), cpu_s]
    sys.stdout.write(json.dumps({"started": started, "ended": ended}))


def _fork(job: dict[str, Any], waits: int, goes: int) -> int:
    process = os.fork()
    if process == 0:
        code = 1
        try:
            signal.alarm(LONGEST_S)
            os.close(goes)
            code = _run(job, waits)
        finally:
            os._exit(code)
    return process


def _run(job: dict[str, Any], waits: int) -> int:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{job['place']}.{name}", os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.update(job["variables"])
    sys.argv = ["procore-login", *job["arguments"]]
    # Ends when the parent closes the other side.
    os.read(waits, 1)
    time.sleep(job["delay_s"])
    try:
        __main__.main()
    except SystemExit as end:
        sys.stdout.flush()
        return int(end.code or 0)
    return 1


if __name__ == "__main__":
    main()
