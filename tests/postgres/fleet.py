"""A database that many processes share, a strict Procore, and accounts that are signed in there."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli import ROOT
from tests.postgres.busy_provider import BusyProvider, new_person
from tests.postgres.workers import Job, Outcome, working
from tests.provider import CLIENT_ID, CLIENT_SECRET

FIRST = 11111
LONG_S = 5400


@dataclass
class Fleet:
    """`constants` are put in place of the product's in every process."""

    url: str
    provider: BusyProvider
    home: Path
    constants: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.home),
            "PROCORE_LOGIN_HOME": str(self.home / "data"),
            "PROCORE_LOGIN_DB": self.url,
            "PROCORE_LOGIN_KEY": base64.b64encode(os.urandom(32)).decode(),
            "PROCORE_LOGIN_URL": self.provider.url,
            "PROCORE_API_URL": self.provider.url,
            "PROCORE_CLIENT_ID": CLIENT_ID,
            "PROCORE_CLIENT_SECRET": CLIENT_SECRET,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }

    def new_job(self, work: str, *arguments: Any, url: str | None = None, **options: Any) -> Job:
        """A job of a process of the fleet; `url`: another way to the same database."""
        variables = self.variables | ({"PROCORE_LOGIN_DB": url} if url else {})
        constants = self.constants | options.pop("constants", {})
        return Job(work, arguments, variables, constants=constants, **options)

    def do(self, work: str, *arguments: Any, **options: Any) -> Outcome:
        """One job, done by a process of its own."""
        with working(self.new_job(work, *arguments, **options)) as (worker,):
            return worker.find_outcome()

    def sign_in(self, count: int = 1, *, left_s: int = LONG_S) -> list[int]:
        """So many accounts with tokens that have so much of their life left; their Procore ids."""
        ids = list(range(FIRST, FIRST + count))
        answers = [(self.provider.sign_in(each) | {"expires_in": LONG_S}, new_person(each)) for each in ids]
        done = self.do("save_sign_ins", answers, left_s)
        assert done.code == 0, done.said
        return ids
