"""Help on a narrow terminal: an option above its explanation, where click would break every word of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

from procore_cli.render import find_columns

_NARROW_COLUMNS = 60
_NARROWEST_COLUMNS, _WIDEST_COLUMNS = 40, 100
# As wide as a hyphen, and no place to break a line.
_STAND_IN = "\x00"


class Formatter(click.HelpFormatter):
    """As click's where there is room for two columns, and with no word broken at its hyphen."""

    def write_text(self, text: str) -> None:
        """A paragraph. What is to be typed is full of hyphens."""
        written = len(self.buffer)
        super().write_text(text.replace("-", _STAND_IN))
        self.buffer[written:] = [piece.replace(_STAND_IN, "-") for piece in self.buffer[written:]]

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Names and what they mean, with click's ranges in words."""
        rows = [(name, _in_words(meaning)) for name, meaning in rows]
        if self.width >= _NARROW_COLUMNS:
            super().write_dl(rows, col_max, col_spacing)
            return
        for name, meaning in rows:
            self.write_text(name)
            self.indent()
            self.write_text(meaning)
            self.dedent()


def _in_words(meaning: str) -> str:
    meaning = re.sub(r"\b(\d+)<=x<=(\d+)\]", r"\1 to \2]", meaning)
    return re.sub(r"\bx>=(\d+)\]", r"\1 or more]", meaning)


class Context(click.Context):
    """What makes click use it."""

    def make_formatter(self) -> click.HelpFormatter:
        """One as wide as the terminal, within what can be read."""
        return Formatter(width=find_columns(_NARROWEST_COLUMNS, _WIDEST_COLUMNS) - 1)


def lay_out(command: click.Command) -> click.Command:
    """The command, and those in it, with help that fits."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    for one in (command, *inner):
        one.context_class = Context
    return command
