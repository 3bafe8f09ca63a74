"""What a program or a person reads on stdout: profiles, tables, JSON.

Text from outside is shown with control characters escaped and is never read as markup.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from procore_cli.console import lay_out, new_rich_console, shown, without_marks
from procore_cli.errors import OutputError
from procore_cli.models import Profile, utc

_UNBOUNDED = 10_000
_DAY_S = 86_400
_LONGEST_ZONE = 5
# What lasts of a sign-in, as long as Procore does not refuse the refresh token.
SIGNED_IN = "signed in; the token renews itself"
_NARROWEST = 20
# A panel's two edges, each with a space.
_FRAME = 4
_MARKS = {"ok": ("\u2713", "green"), "warning": ("!", "magenta"), "failed": ("\u2717", "red")}
_PLAIN_MARKS = {"ok": "ok", "warning": "!", "failed": "x"}
# A tab or a line break inside a value would end the cell.
_IN_A_CELL = {ord("\t"): "\\t", ord("\n"): "\\n"}


def is_drawn() -> bool:
    """Whether stdout is a terminal, which a person reads."""
    return sys.stdout is not None and sys.stdout.isatty()


def print_profile(
    profile: Profile, *, as_json: bool, now: float, shows_token: bool = True, **extra: object
) -> None:
    """The profile on stdout: one line of JSON, a drawn table on a terminal, or tab-separated lines.

    Without `shows_token` a terminal is not told when the access token ends.
    """
    if as_json:
        print_json({**profile_json(profile), **extra})
        return
    rows = _list_for_person(profile, now, shows_token=shows_token) if is_drawn() else _list(profile, now)
    print_table(rows, title=f"Procore {profile.environment}")


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
    if is_drawn():
        _draw(rows, title)
        return
    for label, value in rows:
        print_line(f"{label}\t{_in_a_cell(value)}")


def print_columns(names: list[str], rows: list[list[str]]) -> None:
    """Rows of cells on stdout: drawn under their columns' names on a terminal, tab-separated elsewhere."""
    if is_drawn():
        _draw_columns(names, rows)
        return
    for row in rows:
        print_line("\t".join(map(_in_a_cell, row)))


def _in_a_cell(text: str) -> str:
    return shown(text).translate(_IN_A_CELL)


def print_check(status: str, name: str, detail: str, fix: str) -> None:
    """A line of `doctor` on stdout: marked and wrapped on a terminal, tab-separated elsewhere.

    `status` is ok, warning or failed. No command of the fix is broken, so that it can be copied.
    """
    if not is_drawn():
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


def local_time(seconds: float, now: float) -> str:
    """A time as people here read it, with its zone; with its day unless it is within a day of `now`."""
    try:
        local = time.localtime(seconds)
    except (OverflowError, OSError, ValueError):
        return utc(seconds)
    zone = local.tm_zone
    if not (zone.isascii() and zone.isalpha() and len(zone) <= _LONGEST_ZONE):
        # Windows has names of several words, and some zones have none.
        hours, minutes = divmod(abs(local.tm_gmtoff) // 60, 60)
        zone = f"{'-' if local.tm_gmtoff < 0 else '+'}{hours:02}:{minutes:02}"
    day = "" if abs(seconds - now) < _DAY_S else "%Y-%m-%d "
    return time.strftime(f"{day}%H:%M {zone}", local)


def _list(profile: Profile, now: float) -> list[tuple[str, str]]:
    end = None if profile.expires_at is None else profile.expires_at.timestamp()
    token = "valid until Procore refuses it"
    if end is not None:
        left_s = end - now
        token = f"valid for {lifetime(left_s)} (until {utc(end)})" if left_s > 0 else f"expired at {utc(end)}"
    who, about = _list_identity(profile)
    return [
        *who,
        ("Row id", "-" if profile.id is None else str(profile.id)),
        ("Environment", profile.environment),
        *about,
        ("Token", token),
    ]


def _list_for_person(profile: Profile, now: float, *, shows_token: bool) -> list[tuple[str, str]]:
    """What lasts first: most need not know when the access token ends."""
    who, about = _list_identity(profile)
    rows = [*who, *about]
    # What has no row is from elsewhere, or this process's alone.
    if profile.id is not None:
        rows.append(("Status", SIGNED_IN))
    if profile.id is None and profile.expires_at is None:
        rows.append(("Token", "valid until Procore refuses it"))
    elif profile.expires_at is not None and shows_token:
        end = profile.expires_at.timestamp()
        rows.append(("Token", f"{'valid until' if end > now else 'expired at'} {local_time(end, now)}"))
    return rows


def _list_identity(profile: Profile) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Who it is, and what else there is to say of some."""
    who = [
        ("Name", profile.name or "-"),
        ("E-mail", profile.email or "-"),
        ("Procore id", str(profile.procore_id)),
    ]
    kind = [("Kind", "service account")] if profile.kind == "service" else []
    return who, [*kind, *([] if profile.company is None else [("Company", str(profile.company))])]


def _draw(rows: list[tuple[str, str]], title: str) -> None:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    # rich measures by words what it does not wrap.
    grid.add_column(style="bold", no_wrap=True, min_width=max(len(label) for label, _ in rows))
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
