"""An app's values out of a `.env`, as python-dotenv reads it; refuses to change the file.

What a value refers to (`${NAME}`) is not looked up: a few lines can refer to gigabytes.
"""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from procore_cli.errors import BrokenDotenvError, UsageMistakeError

LARGEST = 1024 * 1024
STDIN = "-"
# The names that count, the first that is there wins.
CLIENT_ID = ("PROCORE_CLIENT_ID", "CLIENT_ID")
CLIENT_SECRET = ("PROCORE_CLIENT_SECRET", "CLIENT_SECRET")
REDIRECT_URI = ("PROCORE_REDIRECT_URI", "REDIRECT_URI")
COMPANY = ("PROCORE_COMPANY_ID",)
# Tokens are never taken, but they lie there all the same.
_TOKEN = re.compile(r"PROCORE_(?:\w+_)?TOKEN|(?<!\w)(?:ACCESS|REFRESH)_TOKEN", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True)
class Line:
    """What a `.env` sets, and from which of its lines to which.

    `name` is None for one that is no setting; its text is the value then.
    """

    name: str | None
    value: str = field(repr=False)
    first: int
    last: int

    @property
    def place(self) -> str:
        """`3`, or `3-5` for a value of several lines."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def refers(self) -> bool:
        """Whether it says where the value stands, and not what it is."""
        return _REFERENCE.search(self.value) is not None


@dataclass(frozen=True)
class Dotenv:
    """A `.env` that was read; `source` is what to call it, `mode` its mode where others may read it."""

    source: str
    lines: tuple[Line, ...]
    mode: int | None = None

    def find(self, names: tuple[str, ...]) -> Line | None:
        """The setting that counts: by the first name, and by its last line, as python-dotenv has it."""
        for name in names:
            found = [line for line in self.lines if line.name == name]
            if found and found[-1].value:
                return found[-1]
        return None

    def list_holding(self, names: Iterable[str]) -> list[Line]:
        """The lines that hold a value under any of the names, or a part of one."""
        wanted = set(names)
        secrets = {line.value.strip() for line in self.lines if line.name in wanted} - {""}
        return [
            line
            for line in self.lines
            # The same value under any other name is the same secret.
            if (line.name and line.value and (line.name in wanted or line.value.strip() in secrets))
            or (line.name is None and _has_any(line.value, wanted))
        ]

    def list_tokens(self) -> list[Line]:
        """The lines that hold a token of Procore's, or a part of one."""
        named = {line.name for line in self.lines if line.name and _TOKEN.fullmatch(line.name)}
        held = set(self.list_holding(named))
        return [
            line for line in self.lines if line in held or (line.name is None and _TOKEN.search(line.value))
        ]

    def list_set(self) -> list[Line]:
        """The settings that count: the last of each name."""
        return list({line.name: line for line in self.lines if line.name is not None}.values())

    def find_unread(self, names: tuple[str, ...]) -> Line | None:
        """A line that is no setting, but has one of the names in it."""
        unread = (line for line in self.lines if line.name is None)
        return next((line for line in unread if _has_any(line.value, names)), None)

    def list_unread(self) -> list[str]:
        """The lines that are no setting and no comment."""
        return [line.place for line in self.lines if line.name is None]


def load_dotenv(path: str) -> Dotenv:
    """Read a `.env`, or standard input for `-`. Raises BrokenDotenvError, UsageMistakeError."""
    source = "standard input" if path == STDIN else path
    try:
        raw, mode = _load_stdin() if path == STDIN else _load_file(Path(path))
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "this is no file's name"
        raise _broken(source, why, "Name the .env file: procore-login configure --import .env") from None
    if len(raw) > LARGEST:
        raise _broken(source, "it is larger than 1 MiB", "Name a .env file.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _broken(
            source, f"it is not UTF-8 text (byte {error.start})", "Save it as UTF-8 text."
        ) from None
    if "\0" in text:
        raise _broken(source, "it is not a text file", "Name a .env file.")
    return Dotenv(source, tuple(read_dotenv(text)), mode)


def read_dotenv(text: str) -> Iterator[Line]:
    """What a `.env` sets, line by line."""
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text, newline="")):
        first, last = _find_lines(binding.original.string, binding.original.line)
        if binding.error:
            yield Line(None, binding.original.string, first, last)
        elif binding.key is not None:
            yield Line(binding.key, binding.value or "", first, last)


def _has_any(text: str, names: Iterable[str]) -> bool:
    return any(name in text for name in names)


def _find_lines(original: str, line: int) -> tuple[int, int]:
    # python-dotenv counts the empty lines before a setting to it.
    lead = original[: len(original) - len(original.lstrip())]
    first = line + _count_lines(lead)
    return first, first + _count_lines(original.strip())


def _count_lines(text: str) -> int:
    return len(re.findall(r"\r\n|\n|\r", text))


def _load_file(path: Path) -> tuple[bytes, int | None]:
    # Not resolved, and no regular file demanded: a shell's <(command) is a pipe.
    with path.expanduser().open("rb") as file:
        status = os.fstat(file.fileno())
        mode = stat.S_IMODE(status.st_mode)
        is_open = os.name != "nt" and stat.S_ISREG(status.st_mode) and mode & 0o077
        return file.read(LARGEST + 1), mode if is_open else None


def _load_stdin() -> tuple[bytes, None]:
    if sys.stdin is None:
        raise UsageMistakeError(
            "Standard input is closed.", "Name the .env file: procore-login configure --import .env"
        )
    # A test's stdin has no bytes below it.
    stream = getattr(sys.stdin, "buffer", None)
    return (stream.read(LARGEST + 1) if stream else sys.stdin.read(LARGEST + 1).encode()), None


def _broken(source: str, why: str, hint: str) -> BrokenDotenvError:
    return BrokenDotenvError(f"{source} cannot be imported: {why[:1].lower()}{why[1:]}.", hint)
