"""What a person hears, on stderr, and how text from outside may be shown.

Text from outside is shown with control characters escaped and is never read as markup. Advice (a hint, and
what follows a line of talk or a warning) is our own: there what is to be typed stands between backticks.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from procore_cli.errors import ProcoreLoginError

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

# The characters that reorder text around them (Unicode, UAX #9).
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_USUAL_COLUMNS = 80
_UNBOUNDED_COLUMNS = 100_000
# Longer lines are hard to read.
_WIDEST_TALK = 100
# On a terminal that is narrower a word is broken by it alone.
_NARROWEST_TALK = 20
# The second column of a wide character.
_STAND_IN = "\0"
# A word, but no URL: one without a colon behind its port, so that no part of it looks like a label of ours.
_URL = r"https?://(?:\[[0-9A-Fa-f:]+\]|[!-.0-9;-~]*)(?::[0-9]+)?(?:/[!-9;-~]*)?"
_TOO_LONG = re.compile(rf"(?<![^ \t])(?!{_URL}(?:[ \t]|$))[^ \t]+")
# What is quoted for a shell may hold any character; an apostrophe is quoted by the other quotes.
_TYPED = re.compile(r"""`((?:'[^']*'|"[^"]*"|[^`'"\n])+)`""")
_WHOLE = re.compile(r"\w[\w-]* |https?://")


def shown(text: str) -> str:
    """Text from outside as a terminal may show it: control and bidirectional characters escaped."""
    return "".join(_escaped(c) if _is_unsafe(c) else c for c in text)


def one_line(text: str) -> str:
    """As `shown`; a line break from outside could forge a line of ours."""
    return shown(text).replace("\n", "\\n")


def lay_out(text: str, advice: str, width: int, *, first: str = "", indent: str = "  ") -> list[str]:
    """Lines for a terminal, broken between words; each command of the advice whole on a line of its own.

    `first` goes before the first line, `indent` before the others, so that no text from outside looks like a
    line of ours.
    """
    import textwrap

    pieces = list(list_pieces(advice))
    # The first is a sentence's, be it empty.
    pieces[0] = " ".join(filter(None, [_breakable(text, width - len(indent)), pieces[0][0]])), False
    lines: list[str] = []
    for piece, is_command in pieces:
        if is_command:
            lines.append(f"{indent}  {piece}")
            continue
        lines += textwrap.wrap(
            piece,
            max(width, len(indent) + 1),
            initial_indent=indent if lines else first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return [line.replace(_STAND_IN, "") for line in lines] or [first]


def _breakable(text: str, room: int) -> str:
    """Text as textwrap can break it: by columns, and a word for which no line has room where its room ends.

    The terminal would break it too, and begin a line with the rest of it. A URL stays whole.
    """
    if not text.isascii():
        from unicodedata import east_asian_width

        text = "".join(f"{c}{_STAND_IN}" if east_asian_width(c) in "FW" else c for c in text)
    longest = max(room, _NARROWEST_TALK)
    pieces = re.compile(rf"[^ \t]{{{longest}}}(?=[^ \t])")
    return _TOO_LONG.sub(lambda word: pieces.sub(r"\g<0> ", word[0]), text)


def list_pieces(advice: str, mark: str = "{}") -> Iterator[tuple[str, bool]]:
    """The pieces of advice, and of each whether it is a command or a URL to follow.

    What is to be typed, but begins no line (`--env NAME`, `VARIABLE`), is a part of the sentence, as `mark`
    has it.
    """
    sentence, is_after_command = "", False
    for number, piece in enumerate(_TYPED.split(advice)):
        if number % 2 and _WHOLE.match(piece):
            yield sentence.rstrip(), False
            yield piece, True
            sentence, is_after_command = "", True
            continue
        # What ends the sentence after a command would stand on a line alone.
        piece = mark.format(piece) if number % 2 else piece
        sentence += piece.lstrip(".,;:? ") if is_after_command else piece
        is_after_command = False
    yield sentence.rstrip(), False


def without_marks(advice: str) -> str:
    """Advice as one line has it: what is to be typed without its backticks."""
    return _TYPED.sub(r"\1", advice)


class Console:
    """Talks to the person on stderr; `debug` also lets traces through, `environment` is named in errors.

    `find_default` names the environment that is in force without an option: commands need not name it.
    """

    def __init__(self, stream: TextIO | None = None, find_default: Callable[[], str] | None = None) -> None:
        self.stream = stream if stream is not None else sys.stderr
        self.debug = False
        self.environment = ""
        self._find_default = find_default
        self._default: str | None = None
        self._shown_wait = ""
        self._warned: dict[str, object] = {}

    @property
    def is_on_terminal(self) -> bool:
        """Whether a person may be reading along."""
        # Python has no stream at all where the descriptor is closed.
        return self.stream is not None and self.stream.isatty()

    def say(self, text: str, advice: str = "") -> None:
        """A line of progress."""
        self._write_label("", "", text, advice)

    def shorten(self, advice: str) -> str:
        """Advice whose commands do not name the environment that is in force without that."""
        if self._find_default is None or " --env " not in advice:
            return advice
        if self._default is None:
            self._default = self._find_default()
        # Whole: what a variable says may be the beginning of another name.
        usual = re.compile(rf" --env {re.escape(self._default)}(?=[ `])")
        return _TYPED.sub(lambda typed: usual.sub("", typed[0]), advice) if self._default else advice

    def warn(self, text: str, advice: str = "") -> None:
        """A line that a person should act on."""
        self._write_label("Warning:", "bold magenta", text, advice)

    def warn_once(self, text: str, advice: str = "") -> None:
        """As `warn`, for what several parts of a command, or threads, may come across."""
        mine = object()
        # In one step: whoever floods the listener, from many threads, cannot flood the terminal.
        if self._warned.setdefault(text, mine) is mine:
            self.warn(text, advice)

    def link(self, url: str) -> None:
        """A URL on a line of its own, neither wrapped nor decorated."""
        self._write(shown(url))

    def show_wait(self, text: str) -> None:
        """What goes on now: drawn in place until the next line where that is possible, else nothing."""
        if text == self._shown_wait or not is_animated(self.stream):
            return
        # Spaces wipe the former text, on terminals without escape sequences too.
        wiped = f"\r{' ' * len(self._shown_wait)}\r"
        self._shown_wait = one_line(text)[: find_columns() - 1]
        self._put(wiped + self._shown_wait)

    def trace(self, text: str) -> None:
        """A line for `--debug`."""
        if self.debug:
            self._write(f"debug: {one_line(text)}")

    def fail(self, error: ProcoreLoginError) -> None:
        """What happened, and what to type or where to look."""
        error.happened_in(self.environment)
        self._write_label("Error:", "bold red", str(error))
        if error.hint:
            self._write_label("Hint:", "bold", "", error.hint)

    def _write_label(self, label: str, style: str, text: str, advice: str = "") -> None:
        text, advice = one_line(text), one_line(self.shorten(advice))
        if label:
            text = f"{label} {text}" if text else label
        if not self.is_on_terminal:
            self._write(f"{text} {without_marks(advice)}".strip() if advice else text)
            return
        width = find_columns(widest=_WIDEST_TALK, stream=self.stream) - 1
        lines = "\n".join(lay_out(text, advice, width))
        if not (label and is_colourful(self.stream)):
            self._write(lines)
            return
        self.show_wait("")
        from rich.text import Text

        with suppress(OSError):
            new_rich_console(self.stream).print(
                Text.assemble((label, style), lines.removeprefix(label)), soft_wrap=True, highlight=False
            )

    def _write(self, line: str) -> None:
        self.show_wait("")
        self._put(line + "\n")

    def _put(self, text: str) -> None:
        # Talk that cannot be written is lost; what the command does is not. (A signal's handler may talk in
        # the middle of a line: a RuntimeError.)
        with suppress(OSError, ValueError, AttributeError, RuntimeError):
            self.stream.write(text)
            self.stream.flush()


def is_colourful(stream: TextIO | None) -> bool:
    """Whether colour may be used: a terminal, and neither NO_COLOR nor a dumb one."""
    return is_animated(stream) and not os.environ.get("NO_COLOR")


def is_animated(stream: TextIO | None) -> bool:
    """Whether a line may be drawn over: a terminal, and not a dumb one."""
    # Python has no stream at all where the descriptor is closed.
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def load_drawing() -> None:
    """Load what a table on stdout is drawn with, if it will be, ahead of the moment when somebody waits."""
    if sys.stdout is not None and sys.stdout.isatty():
        import rich.console
        import rich.panel
        import rich.table
        import rich.text  # noqa: F401


def find_columns(narrowest: int = 1, widest: int = _UNBOUNDED_COLUMNS, stream: TextIO | None = None) -> int:
    """How wide the terminal of stdout, or of `stream`, is, within what can be read; 80 where nobody knows."""
    from shutil import get_terminal_size

    columns = 0
    if stream is not None and not os.environ.get("COLUMNS"):
        with suppress(OSError, ValueError, AttributeError):
            columns = os.get_terminal_size(stream.fileno()).columns
    # A terminal that does not know its width says 0.
    columns = columns or get_terminal_size((_USUAL_COLUMNS, 0)).columns
    return max(narrowest, min(columns or _USUAL_COLUMNS, widest))


def new_rich_console(stream: TextIO) -> RichConsole:
    """rich on a stream, with nothing of a text read as markup."""
    from rich.console import Console as RichConsole

    return RichConsole(file=stream, markup=False, emoji=False, highlight=False)


def _is_unsafe(character: str) -> bool:
    if character in "\n\t":
        return False
    if character.isascii():
        return not character.isprintable()
    import unicodedata

    return character in _BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
