"""`procore-login whoami`, `refresh` and `token`: who is signed in, and a valid token; opens no browser."""

from __future__ import annotations

import click

from procore_cli.cli import options, output
from procore_cli.cli.help import ExplainedCommand
from procore_cli.config.settings import Overrides
from procore_cli.console import Console
from procore_cli.context import open_context
from procore_cli.flows import access


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV", "PROCORE_LOGIN_ACCOUNT", "PROCORE_ACCESS_TOKEN"),
    codes={"4": "somebody has to sign in (again)"},
    epilog="Example: procore-login whoami --offline --json",
)
@options.environment
@options.account()
@click.option("--offline", is_flag=True, help="Read the database alone: no network, no keyring.")
@options.as_json
@options.debug
@click.pass_obj
def whoami_command(
    console: Console, environment: str | None, account: str | None, offline: bool, as_json: bool
) -> None:
    """Show who is signed in.

    Asks Procore with a valid token, refreshing it when needed.
    """
    overrides = Overrides(environment, account, heeds_token=not offline)
    with open_context(overrides, console, online=not offline) as context:
        profile = access.whoami_offline(context) if offline else access.whoami(context)
        output.print_profile(profile, as_json=as_json, now=context.clock())


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV", "PROCORE_LOGIN_ACCOUNT"),
    codes={"4": "Procore refused the refresh token: sign in again"},
    epilog="Example: procore-login refresh --env sandbox",
)
@options.environment
@options.account()
@options.as_json
@options.debug
@click.pass_obj
def refresh_command(console: Console, environment: str | None, account: str | None, as_json: bool) -> None:
    """Exchange the refresh token for new tokens now.

    The other commands refresh by themselves when they need to.
    """
    with open_context(Overrides(environment, account, heeds_token=False), console) as context:
        profile = access.refresh(context)
        output.print_profile(profile, as_json=as_json, now=context.clock())


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV", "PROCORE_LOGIN_ACCOUNT", "PROCORE_ACCESS_TOKEN"),
    codes={"4": "somebody has to sign in (again)", "5": "Procore or the network failed"},
    epilog='Example: procore-login token, as in curl -H "Authorization: Bearer $(procore-login token)" ...',
)
@options.environment
@options.account()
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
def token_command(console: Console, environment: str | None, account: str | None, min_ttl_s: int) -> None:
    """Print an access token, refreshing it when needed, and nothing else.

    It is a secret: whoever has it can act for you until it expires.
    """
    with open_context(Overrides(environment, account), console, online=False) as context:
        token = access.token(context, min_ttl_s)
        if context.settings.is_demo:
            console.say("This token is the pretend Procore's: it works with `demo serve` alone.")
        output.print_line(token)
