"""Where the callback arrives, from the listener or a paste, and what the browser is told of it.

The first callback that answers our link is kept; refuses to let a later one replace it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from procore_cli.callback.authorization_response import Pairs, is_ours
from procore_cli.errors import (
    ConsentDeniedError,
    ProcoreError,
    ProcoreLoginError,
    RefusedCredentialsError,
    StorageError,
    TokenRefusedError,
    UnreachableError,
    WrongPersonError,
)
from procore_cli.models import Me, User


@dataclass(frozen=True)
class Home:
    """A sign-in that is saved: the user's row, and what `/me` said."""

    row: User
    me: Me


@dataclass(frozen=True)
class Failure:
    """A sign-in that came to nothing: title, what happened, what to do next; what the terminal says."""

    title: str
    message: str
    next_step: str
    detail: str = ""


Outcome = Home | Failure

# From the particular to the general: one sentence for people, before the terminal's.
_SENTENCES: tuple[tuple[type[ProcoreLoginError], str], ...] = (
    (WrongPersonError, "This browser is signed in at Procore as somebody else."),
    (RefusedCredentialsError, "Procore does not accept the app that is set up here. Nothing was saved."),
    (UnreachableError, "Procore cannot be reached from this machine. Nothing was saved."),
    (ProcoreError, "Procore did not complete the sign-in. Nothing was saved."),
    (TokenRefusedError, "Procore did not complete the sign-in. Nothing was saved."),
    (StorageError, "The sign-in could not be kept on this machine."),
    (ProcoreLoginError, "The sign-in could not be completed."),
)


def new_failure(error: ProcoreLoginError, hint: str) -> Failure:
    """What a browser is told of an error that ended the sign-in, with its hint as the terminal has it."""
    if isinstance(error, ConsentDeniedError):
        return Failure("You chose Deny", "Nothing was saved.", hint)
    sentence = next(words for kind, words in _SENTENCES if isinstance(error, kind))
    return Failure("The sign-in did not work", sentence, hint, str(error))


# Tabs that were told at the same moment come at the same moment; nobody may notice the wait for the others.
_OTHERS_S = 0.15


class PendingCallback:
    """One sign-in's callback on its way in, and its outcome on the way back; safe to share by threads."""

    def __init__(self, state: str, *, bare_code: bool = False) -> None:
        """`state` is that of our link; with `bare_code` a code alone will do."""
        self._state = state
        self._bare_code = bare_code
        self._changed = threading.Condition()
        self._pairs: Pairs | None = None
        self._why_in_vain: Exception | None = None
        self._outcome: Outcome | None = None
        self._sent_home = self._came_home = 0

    def recognizes(self, pairs: Pairs) -> bool:
        """Whether `offer` would take these parameters; changes nothing."""
        return is_ours(pairs, self._state, bare_code=self._bare_code)

    def offer(self, pairs: Pairs) -> bool:
        """Hand in a callback's parameters, decoded and in order; returns whether they are ours."""
        if not self.recognizes(pairs):
            return False
        with self._changed:
            if self._pairs is None:
                self._pairs = list(pairs)
                self._changed.notify_all()
        return True

    def give_up(self, error: Exception) -> None:
        """Nobody will come any more: `wait` raises this, unless the callback is there already."""
        with self._changed:
            self._why_in_vain = error
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> Pairs | None:
        """Wait for the callback and return its parameters, or None after `timeout_s` seconds.

        Raises what `give_up` was told.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._pairs or self._why_in_vain, timeout_s)
            if self._why_in_vain is not None and self._pairs is None:
                raise self._why_in_vain
            return self._pairs

    def finish(self, outcome: Outcome) -> None:
        """Say how the sign-in ended; the first outcome stays."""
        with self._changed:
            if self._outcome is None:
                self._outcome = outcome
                self._changed.notify_all()

    def outcome(self, timeout_s: float) -> Outcome | None:
        """Wait for `finish` and return what it was told, or None after `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._outcome is not None, timeout_s)
            return self._outcome

    def send_home(self) -> None:
        """A tab is being sent to `/home`."""
        with self._changed:
            self._sent_home += 1

    def come_home(self) -> None:
        """A tab has got `/home`."""
        with self._changed:
            self._came_home += 1
            self._changed.notify_all()

    def wait_for_home(self, timeout_s: float) -> bool:
        """Wait until a tab has got `/home`, for `timeout_s` seconds at most, and a moment for other tabs.

        Returns whether one did.
        """
        with self._changed:
            came = self._changed.wait_for(lambda: self._came_home > 0, timeout_s)
            if came:
                self._changed.wait_for(lambda: self._came_home >= self._sent_home, _OTHERS_S)
            return came
