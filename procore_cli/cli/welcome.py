"""What `procore-login` alone says: what it is, who is signed in where, and what to type next.

Refuses network, keyring and locks, and makes no file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from procore_cli import __version__
from procore_cli.cli import output
from procore_cli.cli.help import Formatter
from procore_cli.cli.next_step import MOST_SHARED, list_everywhere, list_signed_in_elsewhere
from procore_cli.config.environments import DEMO, ENVIRONMENTS
from procore_cli.config.settings import Overrides, Settings, load_settings
from procore_cli.console import Console, find_columns, one_line
from procore_cli.errors import ProcoreLoginError
from procore_cli.storage.accounts import Listed

MAX_ACCOUNTS = 10
_WIDEST_COLUMNS = 100
_UNBOUNDED_COLUMNS = 10_000

# A command, after the program's name, and what it is for.
Step = tuple[str, str]
_TRY = ("signup --env demo", "try it, without an account")
_ALL = ("--help", "all commands")


def greet(console: Console) -> None:
    """Greet on stdout. Raises the first of what is broken, once everything else has been said."""
    width = find_columns(widest=_WIDEST_COLUMNS) if output.is_drawn() else _UNBOUNDED_COLUMNS
    page = Formatter(width=width)
    page.write_text(
        f"procore-login {__version__}: sign in to Procore from the command line, and stay signed in."
    )
    try:
        settings = load_settings(Overrides(heeds_account=False), os.environ)
        known, troubles = list_everywhere(settings)
    except ProcoreLoginError as error:
        # With a broken config.toml, or without a data folder, no command would work but this one.
        steps, troubles = [("doctor", "see what is wrong")], [error]
    else:
        page.write_paragraph()
        for name, accounts in known.items():
            page.write_text(f"{name}: {ENVIRONMENTS[name].meaning}")
            with page.indentation():
                for line in _describe(name, accounts):
                    page.write_text(line)
        if not known and not troubles:
            page.write_text("Nobody is signed in.")
        if settings.access_token:
            page.write_text("PROCORE_ACCESS_TOKEN is set: whoami, token, api and exec use it.")
        steps = _find_steps(settings, known)
    with page.section("Next"):
        typed = [(f"procore-login {words}", meaning) for words, meaning in [*steps, _ALL]]
        page.write_dl(typed, col_max=width // 2)
    output.print_line(page.getvalue().rstrip())
    for trouble in troubles[1:]:
        console.warn(str(trouble))
    if troubles:
        raise troubles[0]


def _describe(name: str, accounts: Sequence[Listed]) -> Iterator[str]:
    if not accounts:
        yield "nobody is signed in"
    # Whoever is current comes first, so that a long list does not hide it.
    ordered = sorted(accounts, key=lambda one: (not one.is_current, not one.is_signed_in))
    for listed in ordered[:MAX_ACCOUNTS]:
        current = " (current)" if listed.is_current else ""
        yield f"{one_line(listed.account.label)}{current}: {_state(listed)}"
    if len(ordered) > MAX_ACCOUNTS:
        number = f"{len(ordered) - MAX_ACCOUNTS} " if len(ordered) < MOST_SHARED else ""
        yield f"and {number}more: procore-login accounts --env {name}"


def _state(listed: Listed) -> str:
    if not listed.is_signed_in:
        return "Procore refused its tokens: sign in again" if listed.is_refused else "signed out"
    return output.SIGNED_IN


def _find_steps(settings: Settings, known: dict[str, list[Listed]]) -> list[Step]:
    """What to type next, in the environment in force, unnamed, or, if nobody is there, in another one."""
    name = settings.environment.name
    here = known.get(name, ())
    if settings.access_token or any(one.is_current and one.is_signed_in for one in here):
        return _steps_of_signed_in("")
    if here:
        return _steps_of_known(here)
    elsewhere = list_signed_in_elsewhere(known, name)
    others = _steps_of_signed_in(f" --env {elsewhere[0]}")[:2] if elsewhere else []
    if settings.client_id or settings.is_demo:
        return [("signup", f"sign in to {name}"), *others]
    configure = [
        ("configure", f"enter your app for {name}"),
        ("signup", "then sign in"),
    ]
    return [*others, *([] if DEMO.name in elsewhere else [_TRY]), *configure]


def _steps_of_signed_in(option: str) -> list[Step]:
    return [
        (f"whoami{option}", "ask Procore who you are"),
        (f"api companies{option}", "call the API"),
        (f"token{option}", "an access token, for scripts"),
    ]


def _steps_of_known(here: Sequence[Listed]) -> list[Step]:
    signin = ("signin", "sign in again")
    if any(one.is_signed_in for one in here):
        return [("switch WHO", "choose the current account"), signin]
    return [signin]
