"""Many commands at once, each a process of its own; and a provider that takes its time over refreshes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli import ROOT, Machine, browser
from tests.provider import Answer, Provider, Request

TOKEN_PATH = "/oauth/token"
LIFETIME_S = 5400


class SlowProvider(Provider):
    """Answers a refresh after `delay_s`, refuses it, or never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.delay_s = 0.0
        self.refuses = False
        self.hangs: Callable[[Request], bool] = lambda _: False
        self.ended = threading.Event()
        self.script[TOKEN_PATH] = self._take_time

    def sent(self) -> list[str]:
        return [r.form["refresh_token"] for r in self.requests if r.form.get("grant_type") == "refresh_token"]

    def access_tokens(self) -> list[str]:
        return [token for token in self.issued if token.startswith("hush-access-")]

    def alive(self) -> set[str]:
        return set(self._alive)

    def is_alive(self, access: str, refresh: str | None) -> bool:
        return access in self._bearers and refresh in self._alive

    def _take_time(self, request: Request) -> Answer | None:
        if request.form.get("grant_type") != "refresh_token":
            return None
        if self.hangs(request):
            self.ended.wait()
        self.ended.wait(self.delay_s)
        if self.refuses:
            return Answer(400, {"error": "invalid_grant", "error_description": "The grant is invalid."})
        return None


@dataclass(frozen=True)
class Ended:
    """How a command of the crowd ended; `locks`: how many it got."""

    code: int
    out: str
    err: str
    locks: int


@dataclass(frozen=True)
class Job:
    """A command of the crowd, on its machine, begun so long after the others."""

    machine: Machine
    arguments: tuple[str, ...]
    delay_s: float = 0.0


@dataclass
class Crowd:
    """Runs jobs at once; `read_timeout_s` replaces the minute that a run waits for an answer.

    `gathers`: whoever gets a lock goes on when all have asked for one.
    `lingers`: whoever has a lock releases it when all the others have ended.
    """

    folder: Path
    read_timeout_s: float | None = None
    gathers: bool = False
    lingers: bool = False
    rounds: int = field(default=0, init=False)

    def run(self, jobs: Iterable[Job]) -> list[Ended]:
        self.rounds += 1
        folder = self.folder / f"round-{self.rounds}"
        folder.mkdir(parents=True)
        spec = [
            {
                "place": str(folder / str(number)),
                "arguments": job.arguments,
                "variables": job.machine.environ(),
                "delay_s": job.delay_s,
            }
            for number, job in enumerate(jobs)
        ]
        options = {name: getattr(self, name) for name in ("read_timeout_s", "gathers", "lingers")}
        return [
            Ended(
                code,
                *(_read(folder / f"{number}.{name}") for name in ("out", "err")),
                int(_read(folder / f"{number}.locks") or -1),
            )
            for number, code in enumerate(_serve(folder / "spec.json", {"jobs": spec, **options}))
        ]

    def run_same(self, machine: Machine, runs: int, *arguments: str) -> list[Ended]:
        return self.run([Job(machine, arguments)] * runs)


def _serve(path: Path, spec: dict[str, object]) -> Any:
    path.write_text(json.dumps(spec), "utf-8")
    server = subprocess.run(
        [sys.executable, "-m", "tests.crowd.fork_server", str(path)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert server.returncode == 0, server.stderr
    return json.loads(server.stdout)


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def sign_up(machine: Machine, provider: SlowProvider, *options: str) -> None:
    """Somebody signs up, and gets a token that is as good as expired; the next ones live longer."""
    provider.lifetime_s = 3
    result = machine.run_here("signup", "--browser", browser("--just-open"), *options)
    assert result.code == 0, result.err
    provider.lifetime_s = LIFETIME_S


def outcomes(ended: Iterable[Ended]) -> Counter[tuple[int, str]]:
    return Counter((end.code, end.out.strip()) for end in ended)


def assert_sent_once(provider: SlowProvider) -> None:
    assert [count for count in Counter(provider.sent()).values() if count > 1] == []


@contextmanager
def released(provider: SlowProvider) -> Iterator[SlowProvider]:
    """Whatever hangs at the provider ends with the test."""
    try:
        yield provider
    finally:
        provider.ended.set()
