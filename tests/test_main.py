"""How the program ends, before and after there is a command line to speak of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STOPPED_WHILE_A_DATACLASS_IS_MADE = """
import signal
from procore_cli import __main__, cli

def run(arguments):
    try:
        exec("raise KeyboardInterrupt")
    except KeyboardInterrupt:
        return __main__.INTERRUPTED

cli.run = run
__main__.main()
"""


def test_ctrl_c_inside_an_exec_is_an_exit_code_and_no_death_by_signal(tmp_path: Path) -> None:
    (tmp_path / "stopped.py").write_text(STOPPED_WHILE_A_DATACLASS_IS_MADE, "utf-8")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = [sys.executable, "-m", "stopped"]

    done = subprocess.run(program, cwd=tmp_path, env=environ, timeout=30, check=False)

    assert done.returncode == 130
