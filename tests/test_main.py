"""How the program ends, before and after there is a command line to speak of."""

import os
import subprocess
import sys

import pytest

from tests.cli import command

pytestmark = pytest.mark.usefixtures("signed_in")

STOPPED_WHILE_A_DATACLASS_IS_MADE = """
import signal
from procore_cli import __main__
from procore_cli.cli import main as cli

def run(arguments):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return __main__.INTERRUPTED

cli.run = run
__main__.main()
"""


def test_ctrl_c_inside_an_exec_is_an_exit_code_and_no_death_by_signal(tmp_path):
    (tmp_path / "stopped.py").write_text(STOPPED_WHILE_A_DATACLASS_IS_MADE, "utf-8")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = [sys.executable, "-m", "stopped"]
    done = subprocess.run(program, cwd=tmp_path, env=environ, timeout=30, check=False)
    assert done.returncode == 130


GONE = "2>/dev/null | true"
FULL = ">/dev/full 2>/dev/full"


@pytest.mark.parametrize(
    ("arguments", "streams", "code", "said"),
    [
        ("token", "2>/dev/full", 0, ""),
        ("token", "2>&-", 0, ""),
        ("token", GONE, 0, ""),
        ("token", FULL, 6, ""),
        ("token --env nowhere", "2>/dev/full", 2, ""),
        ("whoami --env sandbox", "2>&-", 4, ""),
        ("whoami --env sandbox", FULL, 4, ""),
        ("exec -- sh -c 'exit 9'", "2>&1 >/dev/null | true", 9, ""),
        ("exec -- sh -c 'exit 9'", "2>&-", 9, ""),
        ("--help", GONE, 0, ""),
        ("whoami --offline --json", ">/dev/full", 6, "output cannot be written: No space left on device"),
        ("whoami --offline --json", "| true", 0, ""),
    ],
)
def test_an_exit_code_holds_whatever_becomes_of_the_streams(machine, arguments, streams, code, said):
    """Run in a shell, the streams redirected; a reader that goes has gone by then."""
    program = " ".join(command())
    head, bar, reader = streams.partition("|")
    # The command waits for a line that comes when the reader has ended.
    script = f"{program} {arguments} {head}; echo $? >code"
    if bar:
        script = f"mkfifo gone; (read _ <gone; {script}) | ({reader}; exec >&- <&-; echo >gone)"
    words = ["sh", "-c", script]
    done = subprocess.run(
        words, env=machine.environ(), cwd=machine.home, timeout=60, check=True, stderr=subprocess.PIPE
    )
    assert int((machine.home / "code").read_text()) == code
    err = done.stderr.decode()
    assert ("Error: " in err, "Hint: " in err, said in err) == (bool(said), bool(said), True)
