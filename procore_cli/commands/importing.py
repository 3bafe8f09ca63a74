"""`configure --import`: an app's values out of a `.env`, which is never changed: what to delete is said."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from procore_cli import dotenv_file as dotenv
from procore_cli.app_setup import Draft
from procore_cli.commands.typed import read_client_id, read_company, read_secret
from procore_cli.errors import BrokenDotenvError, UsageMistakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from procore_cli.config_edit import Changes
    from procore_cli.dotenv_file import Dotenv, Line
    from procore_cli.render import Teller


def read_import(path: str, changes: Changes, teller: Teller) -> Draft:
    """`changes` with what the file says of the app. Raises BrokenDotenvError, BadUrlError."""
    from procore_cli.urls import read_redirect_uri

    file = dotenv.load_dotenv(path, os.environ)
    found = {
        names: _find(file, names, teller)
        for names in (dotenv.CLIENT_ID, dotenv.CLIENT_SECRET, dotenv.REDIRECT_URI, dotenv.COMPANY)
    }
    client_id, secret, redirect, company = found.values()
    _refuse_half_a_secret(file, secret)
    _say_what_was_not_read(file, teller)
    if secret is not None and file.mode is not None:
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
    if secret is None:
        return [f"{file.source} holds no client secret; only the rest was taken."]
    if path == dotenv.STDIN:
        return []
    places = file.list_places(dotenv.CLIENT_SECRET)
    is_one = len(places) == 1 and "-" not in places[0]
    what = "it holds" if is_one else "they hold"
    return [f"Delete {_lines(places)} of {file.source}: {what} the client secret."]


def _lines(places: list[str]) -> str:
    """`line 3`, `lines 3 and 5`, `lines 3-4, 6 and 9`."""
    if len(places) == 1:
        return f"line{'s' if '-' in places[0] else ''} {places[0]}"
    return f"lines {', '.join(places[:-1])} and {places[-1]}"
