"""The named steps of a command, as they are reached; at one of them the process may end with SIGKILL.

Nothing of this is in the product: `victim` wraps its classes.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable

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
