"""A whole command in a process that reports its steps and may die at one of them; changes nothing else.

Nothing of this is in the product: its classes are wrapped.
"""

from __future__ import annotations

import functools
import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from procore_cli import context
from procore_cli.callback import browser
from procore_cli.client.transport import Transport
from procore_cli.storage.files import SecretFiles
from procore_cli.storage.keyring import Keyring
from procore_cli.storage.rows import Rows
from tests.stub_browser import Browser

# What a statement does, told by a piece of it; the first that fits counts.
_EFFECTS = {
    "INSERT INTO procore_login_entries": "pending",
    "SET state = 'live'": "live",
    "SET state = 'dead'": "dead",
    "SET parts = 0": "emptied",
    "DELETE FROM procore_login_entries": "forgotten",
    "procore_login_session": "session",
    "procore_login_accounts": "account",
    "users": "row",
}
_WRITES = ("INSERT", "UPDATE", "DELETE")
_KINDS = ("signin", "refresh", "proof")


_lock = threading.Lock()
_seen: Counter[str] = Counter()
_kill_at: str | None = None
_tell: Callable[[str], object] | None = None


def watch(tell: Callable[[str], object], kill_at: str | None = None) -> None:
    """From now on `tell` hears of every step; at the one named `kill_at` the process dies."""
    global _tell, _kill_at
    _tell, _kill_at = tell, kill_at
    _seen.clear()


def reach(step: str) -> None:
    """The step is reached; the second of a name is `NAME #2`, and so on. Does nothing when nobody watches."""
    if _tell is None:
        return
    with _lock:
        _seen[step] += 1
        name = step if _seen[step] == 1 else f"{step} #{_seen[step]}"
        _tell(name)
        if name == _kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def name_effect(statement: str, values: Sequence[Any]) -> str | None:
    """What a statement of a transaction is called, None for one that only reads."""
    text = " ".join(statement.split())
    if not text.startswith(_WRITES):
        return None
    effect = next((name for sign, name in _EFFECTS.items() if sign in text), "other")
    kinds = [value for value in values if value in _KINDS] if effect == "pending" else []
    return " ".join([effect, *kinds])


def watch_commits() -> None:
    """Before and after each COMMIT of a transaction that wrote, named by what it wrote."""
    run = Rows.run

    def watched(self: Any, statement: str, values: Sequence[Any] = ()) -> Any:
        effects = self.__dict__.setdefault("effects", [])
        effect = name_effect(statement, values)
        if effect is not None and effect not in effects:
            effects.append(effect)
        if statement != "COMMIT" or not effects:
            return run(self, statement, values)
        name = f"commit of {' + '.join(effects)}"
        effects.clear()
        return around(name, lambda: run(self, statement, values))

    Rows.run = watched  # type: ignore[method-assign]


def watch_stores() -> None:
    """Before and after each write, read and deletion of a part, and between a file's draft and its place."""
    for kind in (SecretFiles, Keyring):
        for action in ("save", "load", "delete"):
            _watch_store(kind, action)
    replace = Path.replace

    def watched(self: Path, target: Any) -> Any:
        if self.parent.name == "secrets":
            reach("draft of a file written, not yet in its place")
        return replace(self, target)

    Path.replace = watched  # type: ignore[method-assign, assignment]


def _watch_store(kind: type, action: str) -> None:
    inner = getattr(kind, action)

    @functools.wraps(inner)
    def watched(self: Any, service: str, *rest: Any) -> Any:
        last = service.rsplit("/", 1)[1]
        what = f"part {last}" if last.isdecimal() else last
        return around(f"{action} of {what}", lambda: inner(self, service, *rest))

    setattr(kind, action, watched)


def watch_requests() -> None:
    """Before each request, when it is sent and nothing is answered yet, and when its answer is here."""
    request, get_response = Transport.request, http.client.HTTPConnection.getresponse
    under_way: list[str] = []

    def watched(self: Transport, method: str, url: str, **rest: Any) -> Any:
        name = f"{method} {urlsplit(url).path}"
        under_way[:] = [name]
        return around(name, lambda: request(self, method, url, **rest))

    def sent(self: Any, *rest: Any) -> Any:
        # The stub browser has connections as well.
        if under_way and threading.current_thread() is threading.main_thread():
            reach(f"sent {under_way[0]}")
        return get_response(self, *rest)

    Transport.request = watched  # type: ignore[method-assign]
    http.client.HTTPConnection.getresponse = sent  # type: ignore[method-assign]


def around(name: str, work: Callable[[], Any]) -> Any:
    """Do the work, with a step before it and one after."""
    reach(f"before {name}")
    outcome = work()
    reach(f"after {name}")
    return outcome


def browse_here() -> None:
    """The browser is a thread of this process, which saves the start of another one."""

    def start(command: list[str]) -> bool:
        threading.Thread(target=Browser().open, args=(command[-1],), daemon=True).start()
        return True

    browser._start = start


def prepare(later_s: float = 0.0) -> None:
    """Wrap everything; the command believes that it is `later_s` seconds later than it is."""
    watch_commits()
    watch_stores()
    watch_requests()
    browse_here()
    defaults = context.open_context.__wrapped__.__kwdefaults__  # type: ignore[attr-defined]
    defaults["clock"] = lambda: time.time() + later_s
