"""`procore-login doctor`: the whole path to a sign-in, looked at; refuses to change or to send a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedCommand
from procore_cli.console import Console

if TYPE_CHECKING:
    from procore_cli.cli.doctor.context import Check


@click.command(
    cls=ExplainedCommand,
    epilog="Example: procore-login doctor --env sandbox --offline",
    variables=["PROCORE_ENV", "PROCORE_LOGIN_HOME", "PROCORE_LOGIN_DB", "HTTPS_PROXY"],
    codes={"0": "signing in can work", "other": "that of the first check that failed"},
)
@options.environment
@click.option("--offline", is_flag=True, help="Skip what needs the network.")
@options.as_json
@options.debug
@click.pass_obj
def doctor_command(console: Console, environment: str | None, offline: bool, as_json: bool) -> None:
    """Check the whole path to a sign-in and say what to do.

    Refreshes nothing and shows no secret: its report can be pasted into an issue. It ends with the exit code
    of the first check that failed, and with 0 only if signing in can work.
    """
    from procore_cli.cli import output
    from procore_cli.cli.doctor.context import open_doctor_context
    from procore_cli.cli.doctor.examination import examine
    from procore_cli.config.settings import Overrides

    found: list[Check] = []
    with open_doctor_context(
        Overrides(environment, heeds_account=False), console, offline=offline
    ) as context:
        for check in examine(context):
            found.append(check)
            if not as_json:
                output.print_check(check.status, check.name, check.detail, check.fix)
    _end(found, context.name, console, as_json=as_json, offline=offline)


def _end(found: list[Check], environment: str, console: Console, *, as_json: bool, offline: bool) -> None:
    """Print the JSON, say the sum, and raise the first failure."""
    from procore_cli.cli import output

    broken = [check for check in found if check.error is not None]
    if as_json:
        output.print_json({"ok": not broken, "checks": [_new_json(check) for check in found]})
    elif not broken:
        seen = ", as far as can be seen offline" if offline else ""
        console.say(f"Signing in to {environment} can work{seen}.")
    else:
        names = ", ".join(check.name for check in broken)
        console.say(f"Signing in to {environment} cannot work yet: see {names}.")
    for error in (check.error for check in broken):
        if error is not None:
            # The report has told it.
            error.is_told = True
            raise error


def _new_json(check: Check) -> dict[str, str]:
    return {"name": check.name, "status": check.status, "detail": check.detail, "fix": check.fix}
