"""Every command in README.md and docs/settings.md, run in the pages' order by somebody who follows them.

`demo serve` plays Procore, under another name: it is production to the program.
"""

import re
import subprocess
from dataclasses import dataclass

from procore_cli.config.environments import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from tests import doc_examples
from tests.cli import ROOT, Machine
from tests.stub_browser import Browser
from tests.terminal import Terminal

README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
PROCORE = "https://api.procore.com"
# What stands for something in the README, and something that it may stand for.
PLACEHOLDERS = {
    "WHO": "joecontractor@procore.com",
    "PATH": "companies",
    "COMMAND": "true",
    "SECONDS": "600",
    "NAME": "production",
    "SHELL": "bash",
    "FILE": ".env",
}
# They do not end by themselves, or they ask.
TALKING = ("procore-login configure", "procore-login demo serve", "procore-login signin --no-browser")
# After these the others would mean something else.
LAST = ("signout", "--default", "--store file")
ENV_FILE = f"""\
# The app of the sync
PROCORE_CLIENT_ID={DEMO_CLIENT_ID}
PROCORE_CLIENT_SECRET="{DEMO_CLIENT_SECRET}"
"""


def list_commands() -> list[str]:
    """Each command that begins with the program's name, or calls it, once."""
    # The first block is two commands for an empty clone: .ci/run runs them there.
    page = README.split("```", 2)[2] + SETTINGS
    blocks = "\n".join(re.findall(r"```(?:console|sh)\n(.*?)```", page, re.DOTALL))
    typed = re.findall(r"^ *(?:\$ )?((?:procore-login|curl) .*)$", blocks, re.MULTILINE)
    spans = re.findall(r"`(procore-login(?: [^`]*)?)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    return list(dict.fromkeys([*typed, *spans]))


def list_shown() -> list[tuple[str, str]]:
    """Each command of the README below which its output stands, and that."""
    blocks = re.findall(r"^```console\n\$ (.*?)^```", README, re.DOTALL | re.MULTILINE)
    entries = [entry.partition("\n") for block in blocks for entry in block.split("\n$ ")]
    return [(command, shown) for command, _, shown in entries if shown]


@dataclass
class Follower:
    """Somebody with the README before them."""

    machine: Machine
    url: str
    environ: dict[str, str]

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run a command as it stands there, with something real for each placeholder."""
        words = "|".join(PLACEHOLDERS)
        meant = re.sub(rf"(?<![A-Z_])({words})(?![A-Z_])", lambda found: PLACEHOLDERS[found[1]], text)
        return subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", meant.replace(PROCORE, self.url)],
            env=self.environ,
            cwd=self.machine.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def sign_in_elsewhere(self) -> None:
        """Run `signin --no-browser`, and open the link that it prints with another browser."""
        process = self.machine.start("signin", "--no-browser")
        assert process.stderr is not None
        with process:
            link = next(line.strip() for line in process.stderr if line.startswith("http"))
            Browser().sign_in(link, PLACEHOLDERS["WHO"])
            assert process.wait(30) == 0


def configure(machine: Machine) -> None:
    with Terminal(machine, "configure") as terminal:
        for question, answer in {
            "Environment [": "",
            "Client id:": DEMO_CLIENT_ID,
            "Client secret (hidden)": DEMO_CLIENT_SECRET,
            "Redirect URI [": "",
            "Company id (": "",
            "Store [": "",
        }.items():
            terminal.read_until(question)
            terminal.type(answer)
        assert terminal.finish() == 0, terminal.drawn


def new_environ(machine: Machine) -> dict[str, str]:
    """The machine's variables, the program where a shell finds it, and the reader's own files."""
    (machine.home / ".env").write_text(ENV_FILE)
    (machine.home / "sync.py").write_text("import os; assert os.environ['PROCORE_ACCESS_TOKEN']\n")
    return machine.environ() | {"PATH": doc_examples.new_path(machine.home / "bin")}


def list_in_order() -> list[str]:
    """The commands that end by themselves, in the page's order but for those of LAST."""
    return sorted((text for text in list_commands() if text not in TALKING), key=_order_of)


def _order_of(text: str) -> int:
    return next((place for place, end in enumerate(LAST, 1) if text.endswith(end)), 0)
