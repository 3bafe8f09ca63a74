"""What Procore grants, to whom and for what, as values that never change; secret fields never show in a repr.

Apart from models, since what only looks at the rows starts sooner without dataclasses to make.
Times are whole seconds since the epoch (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class AppCredentials:
    """The app that signs people in (RFC 6749, section 2.3); the sources say where id and secret came from."""

    client_id: str
    client_secret: str = field(repr=False)
    source: str
    secret_source: str = ""


class Binding(NamedTuple):
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
    lifetime_s: int | None = None


@dataclass(frozen=True)
class TokenSet:
    """What is kept for an account; `lifetime_s` is None in what 0.1.0 kept, too."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int | None
    binding: Binding
    lifetime_s: int | None = None
