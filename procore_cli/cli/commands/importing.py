"""`configure --import`: an app's values out of a `.env`, which is never changed: what to delete is said."""

from __future__ import annotations

import io
import os
import re
import shlex
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.cli.prompts import read_client_id, read_company, read_secret
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.errors import BrokenDotenvError, UsageMistakeError
from procore_cli.flows.app_setup import Draft

if TYPE_CHECKING:
    from collections.abc import Callable

    from procore_cli.config.config_file import Changes
    from procore_cli.console import Console
    from procore_cli.models import Environment


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


# A name that says so itself, such as PROCORE_SANDBOX_URL, is one of several environments'.
_SAYS_WHICH = re.compile("PROD|" + "|".join(ENVIRONMENTS), re.IGNORECASE)


def read_import(path: str, changes: Changes, environment: Environment, console: Console) -> Draft:
    """`changes` with what the file says of the app. Raises BrokenDotenvError, BadUrlError."""
    from procore_cli.config.urls import read_redirect_uri

    file = load_dotenv(path)
    _refuse_other_environment(file, path, environment)
    found = {
        names: _find(file, names, console) for names in (CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, COMPANY)
    }
    client_id, secret, redirect, company = found.values()
    _refuse_half_a_secret(file, secret)
    _say_what_was_not_read(file, console)
    if file.mode is not None and (secret is not None or file.list_tokens()):
        console.warn(f"Other users of this machine can read {file.source} (mode 0{file.mode:o}).")
    if client_id is None and secret is None:
        raise _nothing_found(file)
    if redirect is not None:
        read_redirect_uri(redirect.value.strip(), _place(file, redirect))
    number = None if company is None else int(_read(file, company, _read_number))
    return Draft(
        replace(
            changes,
            client_id=None if client_id is None else _read(file, client_id, read_client_id),
            redirect_uri=None if redirect is None else redirect.value.strip(),
            company=changes.company or number,
        ),
        None if secret is None else _read(file, secret, read_secret),
        source=file.source,
        epilogue=tuple(_list_advice(file, path, secret)),
    )


def _find(file: Dotenv, names: tuple[str, ...], console: Console) -> Line | None:
    line = file.find(names)
    if line is not None and line.refers:
        raise BrokenDotenvError(
            f"{_place(file, line)}: {line.name} refers to another name (${{...}}), which is not looked up.",
            f"Write the value itself there, in {file.source}.",
        )
    each = [file.find((name,)) for name in names]
    for other in each:
        if line is not None and other is not None and other.value != line.value:
            console.warn(
                f"{file.source} sets {line.name} and {other.name} to different values; the former counts."
            )
    return line


def _read(file: Dotenv, line: Line, read: Callable[[str], str]) -> str:
    try:
        return read(line.value.strip())
    except UsageMistakeError as error:
        raise BrokenDotenvError(
            f"{_place(file, line)}: {line.name} cannot be used. {error.message}", f"Correct {file.source}."
        ) from None


def _read_number(text: str) -> str:
    company = read_company(text)
    if not company.isdigit():
        raise UsageMistakeError("A company's id is a number, for example 123.")
    return company


def _place(file: Dotenv, line: Line) -> str:
    return f"{file.source}, {_lines([line.place])}"


def _refuse_half_a_secret(file: Dotenv, secret: Line | None) -> None:
    unread = file.find_unread(CLIENT_SECRET)
    if secret is None and unread is not None:
        raise BrokenDotenvError(
            f"{_place(file, unread)}: a client secret is named there, but the line cannot be read.",
            "Correct it (is a quote missing?), then import again; nothing was saved.",
        )


def _say_what_was_not_read(file: Dotenv, console: Console) -> None:
    unread = file.list_unread()
    if unread:
        console.warn(f"{file.source}: {_lines(unread)} could not be read; nothing was taken from there.")


def _nothing_found(file: Dotenv) -> BrokenDotenvError:
    return BrokenDotenvError(
        f"{file.source} holds neither a client id nor a client secret.",
        f"They are looked for under these names: {', '.join(CLIENT_ID + CLIENT_SECRET)}.",
    )


def _list_advice(file: Dotenv, path: str, secret: Line | None) -> list[str]:
    """What to say once everything is saved."""
    said = []
    if secret is None:
        said.append(f"{file.source} holds no client secret; only the rest was taken.")
    if path == STDIN:
        return said
    holding = [] if secret is None else file.list_holding(CLIENT_SECRET)
    told = set(holding)
    tokens = [line for line in file.list_tokens() if line not in told]
    if holding:
        said.append(f"{_delete(file, holding)} the client secret.")
    if tokens:
        what = "a token" if len(tokens) == 1 else "tokens"
        said.append(f"{_delete(file, tokens)} {what} of Procore's; none was taken.")
    return said


def _delete(file: Dotenv, lines: list[Line]) -> str:
    """`Delete line 2 (CLIENT_SECRET) of .env: it holds`; a line that could not be read has no name."""
    is_one = len(lines) == 1 and lines[0].first == lines[0].last
    names = ", ".join(dict.fromkeys(line.name for line in lines if line.name))
    named = f" ({names})" if names else ""
    what = "it holds" if is_one else "they hold"
    return f"Delete {_lines([line.place for line in lines])}{named} of {file.source}: {what}"


def _refuse_other_environment(file: Dotenv, path: str, environment: Environment) -> None:
    """Credentials that belong elsewhere, as a URL beside them says. Raises BrokenDotenvError."""
    hosts = {_host(url): e.name for e in ENVIRONMENTS.values() for url in (e.login_url, e.api_url) if url}
    own = {_host(environment.login_url), _host(environment.api_url)}
    for line in file.list_set():
        host = _host(line.value.strip())
        other = hosts.get(host, environment.name)
        if host not in own and other != environment.name and not _SAYS_WHICH.search(line.name or ""):
            raise BrokenDotenvError(
                f"{_place(file, line)}: {line.name} is at {host}, which is {other}, not {environment.name}."
                " Nothing was saved.",
                f"Import it there: procore-login configure --env {other} --import {shlex.quote(path)}",
            )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname
    except ValueError:
        return None


def _lines(places: list[str]) -> str:
    """`line 3`, `lines 3 and 5`, `lines 3-4, 6 and 9`."""
    if len(places) == 1:
        return f"line{'s' if '-' in places[0] else ''} {places[0]}"
    return f"lines {', '.join(places[:-1])} and {places[-1]}"
