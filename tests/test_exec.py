"""`procore-login exec`: how the command starts and ends."""

import os
import pty
import signal
import subprocess
from pathlib import Path
from unittest import mock

import pytest

from procore_cli.errors import CommandNotRunnableError
from procore_cli.flows import exec_command
from tests.children import hand_over, python, start_at_terminal
from tests.cli import Machine, command
from tests.signed_in import assert_ended

pytestmark = pytest.mark.usefixtures("signed_in")


def test_where_nobody_is_signed_in_or_no_command_is_given_none_runs(machine, tmp_path):
    given, result = hand_over(Machine(tmp_path / "another"))
    assert_ended(result, 4)
    assert (given, result.out, "signin" in result.err) == ({}, "", True)
    for words in ([], ["--"], ["--min-ttl", "5"]):
        assert_ended(machine.run_here("exec", *words), 2)


def test_this_process_becomes_the_command_and_what_is_typed_goes_to_it(machine):
    words = [*command(), "exec", "--", *python("import os, sys; print(os.getpid(), sys.stdin.read())")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(words, env=machine.environ(), text=True, **pipes)
    assert process.communicate("typed", timeout=20)[0] == f"{process.pid} typed\n"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 4", 4),
        ("kill -INT $$; echo survived", -signal.SIGINT),
        ("kill -PIPE $$; echo survived", -signal.SIGPIPE),
    ],
)
def test_the_exit_code_or_death_of_the_command_is_seen_as_it_was(machine, script, code):
    result = machine.run("exec", "--", "sh", "-c", script).ended(code)
    assert result.out == ""


def test_what_cannot_be_run_is_126_and_what_is_not_there_127(machine, tmp_path):
    files = {"no-right": "#!/bin/sh", "no-interpreter": "#!/no/such/thing", "no-program": "\0echo hello"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600 if name == "no-right" else 0o700)
    for path in (*(tmp_path / name for name in files), tmp_path):
        said = f"Error: production: The command {path} cannot be run"
        machine.run_here("exec", "--", str(path)).ended(126, said, "Hint:")
    for name in ("no-such-command", "/no/such/command", "./no-such", ""):
        machine.run_here("exec", "--", name).ended(127, "was not found")
        assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN


def test_a_script_that_names_no_interpreter_runs_as_in_a_shell(machine, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, text in ((first, 'echo "$0" "$PROCORE_ENV" "$@"; exit 7\n'), (second, "#!/bin/sh\nexit 1\n")):
        folder.mkdir()
        (folder / "wrapper").write_text(text)
        (folder / "wrapper").chmod(0o700)
    machine.variables["PATH"] = f"{first}:{second}:{os.environ['PATH']}"
    result = machine.run("exec", "--", "wrapper", "a b", "*").ended(7, prints=True)
    assert result.out == f"{first}/wrapper production a b *\n"


def test_nothing_is_written(machine, tmp_path):
    def look() -> dict[Path, bytes | None]:
        return {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    machine.variables |= {name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")}
    before = look()
    code = "import os, tempfile; print(os.getcwd(), tempfile.gettempdir())"
    result = machine.run("exec", "--", *python(code))
    # Home, the current folder and the one for temporary files.
    assert result.out.split() == [str(machine.home), str(temporary)]
    assert look() == before


def test_at_a_terminal_the_command_has_the_terminal(machine):
    # With Python's own handler a signal can be lost that comes just before the read.
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
        "print('tty', sys.stdin.isatty(), os.tcgetpgrp(0) == os.getpgrp(), flush=True); sys.stdin.read()"
    )
    ours, theirs = pty.openpty()
    process = start_at_terminal(machine, theirs, "exec", "--", *python(code))
    os.close(theirs)
    read_until(ours, b"tty True True")
    os.write(ours, b"\x03")
    assert process.wait(20) == -signal.SIGINT
    os.close(ours)


def read_until(terminal: int, sign: bytes) -> bytes:
    read = b""
    while sign not in read:
        read += os.read(terminal, 4096)
    return read


USR1_ENDS_IT = "trap 'exit 9' USR1; kill -USR1 $PPID; while :; do sleep 0.05; done"


def run(*words: str) -> int:
    return exec_command.run(words, dict(os.environ))


def test_a_signal_to_this_process_is_passed_on_and_the_handlers_come_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM)}
    assert run("sh", "-c", USR1_ENDS_IT) == 9
    # Nothing could be started.
    with pytest.raises(CommandNotRunnableError):
        run("/")
    assert run("sh", "-c", "kill -KILL $$") == -signal.SIGKILL
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_key_is_passed_on_where_there_is_no_terminal_that_does_it(monkeypatch):
    monkeypatch.setattr(os, "tcgetpgrp", mock.Mock(side_effect=OSError))
    assert run("sh", "-c", USR1_ENDS_IT.replace("USR1", "INT")) == 9


def test_beside_this_process_too_a_script_that_names_no_interpreter_runs_as_in_a_shell(
    tmp_path, monkeypatch, capfd
):
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


def test_the_end_is_the_commands_exit_code_and_128_more_of_a_signal_that_ends_nobody_here():
    for code, ours in {0: 0, 7: 7, 255: 255, -signal.SIGWINCH: 128 + signal.SIGWINCH}.items():
        with pytest.raises(SystemExit) as ended:
            exec_command.end_like(code)
        assert ended.value.code == ours
