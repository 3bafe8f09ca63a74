"""Waiting for Procore as long as it asks, within what a person allows for a call; refuses to wait longer."""

from __future__ import annotations

from collections.abc import Callable

from procore_cli.client.limits import WAIT_STATUSES, find_wait_s
from procore_cli.client.request import Stream
from procore_cli.render import Teller, is_animated


class Pauses:
    """The pauses of one run: `max_wait_s` is for all those that one call has to make."""

    def __init__(
        self,
        teller: Teller,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        max_wait_s: int,
    ) -> None:
        self._teller = teller
        self._clock = clock
        self._sleep = sleep
        self._max_wait_s = self._left_s = max_wait_s

    def begin(self) -> None:
        """Another call: a list of many pages may wait again and again, as its limit begins anew."""
        self._left_s = self._max_wait_s

    def find_s(self, stream: Stream) -> int | None:
        """How long to wait before the call is repeated; None where it is not to be."""
        wait_s = self.find_asked_s(stream)
        return wait_s if wait_s is not None and wait_s <= self._left_s else None

    def find_asked_s(self, stream: Stream) -> int | None:
        """How long Procore asks to be left alone, allowed or not."""
        return find_wait_s(stream.status, stream.headers, self._clock())

    def wait(self, wait_s: int, status: int) -> None:
        """Wait; a terminal gets a countdown, anything else a line."""
        self._left_s -= wait_s
        if not is_animated(self._teller.stream):
            self._teller.say(f"{_why(status)}: waiting {wait_s} s, as it asks.")
            self._sleep(wait_s)
            return
        for left_s in range(wait_s, 0, -1):
            self._teller.show_wait(f"{_why(status)}: going on in {left_s} s")
            self._sleep(1)
        self._teller.show_wait("")


def is_a_pause(status: int) -> bool:
    """Whether Procore may ask for a pause with this status."""
    return status in WAIT_STATUSES


def _why(status: int) -> str:
    return "Procore's rate limit is reached (429)" if status == 429 else f"Procore is busy ({status})"
