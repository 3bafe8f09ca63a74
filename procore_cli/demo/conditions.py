"""How the pretend Procore behaves: token lifetime, faults, delays, rate limit; refuses to keep any of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from procore_cli.demo.faults import Fault, Latency
from procore_cli.demo.limits import Limit, Pass, RateLimit
from procore_cli.demo.wire import Answer, Call, new_errors
from procore_cli.environments import DEMO_TOKEN_LIFETIME_S

_TOO_MANY = "Too many calls: the rate limit is used up. Wait until it resets."


class Conditions:
    """May be changed at any time, from any thread."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        lifetime_s: int = DEMO_TOKEN_LIFETIME_S,
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
