"""The tabs that are on their way to `/home`, counted; refuses to know who they are."""

from __future__ import annotations

import threading

# Tabs that were told at the same moment come at the same moment; nobody may notice the wait for the others.
_OTHERS_S = 0.15


class Visits:
    """How many tabs were sent to `/home`, and how many got it; safe to share by threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._expected = 0
        self._arrived = 0

    def expect(self) -> None:
        """A tab is being sent there."""
        with self._changed:
            self._expected += 1

    def arrive(self) -> None:
        """A tab has got it."""
        with self._changed:
            self._arrived += 1
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until a tab has got it, for `timeout_s` seconds at most, and a moment for the others.

        Returns whether one did.
        """
        with self._changed:
            came = self._changed.wait_for(lambda: self._arrived > 0, timeout_s)
            if came:
                self._changed.wait_for(lambda: self._arrived >= self._expected, _OTHERS_S)
            return came
