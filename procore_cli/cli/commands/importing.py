"""`configure --import`: an app's values out of a `.env`, which is never changed: what to delete is said."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.cli import dotenv_file as dotenv
from procore_cli.cli.prompts import read_client_id, read_company, read_secret
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.errors import BrokenDotenvError, UsageMistakeError
from procore_cli.flows.app_setup import Draft

if TYPE_CHECKING:
    from collections.abc import Callable

    from procore_cli.cli.dotenv_file import Dotenv, Line
    from procore_cli.config.config_file import Changes
    from procore_cli.models import Environment
    from procore_cli.render import Teller


# A name that says so itself, such as PROCORE_SANDBOX_URL, is one of several environments'.
_SAYS_WHICH = re.compile("PROD|" + "|".join(ENVIRONMENTS), re.IGNORECASE)


def read_import(path: str, changes: Changes, environment: Environment, teller: Teller) -> Draft:
    """`changes` with what the file says of the app. Raises BrokenDotenvError, BadUrlError."""
    from procore_cli.config.urls import read_redirect_uri

    file = dotenv.load_dotenv(path)
    _refuse_other_environment(file, path, environment)
    found = {
        names: _find(file, names, teller)
        for names in (dotenv.CLIENT_ID, dotenv.CLIENT_SECRET, dotenv.REDIRECT_URI, dotenv.COMPANY)
    }
    client_id, secret, redirect, company = found.values()
    _refuse_half_a_secret(file, secret)
    _say_what_was_not_read(file, teller)
    if file.mode is not None and (secret is not None or file.list_tokens()):
        teller.warn(f"Other users of this machine can read {file.source} (mode 0{file.mode:o}).")
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


def _find(file: Dotenv, names: tuple[str, ...], teller: Teller) -> Line | None:
    line = file.find(names)
    if line is not None and line.refers:
        raise BrokenDotenvError(
            f"{_place(file, line)}: {line.name} refers to another name (${{...}}), which is not looked up.",
            f"Write the value itself there, in {file.source}.",
        )
    each = [file.find((name,)) for name in names]
    for other in each:
        if line is not None and other is not None and other.value != line.value:
            teller.warn(
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
    unread = file.find_unread(dotenv.CLIENT_SECRET)
    if secret is None and unread is not None:
        raise BrokenDotenvError(
            f"{_place(file, unread)}: a client secret is named there, but the line cannot be read.",
            "Correct it (is a quote missing?), then import again; nothing was saved.",
        )


def _say_what_was_not_read(file: Dotenv, teller: Teller) -> None:
    unread = file.list_unread()
    if unread:
        teller.warn(f"{file.source}: {_lines(unread)} could not be read; nothing was taken from there.")


def _nothing_found(file: Dotenv) -> BrokenDotenvError:
    return BrokenDotenvError(
        f"{file.source} holds neither a client id nor a client secret.",
        f"They are looked for under these names: {', '.join(dotenv.CLIENT_ID + dotenv.CLIENT_SECRET)}.",
    )


def _list_advice(file: Dotenv, path: str, secret: Line | None) -> list[str]:
    """What to say once everything is saved."""
    said = []
    if secret is None:
        said.append(f"{file.source} holds no client secret; only the rest was taken.")
    if path == dotenv.STDIN:
        return said
    holding = [] if secret is None else file.list_holding(dotenv.CLIENT_SECRET)
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
