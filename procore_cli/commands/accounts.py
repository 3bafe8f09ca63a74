"""`procore-login accounts`: who is signed in, in every environment; refuses to open a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from procore_cli.commands import options
from procore_cli.render import Teller

if TYPE_CHECKING:
    from procore_cli.roll import Line


@click.command(epilog="Example: procore-login accounts --check, as a monitoring job would")
@options.environment
@click.option("--check", is_flag=True, help="Ask Procore about each; exit 4 if somebody has to sign in.")
@options.as_json
@options.debug
@click.pass_obj
def command(teller: Teller, environment: str | None, check: bool, as_json: bool) -> None:
    """List who is signed in, in every environment unless --env names one.

    The current account of each is marked with a star.
    """
    from procore_cli import roll, tables
    from procore_cli.settings import Asked
    from procore_cli.world import find_known_environments, open_world

    lines: list[Line] = []
    now = 0.0
    for number, name in enumerate([environment] if environment else find_known_environments(teller)):
        asked = Asked(name, heeds_account=False)
        with open_world(asked, teller, online=check) as world:
            listing = roll.check_lines if check else roll.list_lines
            # Rows that no environment remembers are listed once.
            lines += listing(world, with_strangers=number == 0)
            now = world.clock()
    teller.environment = environment or ""
    if as_json:
        tables.print_json({"accounts": [_json(line, check) for line in lines]})
    elif lines:
        tables.print_columns(_columns(check), [_cells(line, check, now) for line in lines])
    else:
        teller.say("Nobody is signed in. Run procore-login signin --env NAME")
    summary = roll.find_summary(lines) if check else None
    if summary is not None:
        raise summary


def _json(line: Line, check: bool) -> dict[str, Any]:
    from procore_cli import tables

    checked = {"check": _verdict(line), "problem": line.problem and line.problem.message} if check else {}
    return {
        **tables.profile_json(line.profile),
        "current": line.is_current,
        "signed_in": line.is_signed_in,
        **checked,
    }


def _columns(check: bool) -> list[str]:
    return ["Environment", "", "Account", "Id", "Name", "Time left", *(["Check"] if check else [])]


def _cells(line: Line, check: bool, now: float) -> list[str]:
    profile = line.profile
    return [
        profile.environment,
        "*" if line.is_current else "",
        profile.email or "-",
        str(profile.procore_id),
        profile.name or "-",
        _token(line, now),
        *([_verdict(line)] if check else []),
    ]


def _token(line: Line, now: float) -> str:
    from procore_cli import tables

    if line.is_signed_in:
        return tables.time_left(line.profile.expires_at, now)
    return "refused" if line.is_refused else "signed out"


def _verdict(line: Line) -> str:
    if line.needs_a_person:
        return "sign in again"
    if line.problem is not None:
        return "failed"
    return "ok" if line.is_signed_in else "signed out"
