"""`procore-login completion`, and the answer to a shell that asks how a word may go on.

The answer is click's own; the scripts beside this file are ours, since click's for bash does not know `@`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import BashComplete, add_completion_class, shell_complete, split_arg_string

from procore_cli.cli import options, output
from procore_cli.cli.help import ExplainedCommand

# Set by the scripts; click's own protocol.
VARIABLE = "_PROCORE_LOGIN_COMPLETE"


@click.command(
    cls=ExplainedCommand,
    codes={"2": "", "6": ""},
    epilog="Example: procore-login completion bash >> ~/.bashrc",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
@options.debug
def completion_command(shell: str) -> None:
    """Print a script that completes commands, options, environments and accounts in SHELL.

    SHELL is bash (4.4 or newer; macOS brings 3.2), zsh or fish. To install it, once:

    \b
    bash  procore-login completion bash >> ~/.bashrc
    zsh   procore-login completion zsh >> ~/.zshrc
    fish  procore-login completion fish >> ~/.config/fish/config.fish

    Completing reads the database alone: no network, no keyring.
    """
    script = Path(__file__).with_suffix(f".{shell}").read_text("utf-8")
    output.print_line(script.rstrip("\n"))


def answer(group: click.Group) -> None:
    """Print what the shell asks for; where something is wrong, nothing at all. Raises nothing."""
    add_completion_class(_Bash)
    # A message would land in the middle of what somebody types.
    with suppress(Exception):
        shell_complete(group, {}, "procore-login", VARIABLE, os.environ[VARIABLE])


class _Bash(BashComplete):
    """As click's, but for the words: bash's own count ends one at `@`, too."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        return words, incomplete
