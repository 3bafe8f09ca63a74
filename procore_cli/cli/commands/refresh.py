"""`procore-login refresh`: new tokens now; refuses to open a browser."""

from __future__ import annotations

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedCommand
from procore_cli.render import Teller


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV", "PROCORE_LOGIN_ACCOUNT"),
    codes={"4": "Procore refused the refresh token: sign in again"},
    epilog="Example: procore-login refresh --env sandbox",
)
@options.environment
@options.account("Another account than the current one: its e-mail or Procore id.")
@options.as_json
@options.debug
@click.pass_obj
def command(teller: Teller, environment: str | None, account: str | None, as_json: bool) -> None:
    """Exchange the refresh token for new tokens now.

    The other commands refresh by themselves when they need to.
    """
    from procore_cli.cli import output
    from procore_cli.config.settings import Asked
    from procore_cli.context import open_world
    from procore_cli.flows import access

    with open_world(Asked(environment, account, heeds_token=False), teller) as world:
        profile = access.refresh(world)
        output.print_profile(profile, as_json=as_json, now=world.clock(), extra={})
