"""Receives the browser: listener, paste and link together, for one sign-in, and the words about them.

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
from procore_cli.callback import sockets
from procore_cli.callback.authorization_response import Pairs
from procore_cli.callback.browser import Place
from procore_cli.callback.paste import Paster, can_paste
from procore_cli.callback.pending import Home, PendingCallback, new_failure
from procore_cli.callback.server import Listener
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

# What a container needs so that the browser of its host finds the listener.
_ON_HOSTS_NETWORK = "docker run -it --user $(id -u) --network host -e PROCORE_LOGIN_HOME=/tmp/procore-login"
HOME_TIMEOUT_S = 2
SILENCE_S = 30
# On Windows a wait on a lock cannot be interrupted: Ctrl-C is seen between two of these.
_TICK_S = 0.2
_MOST_UIDS = 3


@dataclass(frozen=True)
class Guidance:
    """The words for one sign-in: where it runs, whether it listens, and whether a paste is possible."""

    redirect: RedirectUri
    place: Place
    listens: bool
    pastes: bool

    def before_link(self, *, is_opened: bool) -> str | None:
        """What must be known before the link is followed, or None."""
        if not self.redirect.on_loopback or (is_opened and self.place is not Place.SSH):
            return None
        fails = f"the browser will fail to load {self.redirect.text}"
        match self.place:
            case Place.SSH:
                return f"You are connected over SSH: at the end {fails}. {self._paste_or_forward()}"
            case Place.WSL:
                back = " It finds its way back here by itself." if self.listens else ""
                return (
                    f"This is WSL: open the link in the browser of Windows.{back}"
                    " With wslu installed, --browser wslview opens it for you."
                )
            case Place.CONTAINER:
                paste = " Or paste its address here." if self.pastes else ""
                return (
                    f"This looks like a container: at the end {fails}, unless the container uses"
                    f" the host's network as the user whose browser it is ({_ON_HOSTS_NETWORK})"
                    f" or an editor forwards port {self.redirect.port}.{paste}"
                )
            case Place.NO_DISPLAY:
                return (
                    f"There is no display here: if you open the link on another machine, {fails} at the end."
                    f" {self._paste_or_forward()}"
                )
            case Place.DESK:
                return None

    def portal(self) -> str:
        """What to look at when Procore shows an error page; without a full stop."""
        return (
            "If Procore shows an error page, the redirect URI in the portal must be exactly"
            f" {self.redirect.text}"
        )

    def foreign(self) -> str:
        """What to do where another user's connection was refused; without a full stop."""
        way = (
            f"run the container with {_ON_HOSTS_NETWORK}"
            if self.place is Place.CONTAINER
            else "run the command as the user whose browser it is"
        )
        return f"If that was your browser, {way}, or paste the address that it ended on"

    def paste(self) -> str:
        """What to paste."""
        if self.redirect.is_oob:
            return "Then paste the code that Procore shows here."
        if self.listens:
            return "If the page cannot be loaded at the end, paste its address here."
        return "At the end, paste the address of the page here, even if it cannot be loaded."

    def _paste_or_forward(self) -> str:
        port = self.redirect.port
        forward = f"orward the port first: ssh -L {port}:localhost:{port} ..."
        if not self.listens:
            return "Paste its address here."
        return f"Paste its address here, or f{forward}" if self.pastes else f"F{forward}"


class Opener(Protocol):
    """Whoever can be sent to a link: a browser, or the embedded Procore's visitor."""

    @property
    def name(self) -> str:
        """What the person is told is opening the link."""

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
        opener = self._opener if self._opener is not None and self._opener.open(self._link) else None
        hint = self._guidance().before_link(is_opened=opener is not None)
        if hint:
            self._console.say(hint)
        if opener is not None:
            self._console.say(f"Opening this link with {opener.name}; if nothing happens, open it yourself:")
        else:
            self._console.say("Open this link in a browser:")
        self._console.link(self._link)
        if self._paster is not None:
            self._paster.start()

    @log.phase("waiting for the browser")
    def wait(self) -> Pairs:
        """Wait for the callback and return its parameters. Raises SignInTimedOutError."""
        timeout_s = self._browser_options.timeout_s
        end = self._clock() + timeout_s
        # Whoever comes at once, as most do, need not read about pasting.
        paste_hint_at_s: float | None = (1 if self._listener else 0) if self._paster else None
        try:
            while (left_s := end - self._clock()) > 0:
                waited_s = timeout_s - left_s
                if paste_hint_at_s is not None and waited_s >= paste_hint_at_s:
                    paste_hint_at_s = None
                    self._say_hint(self._guidance().paste(), left_s)
                if waited_s >= SILENCE_S and not self._is_silence_explained:
                    self._explain_silence(left_s)
                # While a paste is possible nothing moves: what is drawn would get between what is typed.
                if self._paster is None:
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
            explained = _with_holder(error, self._redirect.port)
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
        if not self._asking.is_alive():
            self._is_silence_explained = True
            unreached = f"{self._trouble} Still waiting: your browser may reach it."
            self._say_hint(unreached if self._trouble else f"{self._guidance().portal()}.", left_s)

    def _ask_login_host(self, reach: Callable[[], None]) -> None:
        # A bug in there is no reason to end a sign-in.
        with contextlib.suppress(Exception):
            try:
                reach()
            except ProcoreLoginError as error:
                # What was or was not sent is nothing that the person has asked for.
                self._trouble = error.message.removesuffix(" Nothing was sent.")

    def _say_hint(self, hint: str, left_s: float) -> None:
        self._console.say(f"{hint} {_time_left(left_s)}" if self._paster else hint)

    def _new_timeout_error(self) -> SignInTimedOutError:
        message = f"Nobody came back from {self._environment} within {self._browser_options.timeout_s:g} s"
        if self._listener and self._listener.refused_uids:
            uids = ", ".join(str(uid) for uid in sorted(self._listener.refused_uids)[:_MOST_UIDS])
            return SignInTimedOutError(
                f"{message}; a connection of another user (uid {uids}) was refused meanwhile.",
                f"{self._guidance().foreign()}.",
                environment=self._environment,
            )
        if self._trouble is not None:
            doctor = f"See what stands in the way: {command('doctor', self._environment)}"
            return SignInTimedOutError(f"{message}: {self._trouble}", doctor, environment=self._environment)
        return SignInTimedOutError(
            f"{message}.",
            f"{self._guidance().portal()}; then run the command again (--timeout waits longer).",
            environment=self._environment,
        )

    def _guidance(self) -> Guidance:
        return Guidance(
            self._redirect, self._place, listens=self._listener is not None, pastes=self._paster is not None
        )

    def _nobody_can_paste(self) -> SignInNeededError:
        return SignInNeededError(
            f"Signing in to {self._environment} this way means pasting an address, which takes a terminal.",
            "Run the command in a terminal; or without --paste, and with a redirect URI such as"
            " http://localhost:4567/callback.",
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


def _with_holder(error: PortTakenError, port: int) -> PortTakenError:
    holder = sockets.find_port_holder(port)
    return error if holder is None else error.reworded(f"{error.message} {holder.describe()}")


def _time_left(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02} min left."
