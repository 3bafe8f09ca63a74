"""The options that several commands share; each stands on the command, never on the group alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from procore_cli.render import Teller

F = TypeVar("F", bound=Callable[..., Any])


def environment(command: F) -> F:
    """`--env NAME`: which of Procore's environments."""
    return click.option(
        "-e",
        "--env",
        "environment",
        metavar="NAME",
        callback=_refuse_empty,
        help="production, sandbox, monthly, federal or demo.",
    )(command)


def account(help_text: str) -> Callable[[F], F]:
    """`--account WHO`: an e-mail or Procore id."""
    return click.option("-a", "--account", metavar="WHO", callback=_refuse_empty, help=help_text)


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
        help="Show each step.",
    )(command)


def _refuse_empty(_ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    # It comes from a script's variable that is not set, and must not mean somebody else.
    if value == "":
        raise click.BadParameter("it is empty.", param=option)
    return value


def _set_debug(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    teller = ctx.find_root().obj
    if value and isinstance(teller, Teller):
        teller.debug = True
