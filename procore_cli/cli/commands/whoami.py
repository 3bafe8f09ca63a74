"""`procore-login whoami`: who is signed in; refuses to open a browser."""

from __future__ import annotations

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedCommand
from procore_cli.render import Teller


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV", "PROCORE_LOGIN_ACCOUNT", "PROCORE_ACCESS_TOKEN"),
    codes={"4": "somebody has to sign in (again)"},
    epilog="Example: procore-login whoami --offline --json",
)
@options.environment
@options.account("Another account than the current one: its e-mail or Procore id.")
@click.option("--offline", is_flag=True, help="Read the database alone: no network, no keyring.")
@options.as_json
@options.debug
@click.pass_obj
def command(
    teller: Teller, environment: str | None, account: str | None, offline: bool, as_json: bool
) -> None:
    """Show who is signed in.

    Asks Procore with a valid token, refreshing it when needed.
    """
    from procore_cli.cli import output
    from procore_cli.config.settings import Asked
    from procore_cli.context import open_world
    from procore_cli.flows import access

    asked = Asked(environment, account, heeds_token=not offline)
    with open_world(asked, teller, online=not offline) as world:
        profile = access.whoami_offline(world) if offline else access.whoami(world)
        output.print_profile(profile, as_json=as_json, now=world.clock(), extra={})
