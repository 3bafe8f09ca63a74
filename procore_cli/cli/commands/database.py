"""`procore-login database init`: the tables of a database that many machines share; changes no row."""

from __future__ import annotations

import os

import click

from procore_cli.cli import options, output
from procore_cli.cli.help import ExplainedGroup
from procore_cli.config.shared_database import find_shared_database
from procore_cli.config.variables import find_set
from procore_cli.console import Console
from procore_cli.errors import ConfigurationError


@click.group(
    cls=ExplainedGroup,
    invoke_without_command=True,
    epilog="Example: procore-login database init",
)
@options.debug
@click.pass_context
def database_command(ctx: click.Context) -> None:
    """Make the tables of a PostgreSQL database that many machines share."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@database_command.command(
    short_help="Make the tables, where they are missing.",
    variables=("PROCORE_LOGIN_DB",),
    codes={"2": "", "3": "", "6": "the database cannot be used, or its tables are another version's"},
    epilog="Example: procore-login database init --sql | psql fleet",
)
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL, for somebody who may run it; ask nobody.")
@options.debug
@click.pass_obj
def init(console: Console, as_sql: bool) -> None:
    """Make the tables in the PostgreSQL database of PROCORE_LOGIN_DB.

    What is there stays as it is: it may be run again, and on several machines at once. No key is needed.
    """
    from procore_cli.storage.postgres import schema

    if as_sql:
        output.print_line(schema.SQL.strip())
        return
    shared = find_shared_database(find_set(os.environ))
    if shared is None:
        raise ConfigurationError(
            "PROCORE_LOGIN_DB names no database that machines share.",
            "Let it name one, for example `export PROCORE_LOGIN_DB=postgresql://USER@HOST/NAME`",
            setting="database",
            source="PROCORE_LOGIN_DB",
        )
    from procore_cli.storage.postgres.connection import PostgresDatabase

    schema.init(PostgresDatabase(shared))
    console.say(f"The tables are in {shared.shown}.", "To sign in: `procore-login signin`")
