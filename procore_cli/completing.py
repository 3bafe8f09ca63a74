"""The answer to a shell that asks how a word may go on; says nothing at all where something is wrong.

Built on click's own shell completion; the scripts are ours, because click's bash script does not know `@`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

from procore_cli.completion_scripts import SCRIPTS

if TYPE_CHECKING:
    import click

# What bash takes for the word, which it ends at `@`, `=` and `:` too.
_BASH_WORD = "_PROCORE_LOGIN_WORD"
_PROGRAM = "procore-login"


def answer(group: click.Group, instruction: str, variable: str) -> None:
    """Print what `variable` asks for: SHELL_complete, or SHELL_source. Raises nothing."""
    shell, _, action = instruction.partition("_")
    kind = _SHELLS.get(shell)
    if kind is None:
        return
    try:
        complete = kind(group, {}, _PROGRAM, variable)
        text = complete.source() if action == "source" else complete.complete()
        # As bytes: Windows would write two characters for each line break.
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
        sys.stdout.flush()
    except Exception:  # noqa: BLE001, S110 - a message would land in the middle of what somebody types
        pass


class _Bash(BashComplete):
    """Completes the whole word, and gives back what bash takes for its end."""

    _cut = 0

    def source(self) -> str:
        """The script."""
        return SCRIPTS["bash"]

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that."""
        if _BASH_WORD not in os.environ:
            return super().get_completion_args()
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        incomplete = "" if line[-1:].isspace() or not words else words.pop()
        value = _value_of(incomplete)
        self._cut = max(0, len(value) - len(os.environ[_BASH_WORD].removeprefix("=")))
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """A line for the script."""
        return f"{item.type},{item.value[self._cut :]}" if item.type == "plain" else f"{item.type},"


class _Zsh(ZshComplete):
    """As click's, with our script."""

    def source(self) -> str:
        """The script."""
        return SCRIPTS["zsh"]


class _Fish(FishComplete):
    """As click's; fish replaces the whole word, the option's name too."""

    _before = ""

    def source(self) -> str:
        """The script."""
        return SCRIPTS["fish"]

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that."""
        args, incomplete = super().get_completion_args()
        self._before = incomplete.removesuffix(_value_of(incomplete))
        return args, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """A line for the script."""
        whole = CompletionItem(self._before + item.value, item.type, item.help)
        return super().format_completion(whole)


_SHELLS: Mapping[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def _value_of(word: str) -> str:
    """What of `--option=value` is completed."""
    return word.partition("=")[2] if word.startswith("-") and "=" in word else word
