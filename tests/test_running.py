"""How a command runs beside this process, and how this process then ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from procore_cli.errors import CommandNotRunnableError
from procore_cli.flows import exec_command

USR1_ENDS_IT = "trap 'exit 9' USR1; kill -USR1 $PPID; while :; do sleep 0.05; done"


def run(*words: str) -> int:
    return exec_command.run(words, dict(os.environ))


def test_a_signal_to_this_process_is_passed_on_and_the_handlers_come_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM)}

    assert run("sh", "-c", USR1_ENDS_IT) == 9
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_key_is_passed_on_where_there_is_no_terminal_that_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError

    monkeypatch.setattr(os, "tcgetpgrp", refuse)

    assert run("sh", "-c", USR1_ENDS_IT.replace("USR1", "INT")) == 9


def test_a_death_by_signal_is_told_as_such() -> None:
    assert run("sh", "-c", "kill -KILL $$") == -signal.SIGKILL


def test_handlers_come_back_where_nothing_could_be_started() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(CommandNotRunnableError):
        run("/")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_script_that_names_no_interpreter_runs_as_in_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("-x", 'echo "$@"; exit 7'), ("empty", ""), ("no-program", "\x7fELF\0\n")):
        Path(name).write_text(text)
        Path(name).chmod(0o700)
    monkeypatch.setenv("PATH", "")

    assert run("-x", "a b") == 7
    assert capfd.readouterr() == ("a b\n", "")
    assert run("./empty") == 0
    with pytest.raises(CommandNotRunnableError, match="exec format error"):
        run("./no-program")


def test_the_end_is_the_commands_exit_code_and_128_more_of_a_signal_that_ends_nobody_here() -> None:
    for code, ours in {0: 0, 7: 7, 255: 255, -signal.SIGWINCH: 128 + signal.SIGWINCH}.items():
        with pytest.raises(SystemExit) as ended:
            exec_command.end_like(code)

        assert ended.value.code == ours
