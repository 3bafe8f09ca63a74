"""`procore-login switch`: which account is the current one; refuses to touch network and keyring."""

from __future__ import annotations

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedCommand
from procore_cli.render import Teller


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV",),
    codes={"2": "WHO is nobody here, or more than one", "4": "WHO is not signed in"},
    epilog="Example: procore-login switch joecontractor@procore.com",
)
@click.argument("who", shell_complete=options.complete_account)
@options.environment
@options.as_json
@options.debug
@click.pass_obj
def command(teller: Teller, who: str, environment: str | None, as_json: bool) -> None:
    """Make WHO, an e-mail or a Procore id, the current account of an environment.

    The other commands use the current account unless --account names another one.
    """
    from procore_cli.cli import output
    from procore_cli.config.settings import Asked
    from procore_cli.context import open_world
    from procore_cli.flows import accounts

    with open_world(Asked(environment, heeds_account=False), teller, online=False) as world:
        profile = accounts.switch(world, who)
        output.print_profile(profile, as_json=as_json, now=world.clock(), extra={})
