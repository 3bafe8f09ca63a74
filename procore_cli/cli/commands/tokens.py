"""`procore-login whoami`, `refresh` and `token`: who is signed in, and a valid token; opens no browser."""

from __future__ import annotations

import sys

import click

from procore_cli.cli import options, output
from procore_cli.cli.help import CODES, OF_ACCOUNT, ExplainedCommand
from procore_cli.config.settings import Overrides
from procore_cli.console import Console
from procore_cli.context import open_context
from procore_cli.errors import UsageMistakeError
from procore_cli.flows import access
from procore_cli.models import utc

_LONGEST_TOKEN = 64 * 1024


@click.command(
    cls=ExplainedCommand,
    variables=(*OF_ACCOUNT, "PROCORE_ACCESS_TOKEN"),
    codes=CODES,
    epilog="Example: procore-login whoami --offline --json",
)
@options.environment
@options.account()
@options.company
@click.option("--offline", is_flag=True, help="Read the database alone: no network, no keyring.")
@options.as_json
@options.debug
@click.pass_obj
def whoami_command(
    console: Console,
    environment: str | None,
    account: str | None,
    company: int | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Show who is signed in.

    Asks Procore with a valid token, refreshing it when needed.
    """
    overrides = Overrides(environment, account, company, heeds_token=not offline)
    with open_context(overrides, console, online=not offline) as context:
        profile = access.whoami_offline(context) if offline else access.whoami(context)
        output.print_profile(profile, as_json=as_json, now=context.clock())


@click.command(
    cls=ExplainedCommand,
    variables=OF_ACCOUNT,
    codes=CODES,
    epilog="Example: procore-login refresh --env sandbox",
)
@options.environment
@options.account()
@options.company
@options.as_json
@options.debug
@click.pass_obj
def refresh_command(
    console: Console, environment: str | None, account: str | None, company: int | None, as_json: bool
) -> None:
    """Exchange the refresh token for new tokens now; a service account asks for a new one.

    The other commands refresh by themselves when they need to.
    """
    with open_context(Overrides(environment, account, company, heeds_token=False), console) as context:
        profile = access.refresh(context)
        output.print_profile(profile, as_json=as_json, now=context.clock())


@click.command(
    cls=ExplainedCommand,
    variables=(*OF_ACCOUNT, "PROCORE_ACCESS_TOKEN"),
    codes=CODES,
    epilog="Example: procore-login token --min-ttl 600",
)
@options.environment
@options.account()
@options.company
@click.option(
    "--min-ttl",
    "min_ttl_s",
    type=click.IntRange(min=0),
    default=60,
    metavar="SECONDS",
    show_default=True,
    help="How long the token must be valid at least.",
)
@click.option(
    "--refused-stdin",
    "reads_refused",
    is_flag=True,
    help="Not the token on standard input, to which Procore answered 401.",
)
@options.as_json
@options.debug
@click.pass_obj
def token_command(
    console: Console,
    environment: str | None,
    account: str | None,
    company: int | None,
    min_ttl_s: int,
    reads_refused: bool,
    as_json: bool,
) -> None:
    """Print an access token, refreshing it when needed, and nothing else.

    It is a secret: whoever has it can act for you until it expires.
    """
    refused = _read_refused() if reads_refused else None
    with open_context(Overrides(environment, account, company), console, online=False) as context:
        token = access.find_any_token(context, min_ttl_s, refused)
        if context.settings.is_demo:
            console.say("This token is the pretend Procore's: it works with demo serve alone.")
        if not as_json:
            output.print_line(token.text)
            return
        place = context.settings.environment
        output.print_json(
            {
                "access_token": token.text,
                "expires_at": None if token.expires_at is None else utc(token.expires_at),
                "environment": place.name,
                # The embedded Procore has no address while it does not run.
                "api_url": place.api_url or None,
            }
        )


def _read_refused() -> str:
    if sys.stdin is None:
        raise UsageMistakeError("Standard input is closed.", "Pass the refused token on standard input.")
    try:
        text = sys.stdin.read(_LONGEST_TOKEN)
    except UnicodeDecodeError:
        text = ""
    # PowerShell puts a mark before it; and some have the whole header.
    token = text.removeprefix("\ufeff").strip().removeprefix("Bearer ").strip()
    if not token or not token.isascii() or len(token.split()) != 1:
        raise UsageMistakeError("There is no token on standard input.", "Pass the refused token there.")
    return token
