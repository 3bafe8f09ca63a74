"""The account's companies after a call that one of them refused; keeps one only if a person types its id."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from procore_cli.cli.prompts import can_ask
from procore_cli.errors import CompanyRefusedError

if TYPE_CHECKING:
    from procore_cli.context import World


_MOST_LISTED = 20
# Longer than any id, and short enough for int().
_LONGEST_ID = 19


def show_companies(world: World, error: CompanyRefusedError) -> None:
    """Tell the error, then the companies; at a terminal one of them can be kept for the calls to come.

    Raises click.Abort at Ctrl-C, and what saving raises: ConfigurationError, StorageError.
    """
    if not error.companies:
        return
    # Whatever becomes of the question, what has happened is said.
    world.teller.fail(error)
    error.is_told = True
    _list(world, error)
    # The variable would win over what is kept.
    if can_ask() and not os.environ.get("PROCORE_COMPANY_ID"):
        _offer(world, {company.id for company in error.companies})


def _list(world: World, error: CompanyRefusedError) -> None:
    say = world.teller.say
    say(f"The companies of this account in {world.settings.environment.name}:")
    for company in error.companies[:_MOST_LISTED]:
        say(f"  {company.id}  {company.name}")
    if len(error.companies) > _MOST_LISTED:
        say(f"  and {len(error.companies) - _MOST_LISTED} more: procore-login api companies")


def _offer(world: World, ids: set[int]) -> None:
    answer = _ask()
    if not answer:
        return
    is_number = answer.isascii() and answer.isdigit() and len(answer) <= _LONGEST_ID
    company = int(answer) if is_number else None
    if company is None or company not in ids:
        world.teller.say("That id was not in the list; nothing is kept.")
        return
    _keep(world, company)


def _ask() -> str:
    prompt = "Keep one of them for the calls to come? Its id, or Enter for none"
    try:
        return str(click.prompt(prompt, default="", show_default=False, err=True)).strip()
    except click.Abort as stopped:
        # Click makes one error of two: at Ctrl-D there is no answer, at Ctrl-C the run is over.
        if not isinstance(stopped.__context__, EOFError):
            raise
        click.echo(err=True)
        return ""


def _keep(world: World, company: int) -> None:
    from procore_cli.config.config_file import Changes
    from procore_cli.flows import app_setup

    app_setup.save(world.settings, app_setup.Draft(Changes(company=company)), world.teller)
    world.teller.say("Run the command again.")
