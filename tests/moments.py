"""The clock of every command that runs in the test's own process, set by the test; sleeps never."""

import time
from dataclasses import dataclass

import pytest

from procore_cli import context

NOW = 1_800_000_000
# What the provider of the tests issues.
LIFETIME_S = 5400
YEAR_S = 365 * 86_400


@dataclass
class Clock:
    """Seconds (UTC); `step_s` is what the clock gains each time that it is read."""

    now: float = NOW
    step_s: float = 0

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now


def set_clock(patch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands at NOW until the test moves it."""
    clock = Clock()
    defaults = context.open_context.__wrapped__.__kwdefaults__  # type: ignore[attr-defined]
    patch.setitem(defaults, "clock", clock)
    return clock


def pass_time(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """So many seconds have gone by for the commands that run from here on."""
    defaults = context.open_context.__wrapped__.__kwdefaults__  # type: ignore[attr-defined]
    patch.setitem(defaults, "clock", lambda: time.time() + seconds)
