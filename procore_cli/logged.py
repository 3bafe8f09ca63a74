"""What a Python program hears of us: records of the logger `procore_cli`; refuses to print.

Where the program has set no logging up, Python itself shows them on stderr, as the commands do.
"""

from __future__ import annotations

import logging

from procore_cli.console import Console, one_line
from procore_cli.errors import ProcoreLoginError

_logger = logging.getLogger("procore_cli")


class LogConsole(Console):
    """Talks to a program's log; what it has said once it does not say again."""

    def say(self, text: str) -> None:
        """What a person may wonder about, such as waiting for the keyring."""
        self.warn_once(text)

    def warn(self, text: str) -> None:
        """What a person should act on."""
        _logger.warning("%s", one_line(text))

    def link(self, url: str) -> None:
        """Nothing here opens a browser."""

    def show_wait(self, text: str) -> None:
        """Nothing is drawn."""

    def trace(self, text: str) -> None:
        """A step, for whoever looks for one."""
        _logger.debug("%s", one_line(text))

    def fail(self, error: ProcoreLoginError) -> None:
        """An error is raised, not told."""


# One for the program, so that a loop hears a thing once.
LOG_CONSOLE = LogConsole()
