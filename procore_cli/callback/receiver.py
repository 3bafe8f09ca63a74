"""Receives the browser: listener, paste and link together, for one sign-in.

Decides which ways are open on this machine, and refuses to know what the callback means.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from procore_cli import log
from procore_cli.callback.authorization_response import Pairs
from procore_cli.callback.browser import Place
from procore_cli.callback.guidance import Guidance
from procore_cli.callback.paste import Paster, can_paste
from procore_cli.callback.pending import Home, PendingCallback, new_failure
from procore_cli.callback.ports import with_holder
from procore_cli.callback.server import Listener
from procore_cli.config.environments import DEFAULT_REDIRECT_URI
from procore_cli.config.urls import RedirectUri
from procore_cli.console import Console
from procore_cli.errors import (
    NoThreadError,
    PortTakenError,
    ProcoreLoginError,
    SignInNeededError,
    SignInTimedOutError,
)
from procore_cli.models import command
from procore_cli.threads import start

HOME_TIMEOUT_S = 2
SILENCE_S = 30
# On Windows a wait on a lock cannot be interrupted: Ctrl-C is seen between two of these.
_TICK_S = 0.2
_MOST_UIDS = 3


class Opener(Protocol):
    """Whoever can be sent to a link: a browser, or the embedded Procore's visitor."""

    @property
    def name(self) -> str:
        """What the person is told is opening the link."""

    @property
    def signs_in_itself(self) -> bool:
        """Whether nobody is needed, so that nobody is asked for anything."""

    def open(self, url: str) -> bool:
        """Go there, without waiting; whether that could be started."""


@dataclass(frozen=True)
class BrowserOptions:
    """What the person asked for: how to show the link, how to bring the answer back, how long to wait."""

    timeout_s: float = 300
    paste: bool = False
    browser: str | None = None
    no_browser: bool = False


class CallbackReceiver:
    """One sign-in's way out to the browser and back; a context manager that frees the port at its end."""

    def __init__(
        self,
        redirect: RedirectUri,
        link: str,
        pending: PendingCallback,
        browser_options: BrowserOptions,
        opener: Opener | None,
        console: Console,
        environment: str,
        place: Place,
        clock: Callable[[], float] = time.monotonic,
        reach: Callable[[], None] | None = None,
    ) -> None:
        """`reach` raises where Procore's login host does not answer; None where that is not in question."""
        self._redirect = redirect
        self._link = link
        self._pending = pending
        self._browser_options = browser_options
        self._opener = opener
        self._console = console
        self._environment = environment
        self._place = place
        self._clock = clock
        self._reach = reach
        self._asking: threading.Thread | None = None
        self._trouble: str | None = None
        self._is_silence_explained = False
        self._late_advice = ""
        self._listener: Listener | None = None
        self._paster: Paster | None = None
        self._was_pasted = False
        self._open = contextlib.ExitStack()

    def __enter__(self) -> CallbackReceiver:
        """Open every way back before the browser opens. Raises PortTakenError, SignInNeededError."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._open.close)
            terminal = _find_terminal()
            if self._redirect.on_loopback and not self._browser_options.paste:
                self._listen(may_paste=terminal is not None)
            if self._listener is None and self._visitor:
                # It would come back to nobody, or to another program.
                self._opener = None
            if self._visitor:
                # Nobody is asked for anything.
                terminal = None
            if terminal is not None:
                self._paster = Paster(terminal, self._redirect, self._offer_pasted)
                self._open.callback(self._paster.stop)
            elif self._listener is None:
                raise self._nobody_can_paste()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def invite(self) -> None:
        """Show the link, and open it where that is possible."""
        visitor = self._visitor
        if visitor is not None and visitor.open(self._link):
            # The link is not shown: it leads nowhere once the visit is over.
            self._console.say(f"{visitor.name} signs in by itself, since no browser can be opened here.")
            return
        opener = self._opener if self._opener is not None and self._opener.open(self._link) else None
        guidance = self._guidance()
        hint = guidance.before_link(is_opened=opener is not None)
        if hint:
            self._console.say("", hint)
        if opener is not None:
            self._console.say(f"Opening this link with {opener.name}; if nothing happens, open it yourself:")
        else:
            self._console.say("Open this link in a browser:")
        self._console.link(self._link)
        if self._paster is not None:
            # Over SSH and without a display it is said already.
            advice = "" if hint and self._place is not Place.WSL else guidance.paste()
            if advice and (opener is None or self._listener is None):
                left = _time_left(self._browser_options.timeout_s)
                self._console.say(f"{advice} {left}")
            else:
                # Whoever comes back by themselves, as most do, need not read about it.
                self._late_advice = advice
            self._paster.start()

    @log.phase("waiting for the browser")
    def wait(self) -> Pairs:
        """Wait for the callback and return its parameters. Raises SignInTimedOutError."""
        timeout_s = self._browser_options.timeout_s
        end = self._clock() + timeout_s
        try:
            while (left_s := end - self._clock()) > 0:
                if timeout_s - left_s >= SILENCE_S and not self._is_silence_explained:
                    self._explain_silence(left_s)
                # While a paste is possible nothing moves: what is drawn would get between what is typed.
                if self._paster is None and self._visitor is None:
                    self._console.show_wait(f"Waiting for the browser. {_time_left(left_s)}")
                pairs = self._pending.wait(min(left_s, _TICK_S))
                if pairs is not None:
                    return pairs
        finally:
            self._console.show_wait("")
        raise self._new_timeout_error()

    @log.phase("answer to the browser")
    def succeed(self, home: Home) -> None:
        """Send the browser on to `/home`, and give it the time to get there."""
        self._pending.finish(home)
        # After a paste no browser waits here for anything.
        if self._listener and not self._was_pasted:
            self._pending.wait_for_home(HOME_TIMEOUT_S)

    @contextlib.contextmanager
    def showing_errors(self) -> Iterator[None]:
        """An error in here is shown in the browser too, before it goes on."""
        try:
            yield
        except ProcoreLoginError as error:
            hint = self._console.shorten(error.hint)
            self._pending.finish(new_failure(error.happened_in(self._environment), hint))
            raise

    def _listen(self, *, may_paste: bool) -> None:
        listener = Listener(self._redirect, self._link, self._pending, self._environment)
        try:
            self._listener = self._open.enter_context(listener)
        except PortTakenError as error:
            explained = with_holder(error, self._redirect.port)
            if not may_paste:
                raise explained from None
            self._console.warn(explained.message)

    def _offer_pasted(self, pairs: Pairs) -> bool:
        accepted = self._pending.offer(pairs)
        self._was_pasted = self._was_pasted or accepted
        return accepted

    def _explain_silence(self, left_s: float) -> None:
        """What may keep the browser, said as soon as it is known whether the login host answers."""
        if self._asking is None:
            self._asking = threading.Thread(
                target=self._ask_login_host, args=(self._reach,), name="reach", daemon=True
            )
            # Where nobody is to be asked, or no thread to be had, it counts as answering.
            if self._reach is not None:
                with contextlib.suppress(NoThreadError):
                    start(self._asking)
        if self._asking.is_alive():
            return
        self._is_silence_explained = True
        advice = [self._late_advice] if self._late_advice else []
        if self._trouble is None:
            advice.append(self._guidance().portal())
        waiting = f"Still waiting, {_time_left(left_s)}" if self._paster else "Still waiting."
        if self._trouble is not None:
            waiting += f" {self._trouble} Your browser may reach it all the same."
        self._console.say(waiting, " ".join(advice))

    def _ask_login_host(self, reach: Callable[[], None]) -> None:
        # A bug in there is no reason to end a sign-in.
        with contextlib.suppress(Exception):
            try:
                reach()
            except ProcoreLoginError as error:
                # What was or was not sent is nothing that the person has asked for.
                self._trouble = error.message.removesuffix(" Nothing was sent.")

    def _new_timeout_error(self) -> SignInTimedOutError:
        message = f"Nobody came back from {self._environment} within {self._browser_options.timeout_s:g} s"
        again = "Run the command again; `--timeout SECONDS` waits longer."
        if self._listener and self._listener.refused_uids:
            uids = ", ".join(str(uid) for uid in sorted(self._listener.refused_uids)[:_MOST_UIDS])
            message += f"; a connection of another user (uid {uids}) was refused meanwhile."
            hint = self._guidance().foreign()
        elif self._trouble is not None:
            message += f": {self._trouble}"
            hint = f"See what stands in the way: {command('doctor', self._environment)}"
        else:
            message += "."
            hint = f"{again} {self._guidance().portal()}"
        return SignInTimedOutError(message, hint, environment=self._environment)

    @property
    def _visitor(self) -> Opener | None:
        """Whoever needs no person, if that is who goes to the link."""
        return self._opener if self._opener is not None and self._opener.signs_in_itself else None

    def _guidance(self) -> Guidance:
        return Guidance(
            self._redirect, self._place, listens=self._listener is not None, pastes=self._paster is not None
        )

    def _nobody_can_paste(self) -> SignInNeededError:
        otherwise = "or without `--paste`"
        if not self._redirect.on_loopback:
            otherwise = f"or register another redirect URI in the portal, such as `{DEFAULT_REDIRECT_URI}`"
        return SignInNeededError(
            f"Signing in to {self._environment} this way means pasting an address, which takes a terminal.",
            f"Run the command in a terminal, {otherwise}.",
            environment=self._environment,
        )


def _find_terminal() -> int | None:
    """The file descriptor of a standard input that a person can paste into."""
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        # Closed, or replaced by something that is no file.
        return None
    return descriptor if can_paste(descriptor) else None


def _time_left(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02} min left."
