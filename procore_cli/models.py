"""The people and places of the program as values that never change.

Refuses to do I/O, to read a clock and to show a secret. Times are whole seconds since the epoch (UTC) unless
a name says otherwise. No dataclasses: every start would pay for them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

StoreName = Literal["keyring", "file"]
_PLAIN: Final = frozenset("._+-@")
# A WHO: the service account of the app in force.
SERVICE_ACCOUNT: Final = "service-account"


def command(words: str, environment: str) -> str:
    """What to type, as texts for people have it: between backticks, with the environment's name."""
    name, _, rest = words.partition(" ")
    return f"`procore-login {name} --env {environment}{rest and f' {rest}'}`"


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


class Service(NamedTuple):
    """What a service account is one of: an app in a company; `number` is 0 where it is not stored."""

    number: int
    client_id: str
    company: int | None


class Choice(NamedTuple):
    """Which service account is meant where there are several: the app's in force, and a company's.

    `is_exact`: the company was asked for, so that no other will do.
    """

    client_id: str | None = None
    company: int | None = None
    is_exact: bool = False


ANY_SERVICE: Final = Choice()


class Account(NamedTuple):
    """What the database remembers of a person or service account, signed in or out, beside the row."""

    user: User
    name: str | None = None
    failures: int = 0
    failure: str | None = None
    interrupted_at: int | None = None
    service: Service | None = None

    @property
    def key(self) -> int:
        """What database, locks and list of entries call it: its procore_id.

        A service account has a number of its own, negative, since `/me` may say the same of two of them.
        """
        return -self.service.number if self.service else self.user.procore_id

    @property
    def is_stored(self) -> bool:
        """Whether the database knows it; else it is a service account for this process alone."""
        return self.service is None or self.service.number > 0

    @property
    def label(self) -> str:
        """What to call it."""
        if self.service is None:
            return self.user.label
        if not self.is_stored:
            return "The service account"
        return f"{self.user.label} (service account of company {self.service.company})"

    @property
    def who(self) -> str:
        """What `--account` calls a person: the e-mail, unless a shell or we may read it otherwise."""
        email = self.user.email or ""
        is_plain = email[:1].isalnum() and email.isascii() and all(c.isalnum() or c in _PLAIN for c in email)
        return email if is_plain and "@" in email else str(self.user.procore_id)

    def sign_in_command(self, environment: str, *, by_id: bool = False) -> str:
        """What to type in order to sign it in again; `by_id` where somebody else has the same e-mail."""
        if self.service is None:
            who = self.user.procore_id if by_id else self.who
            return command(f"signin --account {who}", environment)
        return command(f"signin {new_service_options(self.service.company)}", environment)


def new_service_options(company: int | None) -> str:
    """What signs a service account in, as options."""
    return f"--service-account --company {company or 'ID'}"


class Profile(NamedTuple):
    """Who is signed in; the keys are the contract's JSON, the end of the token is an aware time (UTC)."""

    environment: str
    id: int | None
    procore_id: int
    email: str | None
    name: str | None
    company: int | None
    expires_at: datetime | None
    kind: Literal["user", "service"] = "user"


class Binding(NamedTuple):
    """What a token set was made for; it is sent nowhere else."""

    client_id: str
    login_origin: str
    api_origin: str


# 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799


def utc(seconds: float) -> str:
    """A time as the contract writes it, `2026-01-31T09:30:00Z`; the last one for what lies beyond."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(seconds, 0), _LAST_SECOND)))


def new_end(seconds: int | None) -> datetime | None:
    """The time of a token's end as programs take it; the last one for what lies beyond."""
    if seconds is None:
        return None
    # Loaded where there is a profile: the database brings it anyway.
    from datetime import UTC, datetime, timedelta

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=min(max(seconds, _FIRST_SECOND), _LAST_SECOND)
    )
