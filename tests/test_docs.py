"""README, Makefile and the program agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from procore_cli import __version__
from procore_cli.cli import COMMANDS
from procore_cli.environments import ENVIRONMENTS
from tests.cli import Machine

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def first_block() -> list[str]:
    return re.findall(r"```console\n(.*?)```", README, re.DOTALL)[0].splitlines()


def test_the_readmes_first_block_is_two_commands_which_the_makefile_shares() -> None:
    demo, test = (line.replace("python3", "$(PYTHON)", 1) for line in first_block())

    assert f"demo:\n\t{demo}\n" in MAKEFILE
    assert f"test:\n\t{test}\n" in MAKEFILE


def test_the_readme_names_every_command_and_environment() -> None:
    for command in COMMANDS:
        assert f"| `procore-login {command}` |" in README
    for environment in ENVIRONMENTS.values():
        assert f"| `{environment.name}` |" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")

    for option in ("--help", "-h"):
        result = machine.run_here(command, option)
        assert result.code == 0
        assert f"procore-login {command}" in result.out
        assert "--debug" in result.out
        assert "Example: procore-login" in result.out
    assert not machine.data.exists()


def test_alone_it_shows_the_commands(tmp_path: Path) -> None:
    result = Machine(tmp_path / "machine").run_here()

    assert result.code == 0
    for command, help_line in COMMANDS.items():
        assert command in result.out
        assert help_line in result.out


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert Machine(tmp_path / "machine").run("--version").out == f"procore-login {__version__}\n"
