"""`procore-login demo serve` and `demo reset`: the embedded Procore; refuses to touch another environment."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from procore_cli.cli import options, output
from procore_cli.cli.help import ExplainedGroup
from procore_cli.config.settings import Overrides, load_settings
from procore_cli.console import Console
from procore_cli.context import open_context
from procore_cli.errors import PortTakenError
from procore_cli.flows.sign_out import forget_sign_ins
from procore_cli.interruption import SignalError, handling, raise_signal_error

if TYPE_CHECKING:
    from procore_cli.demo.control import RecordedCall
    from procore_cli.demo.server import DemoServer


# The same from run to run where it is free, so that the variables of another terminal stay right.
USUAL_PORT = 4568


@click.group(
    cls=ExplainedGroup,
    invoke_without_command=True,
    epilog="Example: procore-login demo serve",
)
@options.debug
@click.pass_context
def demo_command(ctx: click.Context) -> None:
    """Run a pretend Procore to test against, or forget its state."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@demo_command.command(
    short_help="Run the pretend Procore until Ctrl-C.",
    variables=("PROCORE_LOGIN_HOME",),
    codes={"2": "", "3": "the seed cannot be used", "6": "", "7": "the port of --port is taken"},
    epilog="Example: procore-login demo serve --seed companies.json",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help=f"The port on 127.0.0.1; 0 is any free one. [default: {USUAL_PORT}, else any free one]",
)
@click.option(
    "--seed",
    metavar="FILE",
    shell_complete=options.complete_file,
    help="JSON with users, companies, projects and responses to begin with.",
)
@click.option(
    "--expires-in",
    "lifetime_s",
    type=click.IntRange(1, 10**9),
    default=5400,
    show_default=True,
    metavar="SECONDS",
    help="How long access tokens live.",
)
@click.option("--quiet", is_flag=True, help="Do not list the requests.")
@options.as_json
@options.debug
@click.pass_obj
def serve(
    console: Console, /, port: int | None, seed: str | None, lifetime_s: int, quiet: bool, as_json: bool
) -> None:
    """Run the pretend Procore until Ctrl-C, and print the variables to set.

    Requests are listed on stderr.
    """
    from procore_cli.demo.control import Calls
    from procore_cli.demo.seed import load_seed
    from procore_cli.demo.server import DemoServer

    server_at = partial(
        DemoServer,
        load_settings(_overrides(), os.environ).folder,
        time.time,
        seed=load_seed(Path(seed)) if seed else None,
        lifetime_s=lifetime_s,
        calls=Calls() if quiet else Calls(partial(_list_call, console)),
    )
    # SIGTERM ends it, and is no failure.
    with (
        suppress(SignalError),
        handling(raise_signal_error, [signal.SIGTERM]),
        _start(server_at, port, console) as server,
    ):
        _print_variables(server.url, as_json=as_json)
        console.say(f"The pretend Procore (demo) runs at {server.url}. Ctrl-C ends it.")
        console.say("Set these variables in another terminal.", f"Then, for example: `{_find_first_step()}`")
        how = "curl -X POST -H 'Content-Type: application/json'"
        console.say("Tokens without a browser:", f"`{how} {server.url}/demo/sign-in`")
        console.say("What was called:", f"`curl {server.url}/demo/calls`")
        while True:
            time.sleep(3600)


@demo_command.command(
    short_help="Forget its state and the demo's sign-ins.",
    variables=("PROCORE_LOGIN_HOME", "PROCORE_LOGIN_DB"),
    codes={"2": "", "3": "", "5": "another run holds the lock of an account", "6": ""},
    epilog="Example: procore-login demo reset",
)
@options.debug
@click.pass_obj
def reset(console: Console) -> None:
    """Forget the demo: its sign-ins here, and the pretend Procore's users, projects and tokens.

    No other environment is touched.
    """
    from procore_cli.demo import state

    with open_context(_overrides(), console, online=False) as context:
        count = forget_sign_ins(context)
        had_state = state.forget(context.settings.folder)
    if count:
        console.say(f"demo: forgot {count} signed-in account{'s' if count > 1 else ''}.")
    if had_state:
        console.say("demo: forgot the pretend Procore's users, companies, projects and tokens.")
    if not count and not had_state:
        console.say("demo: there was nothing to forget.")


def _find_first_step() -> str:
    """What signs in to a server that runs elsewhere: there the demo user does not sign in by itself."""
    from shutil import which

    from procore_cli.callback.browser import find_browser

    can_open = find_browser(None, os.environ, sys.platform, which) is not None
    return f"procore-login {'signup' if can_open else 'signin --service-account --company 22222'}"


def _overrides() -> Overrides:
    return Overrides("demo", heeds_account=False, heeds_token=False)


def _start(server_at: Callable[[int], DemoServer], port: int | None, console: Console) -> DemoServer:
    """At the port that was asked for, else at the usual one or any. Raises PortTakenError, StorageError."""
    if port is not None:
        return server_at(port)
    try:
        return server_at(USUAL_PORT)
    except PortTakenError:
        console.say(f"Port {USUAL_PORT} is taken: another one is used.")
        return server_at(0)


def _list_call(console: Console, call: RecordedCall) -> None:
    status = "dropped" if call.status is None else str(call.status)
    where = "" if call.company is None else f" (company {call.company})"
    console.say(f"{time.strftime('%H:%M:%S')} {status} {call.method} {call.path}{where}")


def _print_variables(url: str, *, as_json: bool) -> None:
    """What another terminal has to set, on stdout, at once; id and secret are for other programs."""
    from procore_cli.config.environments import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET

    variables = {"PROCORE_ENV": "demo", "PROCORE_LOGIN_URL": url, "PROCORE_API_URL": url}
    variables |= {"PROCORE_CLIENT_ID": DEMO_CLIENT_ID, "PROCORE_CLIENT_SECRET": DEMO_CLIENT_SECRET}
    if as_json:
        output.print_json(variables)
    else:
        word = "set" if sys.platform == "win32" else "export"
        for name, value in variables.items():
            output.print_line(f"{word} {name}={value}")
    # Whoever reads a pipe waits for them.
    sys.stdout.flush()
