"""`procore-login demo serve` and `demo reset`: the embedded Procore; refuses to touch another environment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedGroup
from procore_cli.console import Console

if TYPE_CHECKING:
    from procore_cli.config.settings import Overrides
    from procore_cli.demo.exchange import RecordedCall
    from procore_cli.demo.responses import Conditions
    from procore_cli.demo.seed import Seed
    from procore_cli.demo.server import DemoServer


@dataclass(frozen=True)
class Plan:
    """What to run: over which data folder, with what in it, how it behaves; `is_quiet` lists no requests."""

    folder: Path
    seed: Seed | None
    conditions: Conditions
    is_quiet: bool


@contextmanager
def running(plan: Plan, ports: Sequence[int], console: Console) -> Iterator[DemoServer]:
    """A server at the first of the ports that is to be had. Raises PortTakenError, StorageError."""
    server = _start(plan, ports, console)
    try:
        yield server
    finally:
        server.close()


def print_variables(url: str, *, as_json: bool) -> None:
    """What another terminal has to set, on stdout, at once."""
    from procore_cli.cli import output

    variables = {"PROCORE_ENV": "demo", "PROCORE_LOGIN_URL": url, "PROCORE_API_URL": url}
    if as_json:
        output.print_json(variables)
    else:
        word = "set" if sys.platform == "win32" else "export"
        for name, value in variables.items():
            output.print_line(f"{word} {name}={value}")
    # Whoever reads a pipe waits for them.
    sys.stdout.flush()


def explain(url: str, console: Console) -> None:
    """What to do next."""
    console.say(f"The pretend Procore (demo) runs at {url}. Ctrl-C ends it.")
    console.say("Set these variables in another terminal; then, for example: procore-login signup")
    console.say(f"A token without a browser: curl -X POST {url}/demo/tokens")
    console.say(f"What was called: curl {url}/demo/calls")


def wait_for_ever() -> None:
    """Until a signal."""
    import time

    while True:
        time.sleep(3600)


class _TerminatedError(BaseException):
    """SIGTERM: what was asked for is done."""


@contextmanager
def ending_with_sigterm() -> Iterator[None]:
    """SIGTERM ends the block, and is no failure."""
    import signal

    def end(*_: object) -> None:
        raise _TerminatedError

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except _TerminatedError:
        pass
    finally:
        signal.signal(signal.SIGTERM, former)


def _start(plan: Plan, ports: Sequence[int], console: Console) -> DemoServer:
    import time

    from procore_cli.demo.exchange import Calls
    from procore_cli.demo.server import DemoServer
    from procore_cli.errors import PortTakenError

    calls = Calls() if plan.is_quiet else Calls(_new_log(console))
    server = DemoServer(
        plan.folder,
        time.time,
        console.warn_once,
        ports[0],
        seed=plan.seed,
        conditions=plan.conditions,
        calls=calls,
    )
    try:
        server.start()
    except PortTakenError:
        if len(ports) == 1:
            raise
        console.say(f"Port {ports[0]} is taken: another one is used.")
        return _start(plan, ports[1:], console)
    return server


def _new_log(console: Console) -> Callable[[RecordedCall], None]:
    import time

    def log(call: RecordedCall) -> None:
        status = "dropped" if call.status is None else str(call.status)
        where = "" if call.company is None else f" (company {call.company})"
        console.say(f"{time.strftime('%H:%M:%S')} {status} {call.method} {call.path}{where}")

    return log


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
    epilog="Example: procore-login demo serve --rate-limit 20/10s --fail /rest/v1.0/projects=503:2",
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
    help="JSON with users, companies and projects to begin with.",
)
@click.option(
    "--expires-in",
    "lifetime_s",
    type=click.IntRange(1, 10**9),
    metavar="SECONDS",
    help="How long access tokens live. [default: 5400]",
)
@click.option(
    "--rate-limit",
    "limits",
    multiple=True,
    metavar="N[/TIME]",
    help="Allow N calls of the API an hour, or for example 20/10s; may be repeated.",
)
@click.option(
    "--fail",
    "faults",
    multiple=True,
    metavar="PATH=STATUS[:COUNT]",
    help="Answer a path with 400 to 599, or drop the connection (drop); may be repeated.",
)
@click.option(
    "--latency",
    "latencies",
    multiple=True,
    metavar="[PATH=]SECONDS",
    help="Answer late, everywhere or at a path; may be repeated.",
)
@click.option("--quiet", is_flag=True, help="Do not list the requests.")
@options.as_json
@options.debug
@click.pass_obj
def serve(
    console: Console, /, port: int | None, seed: str | None, quiet: bool, as_json: bool, **behaviour: Any
) -> None:
    """Run the pretend Procore until Ctrl-C, and print the variables to set.

    PATH may begin with a method and a space, and end with *. Requests are listed on stderr.
    """
    import os
    from pathlib import Path

    from procore_cli.config.settings import load_settings
    from procore_cli.demo.seed import load_seed

    plan = Plan(
        load_settings(_overrides(), os.environ).folder,
        load_seed(Path(seed)) if seed else None,
        _read_conditions(**behaviour),
        is_quiet=quiet,
    )
    ports = (USUAL_PORT, 0) if port is None else (port,)
    with ending_with_sigterm(), running(plan, ports, console) as server:
        print_variables(server.url, as_json=as_json)
        explain(server.url, console)
        wait_for_ever()


@demo_command.command(
    short_help="Forget its state and the demo's sign-ins.", epilog="Example: procore-login demo reset"
)
@options.debug
@click.pass_obj
def reset(console: Console) -> None:
    """Forget the demo: its sign-ins here, and the pretend Procore's users, projects and tokens.

    No other environment is touched.
    """
    from procore_cli.context import open_context
    from procore_cli.demo import state
    from procore_cli.flows.sign_out import forget_sign_ins

    with open_context(_overrides(), console, online=False) as context:
        count = forget_sign_ins(context)
        had_state = state.forget(context.settings.folder, console.warn_once)
    if count:
        console.say(f"demo: forgot {count} signed-in account{'s' if count > 1 else ''}.")
    if had_state:
        console.say("demo: forgot the pretend Procore's users, companies, projects and tokens.")
    if not count and not had_state:
        console.say("demo: there was nothing to forget.")


def _overrides() -> Overrides:
    from procore_cli.config.settings import Overrides

    return Overrides("demo", heeds_account=False, heeds_token=False)


def _read_conditions(
    lifetime_s: int | None, limits: tuple[str, ...], faults: tuple[str, ...], latencies: tuple[str, ...]
) -> Conditions:
    import time

    from procore_cli.config.environments import DEMO_TOKEN_LIFETIME_S
    from procore_cli.demo.responses import Conditions, read_fault, read_latency, read_limit

    return Conditions(
        time.time,
        lifetime_s=lifetime_s or DEMO_TOKEN_LIFETIME_S,
        faults=map(read_fault, faults),
        latencies=map(read_latency, latencies),
        limits=map(read_limit, limits),
    )
