"""The people and places of the program as values that never change.

Refuses to do I/O, to read a clock and to show a secret. Times are whole seconds since the epoch (UTC) unless
a name says otherwise. No dataclasses: every start would pay for them.
"""

from __future__ import annotations

import time
from typing import Final, Literal, NamedTuple

StoreName = Literal["keyring", "file"]


class Environment(NamedTuple):
    """One of Procore's environments: where its OAuth server and its API are."""

    name: str
    login_url: str
    api_url: str
    meaning: str = ""


class Me(NamedTuple):
    """What `/rest/v1.0/me` says; `login` is the e-mail."""

    id: int
    login: str
    name: str | None


class User(NamedTuple):
    """A row of the tutorial's table `users`."""

    id: int
    procore_id: int
    email: str | None

    @property
    def label(self) -> str:
        """What to call the person: the e-mail, or the Procore id where there is none."""
        return self.email or str(self.procore_id)


class Account(NamedTuple):
    """What the database remembers of a signed-in (or signed-out) person, beside the row."""

    user: User
    name: str | None = None
    failures: int = 0
    failure: str | None = None
    interrupted_at: int | None = None


class Profile(NamedTuple):
    """Who is signed in; the keys are the contract's JSON."""

    environment: str
    id: int | None
    procore_id: int
    email: str | None
    name: str | None
    company: int | None
    expires_at: int | None


class Binding(NamedTuple):
    """What a token set was made for; it is sent nowhere else."""

    client_id: str
    login_origin: str
    api_origin: str


# 9999-12-31T23:59:59Z
_LAST_SECOND: Final = 253_402_300_799


def utc(seconds: int) -> str:
    """A time as the contract writes it, `2026-01-31T09:30:00Z`; the last one for what lies beyond."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(seconds, 0), _LAST_SECOND)))
