"""How long commands take from start to end, against `python -c pass`, and against other programs' commands.

Refuses to compare what did not run in the same minute: a pair is one run of each, and the pairs alternate.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.stand import Stand, find_python, new_venv
from benchmarks.table import Table
from benchmarks.timing import Case, time_alternating

GOAL_MIB = 33
# Small, so that what it has used itself, which Linux counts as its child's, stays below what it measures.
LAUNCHER = """
import os, sys
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
    file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 2)])
_, status, used = os.wait4(process, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measure(stand: Stand, rounds: int, *, with_peers: bool) -> Iterator[Table]:
    """Time the commands, signed in; yields the tables of times and of memory."""
    cases = list_cases(stand)
    peers = list_peers(stand) if with_peers else []
    time_alternating([*cases, *peers], rounds)
    yield Table(
        f"Start to end, minima of {rounds} alternating pairs",
        ("command", "ms", "`python -c pass`, ms", "ratio", "goal"),
        [_row(case) for case in cases],
    )
    if peers:
        token = next(case for case in cases if case.name == "`token`")
        yield Table(
            "Other programs, in the same run",
            ("command", "ms", "our `token`, ms", "theirs to ours"),
            [(case.name, _ms(case.least_s), _ms(case.reference_s), f"{case.ratio:.2f}") for case in peers],
            [f"`token` read a valid token in {_ms(token.least_s)} ms beside `python -c pass`, as above."],
        )
    yield measure_memory(stand)


def list_cases(stand: Stand) -> list[Case]:
    """The commands of the goals, and those that people type as often."""
    at_home = stand.having(PROCORE_LOGIN_HOME=str(stand.data)).environ

    def new_case(name: str, *arguments: str, goal: float | None = None, home: bool = False) -> Case:
        environ = at_home if home else stand.environ
        return Case(name, [stand.program, *arguments], [str(stand.python), "-c", "pass"], environ, goal=goal)

    drawn = new_case("`whoami --offline`, drawn on a terminal", "whoami", "--offline", goal=7.7)
    drawn.on_terminal = True
    return [
        new_case("`--version`", "--version", goal=3.9),
        new_case("`--help`", "--help", goal=4.3),
        new_case("`whoami --offline --json`", "whoami", "--offline", "--json", goal=5.1),
        new_case("same with `PROCORE_LOGIN_HOME`", "whoami", "--offline", "--json", home=True),
        drawn,
        new_case("`token`", "token", goal=10),
        new_case("same with `PROCORE_LOGIN_HOME`", "token", home=True),
        new_case("`procore-login` alone"),
        new_case("`accounts`", "accounts"),
        new_case("`exec -- true`", "exec", "--", "true"),
        new_case("`api me`, over loopback", "api", "me"),
    ]


def list_peers(stand: Stand) -> list[Case]:
    """What other programs offer for the same purpose, where they can be had; against our `token`."""
    ours = [stand.program, "token"]
    found = []
    if gh := shutil.which("gh"):
        folder = Path(stand.environ["HOME"], ".config", "gh")
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath("hosts.yml").write_text(
            "github.com:\n    oauth_token: benchmark\n    user: benchmark\n"
        )
        found.append(
            (f"`gh auth token` ({_version(stand, gh)}; Go, from a plain file)", [gh, "auth", "token"], 0)
        )
    if python := _install(stand, "aws", sys.executable, "awscli"):
        aws = [str(python), str(python.with_name("aws"))]
        found.append((f"`aws --version` ({_version(stand, *aws)})", [*aws, "--version"], 0))
    if python := _install(stand, "pyprocore", find_python("3.13", "3.12"), "pyprocore"):
        sdk = [str(python), str(python.with_name("procore-sdk"))]
        # It ends with 1 where nobody is signed in, having done its work.
        name = f"`procore-sdk auth status` ({_version(stand, *sdk)}, signed out)"
        found.append((name, [*sdk, "auth", "status"], 1))
    return [Case(name, words, ours, stand.environ, exit_code=code) for name, words, code in found]


def _install(stand: Stand, name: str, python: str, package: str) -> Path | None:
    try:
        return new_venv(stand.place / f"venv-{name}", python, package)
    except (SystemExit, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{package} cannot be had here: {error}\n")
        return None


def _version(stand: Stand, *words: str) -> str:
    home = stand.environ["HOME"]
    said = subprocess.run([*words, "--version"], capture_output=True, text=True, cwd=home, env=stand.environ)  # noqa: S603
    return " ".join((said.stdout or said.stderr).split()[:3]).removesuffix(" (")


def measure_memory(stand: Stand) -> Table:
    """The most memory that commands hold, as the system counts it."""
    commands = [["token"], ["whoami", "--offline", "--json"], ["exec", "--", "true"], ["api", "me"]]
    rows = []
    for arguments in commands:
        goal = f"{GOAL_MIB}" if arguments == ["token"] else ""
        rows.append((f"`{' '.join(arguments)}`", f"{peak_mib(stand, [stand.program, *arguments]):.1f}", goal))
    floor = peak_mib(stand, [str(stand.python), "-c", "pass"])
    rows.append(("`python -c pass`", f"{floor:.1f}", ""))
    return Table("Peak memory", ("command", "MiB", "goal"), rows)


def peak_mib(stand: Stand, words: Sequence[str], runs: int = 3) -> float:
    """The most that a command has held in memory at once, in the worst of some runs."""
    launch = [str(stand.python), "-I", "-S", "-c", LAUNCHER]
    return max(int(stand.call(*launch, *words)) for _ in range(runs)) / 1024


def _row(case: Case) -> tuple[str, ...]:
    goal = "" if case.goal is None else f"{case.goal}"
    return (case.name, _ms(case.least_s), _ms(case.reference_s), f"{case.ratio:.2f}", goal)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"
