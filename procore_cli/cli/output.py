"""What a program or a person reads on stdout: profiles, tables, JSON.

Text from outside is shown with control characters escaped and is never read as markup.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from procore_cli.console import lay_out, new_rich_console, shown, without_marks
from procore_cli.errors import OutputError
from procore_cli.models import Profile, utc

if TYPE_CHECKING:
    from datetime import datetime

_UNBOUNDED = 10_000
_NARROWEST = 20
# A panel's two edges, each with a space.
_FRAME = 4
_MARKS = {"ok": ("\u2713", "green"), "warning": ("!", "magenta"), "failed": ("\u2717", "red")}
_PLAIN_MARKS = {"ok": "ok", "warning": "!", "failed": "x"}
# A tab or a line break inside a value would end the cell.
_IN_A_CELL = {ord("\t"): "\\t", ord("\n"): "\\n"}


def print_profile(profile: Profile, *, as_json: bool, now: float, **extra: object) -> None:
    """The profile on stdout: one line of JSON, a drawn table on a terminal, or tab-separated lines."""
    if as_json:
        print_json({**profile_json(profile), **extra})
    else:
        print_table(_profile_rows(profile, now), title=f"Procore {profile.environment}")


def profile_json(profile: Profile) -> dict[str, Any]:
    """The profile as the contract's JSON object."""
    end = profile.expires_at
    return profile._asdict() | {"expires_at": None if end is None else utc(end.timestamp())}


def print_json(value: Mapping[str, Any]) -> None:
    """One object on one line; ASCII, so that no output encoding can spoil it."""
    import json

    print_line(json.dumps(value))


def print_line(line: str) -> None:
    """A line of data on stdout. Raises OutputError."""
    if sys.stdout is None:
        raise OutputError("Standard output is closed.", "Run the command with an open standard output.")
    sys.stdout.write(line + "\n")


def print_table(rows: list[tuple[str, str]], title: str) -> None:
    """Labels and values on stdout: drawn on a terminal, tab-separated elsewhere."""
    if sys.stdout is not None and sys.stdout.isatty():
        _draw(rows, title)
        return
    for label, value in rows:
        print_line(f"{label}\t{_in_a_cell(value)}")


def print_columns(names: list[str], rows: list[list[str]]) -> None:
    """Rows of cells on stdout: drawn under their columns' names on a terminal, tab-separated elsewhere."""
    if sys.stdout is not None and sys.stdout.isatty():
        _draw_columns(names, rows)
        return
    for row in rows:
        print_line("\t".join(map(_in_a_cell, row)))


def _in_a_cell(text: str) -> str:
    return shown(text).translate(_IN_A_CELL)


def print_check(status: str, name: str, detail: str, fix: str) -> None:
    """A line of `doctor` on stdout: marked and wrapped on a terminal, tab-separated elsewhere.

    `status` is ok, warning or failed. Words are never broken, so that what is to be typed can be copied.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        print_columns([], [[status, name, detail, without_marks(fix)]])
        return
    from rich.text import Text

    console = new_rich_console(sys.stdout)
    mark, style = _MARKS[status]
    mark = mark if _can_show(mark) else _PLAIN_MARKS[status]
    indent, width = " " * (len(mark) + 1), max(console.width - 1, _NARROWEST)
    lines = lay_out(_in_a_cell(f"{name}: {detail}"), "", width, first=indent, indent=f"{indent}  ")
    if fix:
        lines += lay_out("Fix:", _in_a_cell(fix), width, first=indent, indent=f"{indent}  ")
    first = Text.assemble((mark, style), lines[0][len(mark) :])
    for line in (first, *map(Text, lines[1:])):
        console.print(line, soft_wrap=True)


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _drawable(text: str) -> str:
    """As `shown`; what the terminal's encoding lacks is escaped before rich measures how wide it is."""
    encoding = sys.stdout.encoding or "ascii"
    return shown(text).encode(encoding, "backslashreplace").decode(encoding, "replace")


def time_left(expires_at: int | None, now: float) -> str:
    """How long an access token still lives at `now` (both seconds, UTC), as briefly as a table needs it."""
    if expires_at is None:
        return "until refused"
    return lifetime(expires_at - now)


def lifetime(seconds: float) -> str:
    """How long a token still lives, in words."""
    minutes = int(seconds) // 60
    if seconds <= 0:
        return "expired"
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _profile_rows(profile: Profile, now: float) -> list[tuple[str, str]]:
    return [
        ("Name", profile.name or "-"),
        ("E-mail", profile.email or "-"),
        ("Procore id", str(profile.procore_id)),
        ("Row id", "-" if profile.id is None else str(profile.id)),
        ("Environment", profile.environment),
        *([("Kind", "service account")] if profile.kind == "service" else []),
        *([("Company", str(profile.company))] if profile.company is not None else []),
        ("Token", _token_life(profile.expires_at, now)),
    ]


def _token_life(end: datetime | None, now: float) -> str:
    if end is None:
        return "valid until Procore refuses it"
    expires_at = end.timestamp()
    if expires_at <= now:
        return f"expired at {utc(expires_at)}"
    return f"valid for {lifetime(expires_at - now)} (until {utc(expires_at)})"


def _draw(rows: list[tuple[str, str]], title: str) -> None:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(label, Text(_drawable(value)))
    console, head = new_rich_console(sys.stdout), Text(_drawable(title))
    least = console.measure(grid, options=console.options.update(max_width=_UNBOUNDED)).minimum
    if least <= console.width < least + _FRAME:
        # Without the frame no word has to be broken.
        console.print(head, grid, sep="\n")
        return
    console.print(Panel.fit(grid, title=head, title_align="left", padding=(0, 1)))


def _draw_columns(names: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_drawable(cell)) for cell in row))
    console = new_rich_console(sys.stdout)
    if console.measure(table, options=console.options.update(max_width=_UNBOUNDED)).maximum <= console.width:
        console.print(table)
        return
    # A table that does not fit would break words and numbers: one panel a row instead.
    for row in rows:
        named = list(zip(names, row, strict=True))
        marks = [cell for name, cell in named[1:] if cell and not name]
        _draw([(name, cell) for name, cell in named[1:] if name], " ".join([row[0], *marks]))
