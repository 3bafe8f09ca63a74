"""The examples of docs/integrating.md, run as their readers would run them, against a running `demo serve`.

Refuses to know what they do: it finds the blocks and runs each by its language.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli import ROOT, Machine, browser, command

PAGE = ROOT / "docs" / "integrating.md"
# What stands in for the reader's own program.
REPORT = "from procore_cli import current_user; print(current_user().email)"
DOCUMENTED_URL = "http://127.0.0.1:4568"
INTERPRETERS = {"sh": ["bash", "-eu", "-c"], "javascript": ["node", "-e"], "ruby": ["ruby", "-e"]}


@dataclass(frozen=True)
class Example:
    language: str
    text: str
    line: int


def list_examples() -> list[Example]:
    """Every block, in the page's order."""
    page = PAGE.read_text(encoding="utf-8")
    return [
        Example(found[1], found[2], page.count("\n", 0, found.start()) + 1)
        for found in re.finditer(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    ]


@dataclass
class Reader:
    """Somebody with the page before them, and the pretend Procore running in another terminal."""

    machine: Machine
    environ: dict[str, str] = field(default_factory=dict)

    def sign_up(self, variables: dict[str, str]) -> None:
        """Set what `demo serve` printed, and sign up; the program is found by its name."""
        self.machine.variables |= variables
        assert self.machine.run("signup", "--browser", browser()).code == 0
        (self.machine.home / "work").mkdir()
        self.environ = self.machine.environ() | {"PATH": new_path(self.machine.home / "bin")}

    def run(self, example: Example) -> subprocess.CompletedProcess[str]:
        runs = {"python": self._run_python, "crontab": self._run_crontab, "yaml": self._run_ci}
        text = example.text.replace(DOCUMENTED_URL, self.environ["PROCORE_API_URL"])
        if example.language in INTERPRETERS:
            return self._start([*INTERPRETERS[example.language], text], self.environ)
        return runs[example.language](text)

    def _run_python(self, text: str) -> subprocess.CompletedProcess[str]:
        path = self.machine.home / "work" / "test_theirs.py"
        path.write_text(text, encoding="utf-8")
        if "def test_" not in text:
            return self._start([sys.executable, "-W", "error", str(path)], self.environ)
        plugin = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p no:cacheprovider"}
        options = ["-m", "pytest", "-p", "procore_cli.testing", str(path)]
        return self._start([sys.executable, *options], self.environ | plugin)

    def _run_crontab(self, text: str) -> subprocess.CompletedProcess[str]:
        # cron gives a job little more than these, and splits off the five fields of the time.
        kept = ("HOME", "PATH", "PYTHONPATH")
        environ = {k: v for k, v in self.environ.items() if k in kept or k.startswith("PROCORE_")}
        return self._start(["/bin/sh", "-c", text.split(maxsplit=5)[5]], environ)

    def _run_ci(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run the commands of a job that has id and secret, with nothing but what the block sets."""
        (self.machine.home / "work" / "report.py").write_text(REPORT, encoding="utf-8")
        steps = re.findall(r"^ +- (?:run: )?((?:procore-login|python|pip|pipx) .*)$", text, re.MULTILINE)
        steps += [" ".join(words.split(", ")) for words in re.findall(r"command: \[(.*)\]", text)]
        given = re.findall(r"(PROCORE_(?:LOGIN_ACCOUNT|COMPANY_ID))(?:: |, value: )\"?([\w-]+)", text)
        assert len(given) == 2, text
        kept = {
            "PROCORE_CLIENT_ID",
            "PROCORE_CLIENT_SECRET",
            "PROCORE_ENV",
            "PROCORE_LOGIN_URL",
            "PROCORE_API_URL",
        }
        environ = {k: v for k, v in self.environ.items() if k in kept or not k.startswith("PROCORE_")}
        environ |= {"HOME": str(self.machine.home / "work")} | dict(given)
        runs = [step for step in steps if not step.startswith("pip")]
        return self._start(["bash", "-euc", "\n".join(runs)], environ)

    def _start(self, words: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            env=environ,
            cwd=self.machine.home / "work",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def new_path(folder: Path) -> str:
    """A PATH on which the program is found by its name."""
    programs = {"procore-login": command(), "python": [sys.executable]}
    folder.mkdir()
    for name, words in programs.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def read_exports(lines: list[str]) -> dict[str, str]:
    return dict(line.removeprefix("export ").split("=", 1) for line in lines)


def name_of(example: Example) -> str:
    return f"{Path(PAGE).name}:{example.line}"
