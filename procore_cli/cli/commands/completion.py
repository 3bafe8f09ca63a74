"""`procore-login completion`: a script for a shell on stdout; refuses to change the shell's files itself."""

from __future__ import annotations

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedCommand


@click.command(cls=ExplainedCommand, epilog="Example: procore-login completion bash >> ~/.bashrc")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
@options.debug
def completion_command(shell: str) -> None:
    """Print a script that completes commands, options, environments and accounts in SHELL.

    SHELL is bash (3.2 or newer), zsh or fish. To install it, once:

    \b
    bash  procore-login completion bash >> ~/.bashrc
    zsh   procore-login completion zsh >> ~/.zshrc
    fish  procore-login completion fish >> ~/.config/fish/config.fish

    Completing reads the database alone: no network, no keyring.
    """
    from procore_cli.cli import output
    from procore_cli.cli.completion import SCRIPTS

    output.print_line(SCRIPTS[shell].rstrip("\n"))
