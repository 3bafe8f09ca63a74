"""What must not be cut off: from the sending of a code or a refresh token until its answer is kept.

A command holds signals back meanwhile; a Python program's handlers are not touched (threads.in_own_thread).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from procore_cli.errors import ProcoreLoginError

if TYPE_CHECKING:
    from procore_cli.console import Console
    from procore_cli.threads import Shield

T = TypeVar("T")

_HELD = ("SIGINT", "SIGTERM", "SIGHUP")
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

    formers = {number: signal.signal(number, hold) for number in _list_heeded()}
    try:
        yield
    except ProcoreLoginError as error:
        if held:
            # The signal ends the process before anybody else could tell.
            console.fail(error)
        raise
    finally:
        for number, former in formers.items():
            signal.signal(number, former)
        if held:
            signal.raise_signal(held[0])


def _list_heeded() -> list[int]:
    if threading.current_thread() is not threading.main_thread():
        # Signals reach the main thread alone.
        return []
    numbers = [signal.Signals[name] for name in _HELD if name in signal.Signals.__members__]
    return [number for number in numbers if signal.getsignal(number) not in (signal.SIG_IGN, None)]
