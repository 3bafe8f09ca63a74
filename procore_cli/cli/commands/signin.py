"""`procore-login signin`: the browser flow; refuses to decide anything itself."""

from __future__ import annotations

import click

from procore_cli.cli import options
from procore_cli.cli.commands import browserflow
from procore_cli.cli.help import ExplainedCommand
from procore_cli.render import Teller


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV", "PROCORE_CLIENT_ID", "PROCORE_LOGIN_STORE", "BROWSER", "HTTPS_PROXY"),
    codes={
        "3": "no app, or one that Procore refuses",
        "4": "denied, timed out, or the wrong person",
        "7": "the port is taken, and nobody can paste",
    },
    epilog="Example: procore-login signin --account joecontractor@procore.com",
)
@options.environment
@options.account("Save only if this e-mail or Procore id signs in.")
@browserflow.flow_options
@options.as_json
@options.debug
@click.pass_obj
def command(
    teller: Teller, /, environment: str | None, account: str | None, as_json: bool, **ways: object
) -> None:
    """Sign in with Procore in the browser.

    Somebody who has never signed up here gets a row, as in signup.
    """
    browserflow.run(teller, "signin", environment, account, as_json, ways)
