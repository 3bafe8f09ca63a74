"""`procore-login signup`: the browser flow; refuses to decide anything itself."""

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
        "4": "denied, timed out",
        "7": "the port is taken, and nobody can paste",
    },
    epilog="Example: procore-login signup --env sandbox",
)
@options.environment
@browserflow.flow_options
@options.as_json
@options.debug
@click.pass_obj
def command(teller: Teller, /, environment: str | None, as_json: bool, **ways: object) -> None:
    """Sign up with Procore in the browser.

    Creates your row here, keeps your tokens in the keyring, and shows your profile. Somebody who has
    signed up before is signed in.
    """
    browserflow.run(teller, "signup", environment, None, as_json, ways)
