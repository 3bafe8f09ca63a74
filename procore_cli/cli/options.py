"""The options that several commands share, and whose names may complete them.

Each stands on the command, never on the group alone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from procore_cli import __version__
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.config.settings import Overrides, look_at_settings
from procore_cli.console import Console
from procore_cli.errors import ProcoreLoginError
from procore_cli.models import SERVICE_ACCOUNT

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SAFE = frozenset("._+-@")
_LONGEST = 60


def list_people(environment: str | None) -> list[tuple[str, str]]:
    """What `--account` may name in an environment (None: the one in force), each with whom it means.

    The e-mail, or the Procore id where the e-mail is shared or a shell could read something into it.
    """
    from procore_cli.storage.local_accounts import list_known_in

    try:
        # Tightening a mode would have to be told, and there is nobody to tell.
        settings = look_at_settings(Overrides(environment, heeds_account=False), os.environ)
        if settings.shared is not None:
            # Whoever is in the middle of a word does not wait for a database elsewhere, with everybody in it.
            return []
        known = list_known_in(settings.database, settings.environment.name, settings.folder)
    except (ProcoreLoginError, OSError):
        return []
    users = [listed.account for listed in known or ()]
    shared = Counter((account.user.email or "").casefold() for account in users)
    found = []
    if any(account.service for account in users):
        found.append((SERVICE_ACCOUNT, "the service account of the app in force"))
    for account in users:
        email, number = account.user.email or "", str(account.user.procore_id)
        is_plain = is_safe(email) and shared[email.casefold()] == 1
        about = account.name or email
        found.append((email if is_plain else number, _plain(about)))
    return found


def is_safe(word: str) -> bool:
    """Whether no shell reads anything but the word itself into it."""
    return word[:1].isalnum() and all(c.isalnum() or c in _SAFE for c in word)


def _plain(text: str) -> str:
    """A description without what could break the list or its terminal."""
    return "".join(c if c.isalnum() or c in _SAFE or c == " " else "?" for c in text)[:_LONGEST]


F = TypeVar("F", bound=Callable[..., Any])


def _new_item(word: str, about: str | None = None, kind: str = "plain") -> CompletionItem[str]:
    # Loaded where a shell asks: it is a hundredth of every start.
    from click.shell_completion import CompletionItem

    return CompletionItem(word, kind, about)


def complete_environment(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The environments that begin with a word."""
    found = [known for known in ENVIRONMENTS.values() if known.name.startswith(incomplete)]
    return [_new_item(known.name, known.meaning) for known in found]


def complete_account(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The accounts, of the environment that the line names, that begin with a word."""
    people = list_people(ctx.params.get("environment"))
    return [_new_item(who, about) for who, about in people if who.startswith(incomplete)]


def complete_file(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Files: the shell knows them."""
    return [_new_item(incomplete, kind="file")]


def complete_words(*words: str) -> Callable[..., list[CompletionItem[str]]]:
    """Those of some words that begin with what was typed, in either case."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        typed = incomplete.casefold()
        return [_new_item(word) for word in words if word.casefold().startswith(typed)]

    return complete


def environment(command: F) -> F:
    """`--env NAME`: which of Procore's environments."""
    return click.option(
        "-e",
        "--env",
        "environment",
        metavar="NAME",
        callback=refuse_empty,
        shell_complete=complete_environment,
        help="production, sandbox, monthly, federal or demo.",
    )(command)


def account(
    help_text: str = "Another account than the current one: e-mail, Procore id, or service-account.",
) -> Callable[[F], F]:
    """`--account WHO`: an e-mail or Procore id."""
    return click.option(
        "-a",
        "--account",
        metavar="WHO",
        callback=refuse_empty,
        shell_complete=complete_account,
        help=help_text,
    )


def company(command: F) -> F:
    """`--company ID`: which company calls are for."""
    return click.option(
        "--company",
        type=click.IntRange(min=1),
        metavar="ID",
        help="The company that calls are for, or whose service account is meant.",
    )(command)


def as_json(command: F) -> F:
    """`--json`: one object on one line."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on one line.")(command)


def debug(command: F) -> F:
    """`--debug`: traces and tracebacks on stderr, without a secret in them."""
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_set_debug,
        help="Show each step on stderr; no secret is in it.",
    )(command)


def refuse_empty(_ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """A callback of click's. Raises click.BadParameter for ""."""
    # It comes from a script's variable that is not set, and must not mean somebody else.
    if value == "":
        raise click.BadParameter("it is empty.", param=option)
    return value


def _set_debug(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    console = ctx.find_root().obj
    if value and isinstance(console, Console):
        import platform

        console.debug = True
        python = f"Python {platform.python_version()} ({platform.python_implementation()})"
        system = f"{platform.system()} {platform.release()} {platform.machine()}"
        console.trace(f"procore-login {__version__}, {python}, {system}")
