"""What the pretend Procore answers out of turn: faults, delays and rate limits that a test asks for."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from procore_cli.demo.exchange import Answer, Call, new_errors, new_json
from procore_cli.errors import UsageMistakeError

# The embedded Procore issues what Procore issues today.
TOKEN_LIFETIME_S: Final = 5400
DROP: Final = "drop"
MAX_LATENCY_S: Final = 600.0
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_PATH = re.compile(r"/[^\s?#*]*\*?")
_SPOKEN_TARGET = rf"(?:({'|'.join(METHODS)}) )?(/[^\s?#*=]*\*?)"
_SPOKEN_FAULT = re.compile(rf"{_SPOKEN_TARGET}=(drop|[45][0-9]{{2}})(?::([1-9][0-9]{{0,8}}))?")
_SPOKEN_LATENCY = re.compile(rf"(?:{_SPOKEN_TARGET}=)?([0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_OAUTH_ERRORS: Final = {400: "invalid_grant", 401: "invalid_client"}
_FAULT_HINT: Final = "Write for example /rest/v1.0/projects=503:2, /oauth/token=500, or /rest/*=drop."


@dataclass(frozen=True)
class Target:
    """Which calls are meant: a path, or with `*` at its end all that begin so; `method` None: any."""

    path: str
    method: str | None = None

    def fits(self, call: Call) -> bool:
        """Whether the call is one of them."""
        if self.method not in (None, call.method):
            return False
        return call.path.startswith(self.path[:-1]) if self.path.endswith("*") else call.path == self.path


def read_target(path: str, method: str | None = None) -> Target:
    """A target that calls can have; the method in any case. Raises ValueError.

    A call is known by its path alone: one with a query would never be met.
    """
    if not _PATH.fullmatch(path):
        raise ValueError(
            "a path begins with a slash, as /rest/v1.0/projects does, has no query, no fragment and no space,"
            f" and no * but at its end; not {path!r}"
        )
    if method is not None and method.upper() not in METHODS:
        raise ValueError(f"the method must be one of {', '.join(METHODS)}, or None, not {method!r}")
    return Target(path, method and method.upper())


class Fault:
    """An answer that some calls get in place of theirs; safe to use from several threads."""

    def __init__(
        self, target: Target, status: int | None, times: int | None = None, retry_after_s: int | None = 1
    ) -> None:
        """`status` None: the connection ends without an answer; `times` None: always.

        `retry_after_s`: what Retry-After says with 429 and 503, None for no such header.
        """
        self.target = target
        self.status = status
        self._left = times
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()

    @property
    def is_used_up(self) -> bool:
        """Whether no call gets it any more."""
        with self._lock:
            return self._left == 0

    def claim(self, call: Call) -> Answer | None:
        """The answer, if the call is meant and the fault is not used up."""
        if not self.target.fits(call):
            return None
        with self._lock:
            if self._left == 0:
                return None
            if self._left is not None:
                self._left -= 1
        return self._new_answer(call)

    def _new_answer(self, call: Call) -> Answer:
        if self.status is None:
            return Answer(0, dropped=True)
        shown = self.status in (429, 503) and self._retry_after_s is not None
        headers = [("Retry-After", str(self._retry_after_s))] if shown else []
        why = f"The pretend Procore was asked to fail with {self.status}."
        if call.path.startswith("/oauth/"):
            error = _OAUTH_ERRORS.get(self.status, "server_error")
            return new_json(self.status, {"error": error, "error_description": why}, *headers)
        return new_errors(self.status, [why], *headers)


@dataclass(frozen=True)
class Latency:
    """How long some calls wait for their answer; `target` None: all of them."""

    seconds: float
    target: Target | None = None


def read_fault(text: str) -> Fault:
    """`[METHOD ]PATH=STATUS[:COUNT]`, STATUS 400 to 599 or `drop`. Raises UsageMistakeError."""
    spoken = _SPOKEN_FAULT.fullmatch(text)
    if spoken is None:
        raise UsageMistakeError(f'"{text}" is not a fault.', _FAULT_HINT)
    method, path, status, times = spoken.groups()
    return Fault(Target(path, method), None if status == DROP else int(status), int(times) if times else None)


def read_latency(text: str) -> Latency:
    """`SECONDS` or `[METHOD ]PATH=SECONDS`. Raises UsageMistakeError."""
    spoken = _SPOKEN_LATENCY.fullmatch(text)
    if spoken is None or float(spoken[3]) > MAX_LATENCY_S:
        raise UsageMistakeError(
            f'"{text}" is not a delay.', f"Write seconds up to {MAX_LATENCY_S:g}, or PATH=SECONDS."
        )
    method, path, seconds = spoken.groups()
    return Latency(float(seconds), Target(path, method) if path else None)


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


_TOO_MANY = "Too many calls: the rate limit is used up. Wait until it resets."


class Conditions:
    """May be changed at any time, from any thread."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        lifetime_s: int = TOKEN_LIFETIME_S,
        faults: Iterable[Fault] = (),
        latencies: Iterable[Latency] = (),
        limits: Iterable[Limit] = (),
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """`clock`: seconds since the epoch (UTC), for the rate limits; `wait` takes seconds."""
        self.lifetime_s = lifetime_s
        self._clock = clock
        self._lock = threading.Lock()
        self._faults = list(faults)
        self._latencies = list(latencies)
        self._over = threading.Event()
        self._wait = wait or self._over.wait
        self.set_limits(limits)

    def begin(self) -> None:
        """Delays are kept from now on."""
        self._over.clear()

    def end(self) -> None:
        """Whoever is being delayed is let go."""
        self._over.set()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Those that are not used up, in the order in which they were added."""
        with self._lock:
            return tuple(self._faults)

    @property
    def latencies(self) -> tuple[Latency, ...]:
        """Those that may count, in the order in which they were added."""
        with self._lock:
            return tuple(self._latencies)

    def add_fault(self, fault: Fault) -> None:
        """One more, behind the others."""
        with self._lock:
            self._faults.append(fault)

    def add_latency(self, latency: Latency) -> None:
        """One more, in place of those that it leaves no call."""
        with self._lock:
            kept = [it for it in self._latencies if latency.target not in (None, it.target)]
            self._latencies = [*kept, latency]

    def set_limits(self, limits: Iterable[Limit]) -> None:
        """These limits in place of all others; their windows begin anew, even where they are the same."""
        wanted = tuple(limits)
        rate = RateLimit(wanted, self._clock) if wanted else None
        with self._lock:
            self._rate = rate

    def recover(self) -> None:
        """No faults, delays and limits any more."""
        with self._lock:
            self._faults, self._latencies, self._rate = [], [], None

    def delay(self, call: Call) -> None:
        """Wait as long as this call has to: for the last of the delays that mean it."""
        meant = [it.seconds for it in self.latencies if it.target is None or it.target.fits(call)]
        if meant and meant[-1] > 0:
            self._wait(meant[-1])

    def find_fault(self, call: Call) -> Answer | None:
        """The answer of the first fault that means this call, used up by one."""
        with self._lock:
            for fault in self._faults:
                answer = fault.claim(call)
                if answer is not None:
                    self._faults = [it for it in self._faults if not it.is_used_up]
                    return answer
        return None

    def take_pass(self, call: Call) -> Pass | None:
        """Count a call of the API against the rate limit; None where there is no limit."""
        with self._lock:
            rate = self._rate
        return rate.take() if rate is not None and call.path.startswith("/rest/") else None


def new_too_many(refused: Pass) -> Answer:
    """The 429 of a rate limit."""
    return new_errors(429, [_TOO_MANY], ("Retry-After", str(refused.wait_s)))
