"""How a sign-in ended, as the browser is told it; refuses to hold a code, a token or a secret."""

from __future__ import annotations

from dataclasses import dataclass

from procore_cli.models import Me, User


@dataclass(frozen=True)
class Home:
    """A sign-in that is saved: the user's row, what `/me` said, and where."""

    row: User
    me: Me
    environment: str


@dataclass(frozen=True)
class Failure:
    """A sign-in that came to nothing: title, what happened, what to do next."""

    title: str
    message: str
    next_step: str


Outcome = Home | Failure
