"""What signals do to a command, above all while a code or a refresh token is sent and its answer is not kept.

A command holds them back then; a Python program's handlers are not touched (threads.in_own_thread).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from procore_cli.errors import ProcoreLoginError

if TYPE_CHECKING:
    from procore_cli.console import Console
    from procore_cli.threads import Shield

T = TypeVar("T")

_FIRST_WORD = "This ends as soon as the new tokens are kept. Ctrl-C again ends it at once, and may lose them."


def new_command_shield(console: Console) -> Shield:
    """The shield of the command line: this process ends when it has kept what it was sent."""

    def shield(work: Callable[[], T], /) -> T:
        with holding_signals(console):
            return work()

    return shield


@contextmanager
def holding_signals(console: Console) -> Iterator[None]:
    """Within it the first SIGINT, SIGTERM or SIGHUP waits for its end, and then does what it always does.

    On a terminal the person is told so; a second Ctrl-C is let through. What is ignored stays ignored.
    """
    held: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in held:
            raise KeyboardInterrupt
        held.append(number)
        if len(held) == 1 and console.is_on_terminal:
            console.say(_FIRST_WORD)

    try:
        with handling(hold, _list_heeded()):
            try:
                yield
            except ProcoreLoginError as error:
                if held:
                    # The signal ends the process before anybody else could tell.
                    console.fail(error)
                raise
    finally:
        if held:
            signal.raise_signal(held[0])


def _list_heeded() -> list[signal.Signals]:
    if threading.current_thread() is not threading.main_thread():
        # Signals reach the main thread alone.
        return []
    held = find_signals("SIGINT", "SIGTERM", "SIGHUP")
    return [number for number in held if signal.getsignal(number) not in (signal.SIG_IGN, None)]


@contextmanager
def dying_cleanly() -> Iterator[None]:
    """SIGTERM and SIGHUP end the process once the block is left: no draft stays, and no hidden cursor."""
    # What nohup ignores stays ignored.
    numbers = [each for each in find_signals("SIGTERM", "SIGHUP") if signal.getsignal(each) == signal.SIG_DFL]
    try:
        with handling(raise_signal_error, numbers):
            yield
    except SignalError as error:
        signal.raise_signal(error.number)


class SignalError(BaseException):
    """A signal that leaves the block it came in; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def raise_signal_error(number: int, _frame: FrameType | None) -> None:
    """The handler that raises SignalError."""
    raise SignalError(number)


@contextmanager
def handling(
    handler: signal.Handlers | Callable[[int, FrameType | None], None], numbers: Iterable[signal.Signals]
) -> Iterator[None]:
    """Within it these signals are the handler's."""
    formers = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in formers.items():
            signal.signal(number, former)


def find_signals(*names: str) -> list[signal.Signals]:
    """Those that this system has."""
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]
