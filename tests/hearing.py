"""What is said below a command, for a test that looks at it: line by line, in order."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

from procore_cli import log
from procore_cli.console import Console


class Listener(Console):
    """Keeps what it hears, each time that it is said."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(io.StringIO())
        self._said = said

    def say(self, text: str, advice: str = "") -> None:
        self._said.append(f"{text} {advice}".strip())

    warn_once = say


@contextmanager
def hearing() -> Iterator[list[str]]:
    """Everything that is said within it, warnings and progress alike."""
    said: list[str] = []
    with log.heard_by(Listener(said)):
        yield said
