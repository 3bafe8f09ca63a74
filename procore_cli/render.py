"""What a person or a program sees: data on stdout, talk on stderr; the only importer of rich.

Text from outside is shown with control characters escaped and is never read as markup.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TextIO

from procore_cli.errors import OutputError, ProcoreLoginError
from procore_cli.models import Profile

if TYPE_CHECKING:
    from rich.console import Console

# The characters that reorder text around them (Unicode, UAX #9).
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_USUAL_COLUMNS = 80
_UNBOUNDED = 10_000
_LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc).timestamp())


def shown(text: str) -> str:
    """Text from outside as a terminal may show it: control and bidirectional characters escaped."""
    return "".join(_escaped(c) if _is_unsafe(c) else c for c in text)


def utc(seconds: int) -> str:
    """Seconds since the epoch as the contract writes a time, `2026-01-31T09:30:00Z`."""
    moment = datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


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


class Teller:
    """Talks to the person on stderr; `debug` also lets traces through, `environment` is named in errors."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream if stream is not None else sys.stderr
        self.debug = False
        self.environment = ""
        self._shown_wait = ""
        self._warned: set[str] = set()

    def say(self, text: str) -> None:
        """A line of progress."""
        self._write(_one_line(text))

    def warn(self, text: str) -> None:
        """A line that a person should act on."""
        self._write_label("Warning:", "yellow", text)

    def warn_once(self, text: str) -> None:
        """As `warn`, for what several parts of a command may come across."""
        if text not in self._warned:
            self._warned.add(text)
            self.warn(text)

    def link(self, url: str) -> None:
        """A URL on a line of its own, neither wrapped nor decorated."""
        self._write(shown(url))

    def show_wait(self, text: str) -> None:
        """What goes on now: drawn in place until the next line where that is possible, else nothing."""
        if text == self._shown_wait or not is_animated(self.stream):
            return
        # Spaces wipe the former text, on terminals without escape sequences too.
        wiped = f"\r{' ' * len(self._shown_wait)}\r"
        # A terminal that does not know its width says 0, which Python before 3.11 passes on.
        columns = shutil.get_terminal_size().columns or _USUAL_COLUMNS
        self._shown_wait = _one_line(text)[: columns - 1]
        self._put(wiped + self._shown_wait)

    def trace(self, text: str) -> None:
        """A line for `--debug`."""
        if self.debug:
            self._write(f"debug: {shown(text)}")

    def fail(self, error: ProcoreLoginError) -> None:
        """What happened, and what to type or where to look."""
        known = not self.environment or self._names_environment(error.message)
        message = error.message if known else f"{self.environment}: {error.message}"
        self._write_label("Error:", "bold red", message)
        if error.hint:
            self._write_label("Hint:", "cyan", error.hint)

    def _names_environment(self, text: str) -> bool:
        # In a path it does not count.
        return re.search(rf"(?<![\w/.-]){self.environment}(?![\w/-]|\.\w)", text) is not None

    def _write_label(self, label: str, style: str, text: str) -> None:
        if not is_colourful(self.stream):
            self._write(f"{label} {_one_line(text)}")
            return
        self.show_wait("")
        from rich.text import Text

        line = Text.assemble((label, style), " ", _one_line(text))
        with suppress(OSError):
            _new_console(self.stream).print(line, soft_wrap=True, highlight=False)

    def _write(self, line: str) -> None:
        self.show_wait("")
        self._put(line + "\n")

    def _put(self, text: str) -> None:
        # Talk that cannot be written is lost; what the command does is not.
        with suppress(OSError, ValueError, AttributeError):
            self.stream.write(text)
            self.stream.flush()


def print_profile(profile: Profile, *, as_json: bool, now: float, extra: Mapping[str, Any]) -> None:
    """The profile on stdout: one line of JSON, a drawn table on a terminal, or tab-separated lines."""
    if as_json:
        print_json({**profile_json(profile), **extra})
    else:
        print_table(_profile_rows(profile, now), title=f"Procore {profile.environment}")


def profile_json(profile: Profile) -> dict[str, Any]:
    """The profile as the contract's JSON object."""
    expires_at = None if profile.expires_at is None else utc(profile.expires_at)
    return asdict(profile) | {"expires_at": expires_at}


def print_json(value: Mapping[str, Any]) -> None:
    """One object on one line; ASCII, so that no output encoding can spoil it."""
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
        print_line(f"{label}\t{shown(value).translate(_IN_A_CELL)}")


def print_columns(names: list[str], rows: list[list[str]]) -> None:
    """Rows of cells on stdout: drawn under their columns' names on a terminal, tab-separated elsewhere."""
    if sys.stdout is not None and sys.stdout.isatty():
        _draw_columns(names, rows)
        return
    for row in rows:
        print_line("\t".join(shown(cell).translate(_IN_A_CELL) for cell in row))


def is_colourful(stream: TextIO | None) -> bool:
    """Whether colour may be used: a terminal, and neither NO_COLOR nor a dumb one."""
    return is_animated(stream) and not os.environ.get("NO_COLOR")


def is_animated(stream: TextIO | None) -> bool:
    """Whether a line may be drawn over: a terminal, and not a dumb one."""
    # Python has no stream at all where the descriptor is closed.
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _profile_rows(profile: Profile, now: float) -> list[tuple[str, str]]:
    return [
        ("Name", profile.name or "-"),
        ("E-mail", profile.email or "-"),
        ("Procore id", str(profile.procore_id)),
        ("Row id", "-" if profile.id is None else str(profile.id)),
        ("Environment", profile.environment),
        *([("Company", str(profile.company))] if profile.company is not None else []),
        ("Token", _token_life(profile.expires_at, now)),
    ]


def _token_life(expires_at: int | None, now: float) -> str:
    if expires_at is None:
        return "valid until Procore refuses it"
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
        grid.add_row(label, Text(shown(value)))
    _new_console(sys.stdout).print(Panel.fit(grid, title=Text(title), title_align="left", padding=(0, 1)))


def _draw_columns(names: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    console = _new_console(sys.stdout)
    if console.measure(table, options=console.options.update(max_width=_UNBOUNDED)).maximum <= console.width:
        console.print(table)
        return
    # A table that does not fit would break words and numbers: one panel a row instead.
    for row in rows:
        named = list(zip(names, row, strict=True))
        marks = [cell for name, cell in named[1:] if cell and not name]
        _draw([(name, cell) for name, cell in named[1:] if name], " ".join([row[0], *marks]))


def _new_console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, markup=False, emoji=False, highlight=False)


# A tab or a line break inside a value would end the cell.
_IN_A_CELL = {ord("\t"): "\\t", ord("\n"): "\\n"}


def _one_line(text: str) -> str:
    """As `shown`; a line break from outside could forge a line of ours."""
    return shown(text).replace("\n", "\\n")


def _is_unsafe(character: str) -> bool:
    if character in "\n\t":
        return False
    return character in _BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
