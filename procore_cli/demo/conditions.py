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
    """May be changed at any time, from any thread; `wait` takes seconds."""

    def __init__(
        self,
        *,
        lifetime_s: int = DEMO_TOKEN_LIFETIME_S,
        faults: Iterable[Fault] = (),
        latencies: Iterable[Latency] = (),
        limits: Iterable[Limit] = (),
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.lifetime_s = lifetime_s
        self.faults = list(faults)
        self.latencies = list(latencies)
        self.limits = tuple(limits)
        self._rate: RateLimit | None = None
        self._rated: tuple[Limit, ...] = ()
        self._over = threading.Event()
        self._wait = wait or self._over.wait

    def begin(self) -> None:
        """Delays are kept from now on."""
        self._over.clear()

    def end(self) -> None:
        """Whoever is being delayed is let go."""
        self._over.set()

    def delay(self, call: Call) -> None:
        """Wait as long as this call has to: for the last of the delays that mean it."""
        meant = [it.seconds for it in self.latencies if it.target is None or it.target.fits(call)]
        if meant and meant[-1] > 0:
            self._wait(meant[-1])

    def find_fault(self, call: Call) -> Answer | None:
        """The answer of the first fault that means this call, used up by one."""
        for fault in [*self.faults]:
            answer = fault.claim(call)
            if answer is not None:
                return answer
        return None

    def take_pass(self, call: Call, clock: Callable[[], float]) -> Pass | None:
        """Count a call of the API against the rate limit; None where there is no limit."""
        if not self.limits or not call.path.startswith("/rest/"):
            return None
        if self._rate is None or self._rated != self.limits:
            self._rate, self._rated = RateLimit(self.limits, clock), self.limits
        return self._rate.take()


def new_too_many(refused: Pass) -> Answer:
    """The 429 of a rate limit."""
    return new_errors(429, [_TOO_MANY], ("Retry-After", str(refused.wait_s)))
