"""`procore-login signout`: the tokens revoked at Procore and deleted here; refuses to open a browser."""

from __future__ import annotations

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedCommand
from procore_cli.errors import UsageMistakeError
from procore_cli.render import Teller


@click.command(
    cls=ExplainedCommand,
    variables=("PROCORE_ENV", "PROCORE_LOGIN_ACCOUNT"),
    codes={"5": "deleted here, but Procore was not reached: the tokens may still live there"},
    epilog="Example: procore-login signout --env sandbox --all",
)
@options.environment
@options.account("Another account than the current one: its e-mail or Procore id.")
@click.option("--all", "everyone", is_flag=True, help="Sign out every account of the environment.")
@options.debug
@click.pass_obj
def command(teller: Teller, environment: str | None, account: str | None, everyone: bool) -> None:
    """Revoke the tokens at Procore, and delete them here.

    The user's row stays, so that signing in again finds it.
    """
    from procore_cli.config.settings import Asked
    from procore_cli.context import open_world
    from procore_cli.flows import sign_out

    if everyone and account is not None:
        raise UsageMistakeError(
            "--all and --account exclude each other.", "See procore-login signout --help."
        )
    asked = Asked(environment, account, heeds_account=not everyone, heeds_token=False)
    with open_world(asked, teller) as world:
        if everyone:
            sign_out.sign_out_all(world)
        else:
            sign_out.sign_out(world)
