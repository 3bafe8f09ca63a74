"""Commands that say which modules they loaded, and which processes they started; a process of their own."""

import subprocess
import sys
from typing import Any

from tests.cli import Machine

HEAVY = {
    *("asyncio", "cryptography", "filelock", "hashlib", "http.server", "importlib.metadata", "jeepney"),
    *("keyring", "oauthlib", "platformdirs", "requests", "rich", "secretstorage", "sqlite3", "ssl"),
    *("tomlkit", "truststore", "unittest", "urllib.request"),
}
# Writes what was loaded and which processes were started; asks for as little as possible itself.
PROGRAM = """
import os, sys
started = []
STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system")
def listen(event, _):
    if event in STARTS:
        started.append(event)
        write()
def write():
    with open(os.environ["TEST_REPORT"], "w") as report:
        report.write(" ".join(sys.modules) + "\\n" + " ".join(started))
sys.addaudithook(listen)
from procore_cli.cli import main as cli
code, words = 0, sys.argv[1:]
try:
    while code == 0 and words:
        end = words.index(";")
        code, words = cli.run(words[:end]), words[end + 1:]
finally:
    write()
sys.exit(code)
"""


def start(
    machine: Machine, *commands: list[str], program: str = PROGRAM, stdout: Any = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start commands that report on themselves, one after the other until one fails."""
    environ = {**machine.environ(), "TEST_REPORT": str(machine.home / "report")}
    # Measuring coverage would load modules of its own.
    environ = {name: value for name, value in environ.items() if not name.startswith("COVERAGE_")}
    words = [sys.executable, "-c", program, *(word for words in commands for word in (*words, ";"))]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": subprocess.PIPE}
    return subprocess.Popen(words, env=environ, text=True, **pipes)


def read_report(machine: Machine) -> tuple[set[str], set[str]]:
    """What was loaded of all that is heavy, and how processes were started."""
    loaded, started = (machine.home / "report").read_text("utf-8").split("\n")
    return HEAVY & set(loaded.split()), set(started.split())
