"""The nouns of the program as frozen dataclasses; refuses to do I/O. Secret fields never show in a repr.

Times are whole seconds since the epoch (UTC) unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

StoreName = Literal["keyring", "file"]
EntryKind = Literal["signin", "refresh", "proof"]
EntryState = Literal["pending", "live", "dead"]


@dataclass(frozen=True)
class Environment:
    """One of Procore's environments: where its OAuth server and its API are."""

    name: str
    login_url: str
    api_url: str
    meaning: str = ""


@dataclass(frozen=True)
class AppCredentials:
    """The app that signs people in (RFC 6749, section 2.3); `source` says where the id came from."""

    client_id: str
    client_secret: str = field(repr=False)
    source: str


@dataclass(frozen=True)
class Binding:
    """What a token set was made for; it is sent nowhere else."""

    client_id: str
    login_origin: str
    api_origin: str


@dataclass(frozen=True)
class TokenAnswer:
    """A token endpoint's successful answer (RFC 6749, section 5.1)."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int | None


@dataclass(frozen=True)
class TokenSet:
    """What is kept for an account."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int | None
    binding: Binding


@dataclass(frozen=True)
class Me:
    """What `/rest/v1.0/me` says; `login` is the e-mail."""

    id: int
    login: str
    name: str | None


@dataclass(frozen=True)
class User:
    """A row of the tutorial's table `users`."""

    id: int
    procore_id: int
    email: str | None

    @property
    def label(self) -> str:
        """What to call the person: the e-mail, or the Procore id where there is none."""
        return self.email or str(self.procore_id)


@dataclass(frozen=True)
class Account:
    """What the database remembers of a signed-in (or signed-out) person, beside the row."""

    user: User
    name: str | None = None
    failures: int = 0
    failure: str | None = None
    interrupted_at: int | None = None


@dataclass(frozen=True)
class Entry:
    """A line of the list of secret entries; the secret itself lies in the store that it names.

    `place`: the data folder whose files hold it; None for a keyring, and where it was never noted.
    """

    name: str
    store: StoreName
    environment: str
    procore_id: int | None
    kind: EntryKind
    state: EntryState
    created_at: int
    expires_at: int | None = None
    parts: int | None = None
    forget_after: int | None = None
    place: str | None = None


@dataclass(frozen=True)
class Profile:
    """Who is signed in; the keys are the contract's JSON."""

    environment: str
    id: int | None
    procore_id: int
    email: str | None
    name: str | None
    company: int | None
    expires_at: int | None
