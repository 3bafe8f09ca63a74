"""`procore-login token`: a valid access token on stdout, for scripts; refuses to open a browser."""

from __future__ import annotations

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedCommand
from procore_cli.render import Teller


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV", "PROCORE_LOGIN_ACCOUNT", "PROCORE_ACCESS_TOKEN"),
    codes={"4": "somebody has to sign in (again)", "5": "Procore or the network failed"},
    epilog='Example: procore-login token, as in curl -H "Authorization: Bearer $(procore-login token)" ...',
)
@options.environment
@options.account("Another account than the current one: its e-mail or Procore id.")
@click.option(
    "--min-ttl",
    "min_ttl_s",
    type=click.IntRange(min=0),
    default=60,
    metavar="SECONDS",
    show_default=True,
    help="How long the token must be valid at least.",
)
@options.debug
@click.pass_obj
def command(teller: Teller, environment: str | None, account: str | None, min_ttl_s: int) -> None:
    """Print an access token, refreshing it when needed, and nothing else.

    It is a secret: whoever has it can act for you until it expires.
    """
    from procore_cli.cli import output
    from procore_cli.config.settings import Asked
    from procore_cli.context import open_world
    from procore_cli.flows import access

    with open_world(Asked(environment, account), teller, online=False) as world:
        token = access.token(world, min_ttl_s)
        if world.settings.is_demo:
            teller.say("This token is the pretend Procore's: it works with `demo serve` alone.")
        output.print_line(token)
