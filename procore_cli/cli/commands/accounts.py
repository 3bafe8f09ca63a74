"""`procore-login accounts` and `switch`: who is signed in where, and which account is the current one."""

from __future__ import annotations

from typing import Any

import click

from procore_cli.cli import options, output
from procore_cli.cli.help import CODES, OF_DATABASE, OF_PROCORE, ExplainedCommand
from procore_cli.cli.next_step import find_hint
from procore_cli.config.settings import Overrides
from procore_cli.console import Console
from procore_cli.context import open_context
from procore_cli.errors import ProcoreLoginError, SignInNeededError
from procore_cli.flows import accounts
from procore_cli.flows.accounts import Line


@click.command(
    cls=ExplainedCommand,
    variables=OF_PROCORE,
    codes=CODES
    | {
        "4": "with --check: somebody has to sign in (again)",
        "5": "with --check: Procore or the network failed",
    },
    epilog="Example: procore-login accounts --check, as a monitoring job would",
)
@options.environment
@click.option("--check", is_flag=True, help="Ask Procore about each; exit 4 if somebody has to sign in.")
@options.as_json
@options.debug
@click.pass_obj
def accounts_command(console: Console, environment: str | None, check: bool, as_json: bool) -> None:
    """List who is signed in, in every environment unless --env names one.

    The current account of each is marked with a star.
    """
    names = [environment] if environment else accounts.find_known_environments()
    lines: list[Line] = []
    troubles: list[ProcoreLoginError] = []
    for name in names:
        try:
            with open_context(Overrides(name, heeds_account=False), console, online=check) as context:
                # Rows that no environment remembers are listed once.
                lines += accounts.list_lines(context, check=check, with_strangers=name == names[0])
        except ProcoreLoginError as error:
            # What is wrong with one environment must not hide the others.
            if error.exit_code in (2, 3):
                raise
            troubles.append(error.happened_in(name))
    console.environment = environment or ""
    if as_json:
        output.print_json({"accounts": [_json(line, check) for line in lines]})
    elif lines:
        columns = ["Environment", "", "Account", "Id", "Name", "Token until", *(["Check"] if check else [])]
        output.print_columns(columns, [_cells(line, check) for line in lines])
    elif not check and not troubles:
        nobody = accounts.new_nobody_error(environment)
        console.say(nobody.message, find_hint(nobody))
    _end(console, lines, troubles, accounts.find_summary(lines, environment) if check else None)


def _end(
    console: Console,
    lines: list[Line],
    troubles: list[ProcoreLoginError],
    summary: ProcoreLoginError | None,
) -> None:
    """Raise what matters most, once everything else that is wrong has been told."""
    if summary is not None and (isinstance(summary, SignInNeededError) or not troubles):
        troubles.insert(0, summary)
    for line in lines:
        if line.problem is not None and line.problem is not summary:
            who = f"{line.profile.environment}, {line.listed.account.label}"
            console.warn(f"{who}: {line.problem.message}")
    for trouble in troubles[1:]:
        console.warn(str(trouble))
    if troubles:
        raise troubles[0]


def _json(line: Line, check: bool) -> dict[str, Any]:
    checked = {"check": _verdict(line), "problem": line.problem and line.problem.message} if check else {}
    return {
        **output.profile_json(line.profile),
        "current": line.listed.is_current,
        "signed_in": line.listed.is_signed_in,
        **checked,
    }


def _cells(line: Line, check: bool) -> list[str]:
    profile = line.profile
    return [
        profile.environment,
        "*" if line.listed.is_current else "",
        line.listed.account.label if profile.kind == "service" else profile.email or "-",
        str(profile.procore_id),
        profile.name or "-",
        token_end(line) if output.is_drawn() else _time_left(line),
        *([_verdict(line)] if check else []),
    ]


def token_end(line: Line) -> str:
    """What a person reads; a pipe gets `_time_left`, as always."""
    if not line.listed.is_signed_in:
        return "sign in again" if line.listed.is_refused else "signed out"
    end = line.listed.find_shown_end(line.seen_at)
    if end is None:
        return "refused"
    return output.local_time(end, line.seen_at) if end > line.seen_at else "expired"


def _time_left(line: Line) -> str:
    if line.listed.is_signed_in:
        return output.time_left(line.listed.find_shown_end(line.seen_at), line.seen_at)
    return "refused" if line.listed.is_refused else "signed out"


def _verdict(line: Line) -> str:
    if line.needs_a_person:
        return "sign in again"
    if line.problem is not None:
        return "failed"
    return "ok" if line.listed.is_signed_in else "signed out"


@click.command(
    cls=ExplainedCommand,
    variables=(*OF_DATABASE, "PROCORE_COMPANY_ID", "PROCORE_CLIENT_ID"),
    codes={"2": "WHO is nobody here, or more than one", "3": "", "4": "WHO is not signed in", "6": ""},
    epilog="Example: procore-login switch joecontractor@procore.com",
)
@click.argument("who", shell_complete=options.complete_account)
@options.environment
@options.company
@options.as_json
@options.debug
@click.pass_obj
def switch_command(
    console: Console, who: str, environment: str | None, company: int | None, as_json: bool
) -> None:
    """Make WHO, an e-mail, a Procore id or service-account, the current account of an environment.

    The other commands use the current account unless --account names another one.
    """
    with open_context(
        Overrides(environment, company=company, heeds_account=False), console, online=False
    ) as context:
        profile = accounts.switch(context, who)
        output.print_profile(profile, as_json=as_json, now=context.clock())
