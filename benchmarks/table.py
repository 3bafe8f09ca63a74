"""A table of what was measured, as Markdown that reads well on a terminal too; refuses to round for looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A title, a head, rows of texts, and what there is to say below them."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def draw(self) -> str:
        """The table, its columns in line: the first to the left, the others to the right."""
        everything = [self.head, *self.rows]
        widths = [max(len(row[column]) for row in everything) for column in range(len(self.head))]
        rule = [
            "-" * width if number == 0 else "-" * (width - 1) + ":" for number, width in enumerate(widths)
        ]
        lines = [_line(row, widths) for row in (self.head, rule, *self.rows)]
        return "\n".join(
            [f"### {self.title}", "", *lines, *(line for note in self.notes for line in ("", note))]
        )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        text.ljust(width) if number == 0 else text.rjust(width)
        for number, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join([first, *others])} |"
