"""The test's end of the fork server: one command, one answer; refuses to start more than one server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli import ROOT


@dataclass(frozen=True)
class End:
    """How a command ended: with a code or by a signal, after which steps."""

    code: int | None
    signal: int | None
    out: str
    err: str
    steps: list[str]
    took_s: float


class Forks:
    def __init__(self) -> None:
        keep = ("PATH", "LANG", "HOME")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.zygote"],
            cwd=ROOT,
            env={**{name: os.environ[name] for name in keep if name in os.environ}, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, environ: dict[str, str], cwd: Path, arguments: list[str], **order: Any) -> End:
        """Fork a command; `kill_at`, `kill_after_s`, `later_s` as in `zygote`."""
        asked = {"environ": environ, "cwd": str(cwd), "arguments": arguments, **order}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return End(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()
