"""`configure --import`: an app's values out of a `.env`, which is never changed: what to delete is said."""

from __future__ import annotations

import io
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from procore_cli import log
from procore_cli.cli.prompts import read_client_id, read_company, read_secret
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.config.private_files import TOO_OPEN
from procore_cli.config.urls import read_redirect_uri
from procore_cli.errors import BrokenDotenvError, UsageMistakeError
from procore_cli.flows.app_setup import AppSetup
from procore_cli.models import command

if TYPE_CHECKING:
    from procore_cli.models import Environment


T = TypeVar("T")

_LARGEST = 1024 * 1024
_STDIN = "-"
# The names that count, the first that is there wins.
_CLIENT_ID = ("PROCORE_CLIENT_ID", "CLIENT_ID")
_CLIENT_SECRET = ("PROCORE_CLIENT_SECRET", "CLIENT_SECRET")
_REDIRECT_URI = ("PROCORE_REDIRECT_URI", "REDIRECT_URI")
_COMPANY = ("PROCORE_COMPANY_ID",)
# Tokens are never taken, but they lie there all the same.
_TOKEN = re.compile(r"(?:PROCORE_(?:\w+_)?|ACCESS_|REFRESH_)TOKEN", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[^}]*\}")
# A name that says so itself, such as PROCORE_SANDBOX_URL, is one of several environments'.
_SAYS_WHICH = re.compile("PROD|" + "|".join(ENVIRONMENTS), re.IGNORECASE)


@dataclass(frozen=True)
class Dotenv:
    """A `.env`: its settings in order, and the words of lines that cannot be read; `source` names it."""

    source: str
    settings: tuple[tuple[str, str], ...] = field(repr=False)
    unread: tuple[str, ...] = field(repr=False)

    @property
    def in_force(self) -> dict[str, str]:
        """The settings that count: the last of each name."""
        return dict(self.settings)

    def list_holding(self, is_name: Callable[[str], object]) -> list[str]:
        """The names in it that hold a value of any that `is_name`, or a part of one."""
        values = {value.strip() for name, value in self.settings if is_name(name)} - {""}
        # The same value under any other name is the same secret.
        holding = [
            name for name, value in self.settings if value and (is_name(name) or value.strip() in values)
        ]
        return list(dict.fromkeys([*holding, *filter(is_name, self.unread)]))


def read_import(path: str, environment: Environment) -> tuple[AppSetup, list[str]]:
    """What the file says of the app, and what to say once that is saved.

    Raises BrokenDotenvError, BadUrlError.
    """
    file = load_dotenv(path)
    _refuse_other_environment(file, path, environment)
    client_id = _find(file, _CLIENT_ID, lambda text, _: read_client_id(text))
    secret = _find(file, _CLIENT_SECRET, lambda text, _: read_secret(text))
    redirect = _find(file, _REDIRECT_URI, lambda text, place: read_redirect_uri(text, place).text)
    company = _find(file, _COMPANY, lambda text, _: read_company(text))
    if secret is None and not set(_CLIENT_SECRET).isdisjoint(file.unread):
        raise BrokenDotenvError(
            f"{file.source}: a client secret is named there, but the line cannot be read.",
            "Correct it (is a quote missing?), then import again; nothing was saved.",
        )
    if file.unread:
        log.warn(f"{file.source}: there are lines that could not be read; nothing was taken from them.")
    if client_id is None and secret is None:
        raise BrokenDotenvError(
            f"{file.source} holds neither a client id nor a client secret.",
            f"They are looked for under these names: {', '.join(_CLIENT_ID + _CLIENT_SECRET)}.",
        )
    setup = AppSetup(client_id, secret, redirect, company, source=file.source)
    return setup, list(_list_advice(file, path, secret))


def load_dotenv(path: str) -> Dotenv:
    """Read a `.env`, or standard input for `-`. Raises BrokenDotenvError, UsageMistakeError."""
    source = "standard input" if path == _STDIN else path
    try:
        raw = _load_stdin() if path == _STDIN else _load_file(path)
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "this is no file's name"
        raise _broken(source, why, "Name the .env file: `procore-login configure --import .env`") from None
    if len(raw) > _LARGEST:
        raise _broken(source, "it is larger than 1 MiB", "Name a .env file.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"it is not UTF-8 text (byte {error.start})"
        raise _broken(source, why, "Save it as UTF-8 text.") from None
    if "\0" in text:
        raise _broken(source, "it is not a text file", "Name a .env file.")
    return read_dotenv(source, text)


def read_dotenv(source: str, text: str) -> Dotenv:
    """What a `.env` sets, as python-dotenv reads it; nothing is looked up."""
    from dotenv.parser import parse_stream

    read = list(parse_stream(io.StringIO(text, newline="")))
    settings = tuple((line.key, line.value or "") for line in read if line.key is not None and not line.error)
    unread = (word for line in read if line.error for word in re.findall(r"\w+", line.original.string))
    return Dotenv(source, settings, tuple(unread))


def _load_file(path: str) -> bytes:
    # Not resolved, and no regular file demanded: a shell's <(command) is a pipe.
    with Path(path).expanduser().open("rb") as file:
        status = os.fstat(file.fileno())
        mode = stat.S_IMODE(status.st_mode)
        if os.name != "nt" and stat.S_ISREG(status.st_mode) and mode & TOO_OPEN:
            log.warn(f"Other users of this machine can read {path} (mode 0{mode:o}).")
        return file.read(_LARGEST + 1)


def _load_stdin() -> bytes:
    if sys.stdin is None:
        raise UsageMistakeError(
            "Standard input is closed.", "Name the .env file: `procore-login configure --import .env`"
        )
    return sys.stdin.buffer.read(_LARGEST + 1)


def _broken(source: str, why: str, hint: str) -> BrokenDotenvError:
    return BrokenDotenvError(f"{source} cannot be imported: {why[:1].lower()}{why[1:]}.", hint)


def _find(file: Dotenv, names: tuple[str, ...], read: Callable[[str, str], T]) -> T | None:
    """What `read` makes of the value under the first of the names that has one, and of its place."""
    found = [name for name in names if file.in_force.get(name)]
    if not found:
        return None
    name, value = found[0], file.in_force[found[0]]
    if _REFERENCE.search(value):
        raise BrokenDotenvError(
            f"{file.source}: {name} refers to another name (${{...}}), which is not looked up.",
            f"Write the value itself there, in {file.source}.",
        )
    for other in found[1:]:
        if file.in_force[other] != value:
            log.warn(f"{file.source} sets {name} and {other} to different values; the former counts.")
    try:
        return read(value.strip(), f"{name} in {file.source}")
    except UsageMistakeError as error:
        raise BrokenDotenvError(
            f"{file.source}: {name} cannot be used. {error.message}", f"Correct {file.source}."
        ) from None


def _list_advice(file: Dotenv, path: str, secret: str | None) -> Iterator[str]:
    """What to say once everything is saved."""
    if secret is None:
        yield f"{file.source} holds no client secret; only the rest was taken."
    if path == _STDIN:
        return
    holding = [] if secret is None else file.list_holding(_CLIENT_SECRET.__contains__)
    tokens = [name for name in file.list_holding(_TOKEN.fullmatch) if name not in holding]
    if holding:
        yield f"{_delete(file, holding)} the client secret."
    if tokens:
        what = "a token" if len(tokens) == 1 else "tokens"
        yield f"{_delete(file, tokens)} {what} of Procore's; none was taken."


def _delete(file: Dotenv, names: list[str]) -> str:
    return f"Delete {', '.join(names)} from {file.source}: {'it holds' if len(names) == 1 else 'they hold'}"


def _refuse_other_environment(file: Dotenv, path: str, environment: Environment) -> None:
    """Credentials that belong elsewhere, as a URL beside them says. Raises BrokenDotenvError."""
    hosts = {_host(url): e.name for e in ENVIRONMENTS.values() for url in (e.login_url, e.api_url) if url}
    own = {_host(environment.login_url), _host(environment.api_url)}
    for name, value in file.in_force.items():
        host = _host(value.strip())
        other = hosts.get(host, environment.name)
        if host not in own and other != environment.name and not _SAYS_WHICH.search(name):
            raise BrokenDotenvError(
                f"{file.source}: {name} is at {host}, which is {other}, not {environment.name}."
                " Nothing was saved.",
                f"Import it there: {command(f'configure --import {shlex.quote(path)}', other)}",
                environment=environment.name,
            )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname
    except ValueError:
        return None
