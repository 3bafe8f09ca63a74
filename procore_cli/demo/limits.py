"""Rate limits: so many calls in so many seconds, with Procore's headers; refuses to hold a call up."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from procore_cli.errors import UsageMistakeError

HOUR_S: Final = 3600
_SPOKEN = re.compile(r"([0-9]{1,9})(?:/([0-9]{1,6})?(s|m|h))?")
_UNITS_S: Final = {"s": 1, "m": 60, "h": HOUR_S}


@dataclass(frozen=True)
class Limit:
    """At most `count` calls in a window of `window_s` seconds, which begins with the first of them."""

    count: int
    window_s: int = HOUR_S


@dataclass(frozen=True)
class Pass:
    """Whether a call may be made, how long to wait otherwise, and the headers that say so."""

    allowed: bool
    wait_s: int
    headers: tuple[tuple[str, str], ...]


class RateLimit:
    """One or more limits that hold at once; safe to use from several threads."""

    def __init__(self, limits: Sequence[Limit], clock: Callable[[], float]) -> None:
        """`clock`: seconds since the epoch (UTC). Raises ValueError without a limit."""
        if not limits:
            raise ValueError("no limit")
        self._clock = clock
        self._windows = [_Window(limit) for limit in limits]
        self._lock = threading.Lock()

    def take(self) -> Pass:
        """Count a call, if it is allowed; the headers are those of the limit that is nearest."""
        with self._lock:
            # Read under the lock: to whoever waited for it, the clock would seem to be set back.
            now = self._clock()
            for window in self._windows:
                window.roll(now)
            allowed = all(window.remaining > 0 for window in self._windows)
            for window in self._windows:
                window.used += allowed
            nearest = min(self._windows, key=lambda window: (window.remaining, -window.ends_at))
            return Pass(allowed, max(1, math.ceil(nearest.ends_at - now)), nearest.new_headers())


class _Window:
    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.used = 0
        self.ends_at = -math.inf

    @property
    def remaining(self) -> int:
        return self.limit.count - self.used

    def roll(self, now: float) -> None:
        # A clock that was set back must not keep the window open for ever.
        if not self.ends_at - self.limit.window_s <= now < self.ends_at:
            self.used, self.ends_at = 0, now + self.limit.window_s

    def new_headers(self) -> tuple[tuple[str, str], ...]:
        return (
            ("X-Rate-Limit-Limit", str(self.limit.count)),
            ("X-Rate-Limit-Remaining", str(self.remaining)),
            ("X-Rate-Limit-Reset", str(math.ceil(self.ends_at))),
        )


def read_limit(text: str) -> Limit:
    """`3600` (an hour), `20/10s`, `100/m`. Raises UsageMistakeError."""
    spoken = _SPOKEN.fullmatch(text)
    if spoken:
        count, length, unit = spoken.groups()
        window_s = int(length or 1) * _UNITS_S[unit or "h"]
        if window_s > 0:
            return Limit(int(count), window_s)
    raise UsageMistakeError(
        f'"{text}" is not a rate limit.', "Write a number of calls an hour, or for example 20/10s."
    )
