"""The command group, and the one place where an error becomes an exit code; refuses to know what commands do.

Commands are loaded when they are run: the start-up time of one does not pay for the others.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from procore_cli import __version__
from procore_cli.cli.help import SECTIONS, ExplainedGroup, read_mistake, write_commands
from procore_cli.console import Console
from procore_cli.errors import NobodySignedInError, OutputError, ProcoreLoginError, UnknownAccountError
from procore_cli.log import heard_by

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_PROGRAM = "procore-login"
# What asks for completion (procore_cli.cli.completion).
_COMPLETE = "_PROCORE_LOGIN_COMPLETE"
# What shells say of SIGINT: 128 + 2.
_INTERRUPTED = 130
_NOT_WRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF})

COMMANDS = {name: listed for section in SECTIONS.values() for name, listed in section.items()}


class LazyGroup(ExplainedGroup):
    """A group that knows its commands' names and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. Returns None for a name that is none of ours."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"procore_cli.cli.{COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed. Raises click.NoSuchCommand with those that are near."""
        if args[0] not in COMMANDS:
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        write_commands(formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The commands, or the program's own options, that begin with a word."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        from click.shell_completion import CompletionItem

        # click would import all of them; somebody waits in the middle of a word.
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        return [CompletionItem(name, help=COMMANDS[name].line) for name in names]


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    options_metavar="COMMAND [OPTIONS]",
    subcommand_metavar="",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="All about one command: procore-login COMMAND --help",
)
@click.version_option(__version__, "--version", message="procore-login %(version)s", help="Show the version.")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Sign in to Procore from the command line, and stay signed in.

    Try it without an account: procore-login signup --env demo
    """
    if ctx.invoked_subcommand is None:
        from procore_cli.cli.welcome import greet

        greet(ctx.obj)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code (contract, *Exit codes*)."""
    _escape_what_cannot_be_shown()
    if os.environ.get(_COMPLETE):
        from procore_cli.cli.completion import answer

        answer(group)
        return 0
    started = time.monotonic()
    console = Console(find_default=_find_default)
    with heard_by(console):
        code = _run(arguments, console)
    console.trace(f"ended with exit code {code} after {(time.monotonic() - started) * 1000:.0f} ms")
    return code


def _find_default() -> str:
    """The environment that is in force without an option."""
    # Only what a person reads asks for it.
    from procore_cli.config.settings import find_default_environment

    return find_default_environment(os.environ)


def _run(arguments: Sequence[str], console: Console) -> int:
    try:
        # Not `group.main`, for which a reader that has gone is a failure. Exit: --help and --version.
        with (
            suppress(click.exceptions.Exit),
            group.make_context(_PROGRAM, list(arguments), obj=console) as context,
        ):
            group.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except (click.Abort, EOFError, KeyboardInterrupt):
        console.say("")
        console.say("Stopped.")
        return _INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
    except Exception as error:  # noqa: BLE001 - this is the boundary: nothing is left to catch it
        return _end(console, _read_error(error, arguments))
    return 0


def _read_error(error: Exception, arguments: Sequence[str]) -> ProcoreLoginError:
    """The error as one of ours."""
    if isinstance(error, ProcoreLoginError):
        return error
    if isinstance(error, click.ClickException):
        return read_mistake(error, arguments)
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
        _silence_stdout()
        what = f"Standard output cannot be written: {error.strerror}."
        return OutputError(what, "Send the output somewhere that takes it.")
    # Only the class: the text of a foreign exception may hold anything.
    bug = ProcoreLoginError(
        f"This is a bug in procore-login {__version__} ({type(error).__name__}).",
        "Run the command again with --debug and report what it prints; it holds no secret.",
    )
    bug.__cause__ = error
    return bug


def _escape_what_cannot_be_shown() -> None:
    """A name that the terminal's encoding lacks must not end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end(console: Console, error: ProcoreLoginError) -> int:
    if console.debug:
        _trace_back(console, error)
    if isinstance(error, (NobodySignedInError, UnknownAccountError)):
        # Only where it is asked for: it looks at each environment's database.
        from procore_cli.cli.next_step import find_hint

        error.hint = find_hint(error.happened_in(console.environment))
    if not error.is_told:
        console.fail(error)
    return error.exit_code


def _trace_back(console: Console, error: BaseException) -> None:
    import traceback

    cause = error.__cause__
    if cause is not None:
        _trace_back(console, cause)
    for line in "".join(traceback.format_tb(error.__traceback__)).splitlines():
        console.trace(line)
    # The text of a foreign exception may hold anything, a secret too: its class has to do.
    console.trace(
        f"{type(error).__name__}: {error}" if isinstance(error, ProcoreLoginError) else type(error).__name__
    )


def _silence_stdout() -> None:
    """Whoever read our stdout has gone (`| head`); the interpreter's last flush must not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
