"""The people and places of the program as values that never change; refuses to do I/O and to hold a secret.

Times are whole seconds since the epoch (UTC) unless a name says otherwise.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

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
