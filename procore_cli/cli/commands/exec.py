"""`procore-login exec`: a command with an access token in its environment; refuses to open a browser."""

from __future__ import annotations

import sys

import click

from procore_cli.cli import options
from procore_cli.cli.help import CODES, OF_ACCOUNT, ExplainedCommand
from procore_cli.config.settings import Overrides
from procore_cli.console import Console
from procore_cli.context import open_context
from procore_cli.flows import exec_command as child


@click.command(
    cls=ExplainedCommand,
    variables=(*OF_ACCOUNT, "PROCORE_ACCESS_TOKEN", "PROCORE_LOGIN_EXEC"),
    codes=CODES
    | {"126": "COMMAND cannot be started", "127": "COMMAND does not exist", "other": "COMMAND's own"},
    # What follows the command's name is the command's, options too.
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS] [--]",
    epilog="Example: procore-login exec --env sandbox -- python3 sync.py --all",
)
@options.environment
@options.account()
@options.company
@click.option(
    "--min-ttl",
    "min_ttl_s",
    type=click.IntRange(min=0),
    default=900,
    metavar="SECONDS",
    show_default=True,
    help="How long the token must be valid at least.",
)
@options.debug
@click.argument(
    "words",
    metavar="COMMAND...",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    shell_complete=options.complete_file,
)
@click.pass_obj
def exec_command(
    console: Console,
    environment: str | None,
    account: str | None,
    company: int | None,
    min_ttl_s: int,
    words: tuple[str, ...],
) -> None:
    """Run a command with a valid access token in its environment.

    It gets PROCORE_ACCESS_TOKEN, PROCORE_API_URL, PROCORE_ENV, PROCORE_LOGIN_ACCOUNT and, if there is one,
    PROCORE_COMPANY_ID; no client secret, and nothing secret that opens a shared database. Its exit code is
    this command's.
    """
    callers = child.read_callers_environ()
    with open_context(Overrides(environment, account, company), console) as context:
        environ = child.new_environ(context, callers, min_ttl_s)
        # The embedded Procore lives in this process, and Windows cannot replace one.
        stays = context.settings.own_server or sys.platform == "win32"
        code = child.run(words, environ) if stays else None
    if code is None:
        child.become(words, environ)
    child.end_like(code)
