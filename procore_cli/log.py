"""What the folders below a command have to say: the command's console hears it, else a Python program's log.

Where the program has set no logging up, Python itself shows the warnings on stderr, as the commands do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from procore_cli.console import Console, one_line

if TYPE_CHECKING:
    from logging import Logger


class LogConsole(Console):
    """Talks to the logger `procore_cli`; what it has said once it does not say again."""

    def say(self, text: str, advice: str = "") -> None:
        """What a person may wonder about, such as waiting for the keyring."""
        self.warn_once(text, advice)

    def warn(self, text: str, advice: str = "") -> None:
        """What a person should act on."""
        _find_logger().warning("%s", one_line(f"{text} {advice}" if advice else text))

    def trace(self, text: str) -> None:
        """A step, for whoever looks for one."""
        _find_logger().debug("%s", one_line(text))


# One for the program, so that a loop hears a thing once.
LOG_CONSOLE = LogConsole()

_console: Console = LOG_CONSOLE


@contextmanager
def heard_by(console: Console) -> Iterator[None]:
    """Within it, this console hears what is said below, in every thread."""
    global _console
    former, _console = _console, console
    try:
        yield
    finally:
        _console = former


def say(text: str, advice: str = "") -> None:
    """What a person may wonder about, such as waiting for the keyring; `advice` has what is to be typed."""
    _console.say(text, advice)


def warn(text: str, advice: str = "") -> None:
    """What a person should act on; a command says it once."""
    _console.warn_once(text, advice)


def trace(text: str) -> None:
    """A step, for `--debug`."""
    _console.trace(text)


@contextmanager
def phase(name: str) -> Iterator[None]:
    """How long a part of a command takes, failed or not, for `--debug`; decorates a function as well."""
    started = time.monotonic() if _console.debug else None
    try:
        yield
    finally:
        if started is not None:
            trace(f"phase: {name} took {(time.monotonic() - started) * 1000:.0f} ms")


def _find_logger() -> Logger:
    # Takes as long as a third of a bare Python's start; a command never needs it.
    import logging

    return logging.getLogger("procore_cli")
