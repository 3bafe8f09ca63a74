"""A process that has everything imported and forks a child for each command, which takes milliseconds.

It starts no thread, so that it can fork. Reads one order a line (JSON) and answers with how the child ended.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pkgutil
import select
import signal
import sys
import time
from typing import Any

_CALL_LIMIT_S = 30.0


def load_everything() -> None:
    """What a command would import while it runs."""
    import procore_cli

    for module in pkgutil.walk_packages(procore_cli.__path__, "procore_cli."):
        importlib.import_module(module.name)
    for name in ("filelock", "keyring.core", "oauthlib.oauth2", "requests", "rich.console", "sqlite3"):
        importlib.import_module(name)
    for name in ("keyring.backends.SecretService", "secretstorage", "tests.memory_keyring"):
        importlib.import_module(name)


def serve() -> None:
    load_everything()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()


def run(order: dict[str, Any]) -> dict[str, Any]:
    streams = {name: os.memfd_create(name) for name in ("out", "err", "steps")}
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        be_the_child(order, streams)
    is_over = wait(pid, order.get("kill_after_s") or _CALL_LIMIT_S)
    if not is_over:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    took_s = time.monotonic() - started
    ended = {name: take(descriptor) for name, descriptor in streams.items()}
    is_killed = os.WIFSIGNALED(status)
    return {
        **ended,
        "steps": ended["steps"].splitlines(),
        "took_s": took_s,
        "signal": os.WTERMSIG(status) if is_killed else None,
        "code": None if is_killed else os.WEXITSTATUS(status),
    }


def wait(pid: int, limit_s: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], limit_s)[0])
    finally:
        os.close(descriptor)


def take(descriptor: int) -> str:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    text = os.pread(descriptor, size, 0).decode("utf-8", "replace")
    os.close(descriptor)
    return text


def be_the_child(order: dict[str, Any], streams: dict[str, int]) -> None:
    """Run the command and end; never returns."""
    from procore_cli.cli import main
    from tests.kills import victim

    code = 70
    try:
        os.environ.clear()
        os.environ.update(order["environ"])
        os.chdir(order["cwd"])
        null = os.open(os.devnull, os.O_RDONLY)
        for descriptor, number in ((null, 0), (streams["out"], 1), (streams["err"], 2)):
            os.dup2(descriptor, number)
        # The buffer of the old one holds what is read ahead of the orders.
        sys.stdin = io.StringIO()
        victim.prepare(order.get("later_s", 0.0))
        tell = streams["steps"]
        victim.watch(lambda step: os.write(tell, f"{step}\n".encode()), order.get("kill_at"))
        code = main.run(order["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
