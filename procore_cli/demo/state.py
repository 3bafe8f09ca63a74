"""What the pretend Procore remembers, in SQLite: users, authorization codes, tokens.

Refuses to hold a secret: a code or a token is kept as its SHA-256 digest alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from procore_cli.demo.file import DemoFile
from procore_cli.demo.models import DemoUser, Seed, SeedUser
from procore_cli.demo.schema import email_key, save_user


@dataclass(frozen=True)
class Grant:
    """What an authorization code stands for (RFC 6749, section 4.1.2; RFC 7636, section 4.4)."""

    user_id: int
    client_id: str
    redirect_uri: str
    challenge: str | None


@dataclass(frozen=True)
class IssuedToken:
    """What an access token stands for; times in seconds since the epoch (UTC)."""

    user_id: int
    client_id: str
    created_at: int
    expires_at: int


class DemoState:
    """Who can log in, and what was issued to whom; several processes may use it at once.

    Every method raises DatabaseError where the file cannot be used.
    """

    def __init__(self, data_folder: Path, tell: Callable[[str], None], seed: Seed | None = None) -> None:
        """As `DemoFile`. Raises DataFolderError where the file is not ours alone."""
        self.file = DemoFile(data_folder, tell, seed)

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.file.path

    def find_user(self, user_id: int) -> DemoUser | None:
        """The user with this id, if there is one."""
        with self.file.open() as db:
            row = db.execute("SELECT id, email, name FROM users WHERE id = ?", (user_id,)).fetchone()
        return DemoUser(*row) if row else None

    def save_user(self, email: str, name: str | None = None, user_id: int | None = None) -> DemoUser:
        """The user with this e-mail, whatever its case; a new one gets `user_id` or the next free id."""
        key = (email_key(email),)
        query = "SELECT id, email, name FROM users WHERE email_key = ?"
        with self.file.change() as db:
            row = db.execute(query, key).fetchone()
            if row is None or name is not None or user_id is not None:
                save_user(db, SeedUser(user_id, email, name))
                row = db.execute(query, key).fetchone()
        return DemoUser(*row)

    def save_grant(self, code: str, grant: Grant, expires_at: int) -> None:
        """Keep a new authorization code until `expires_at` (seconds since the epoch, UTC)."""
        values = (grant.user_id, grant.client_id, grant.redirect_uri, grant.challenge)
        with self.file.change() as db:
            db.execute(
                "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, 0)", (_digest(code), *values, expires_at)
            )

    def claim_grant(self, code: str, client_id: str, now: int) -> Grant | None:
        """Use up a code: of all who ask, one gets its grant."""
        key = (_digest(code), client_id)
        with self.file.change() as db:
            claimed = db.execute(
                "UPDATE grants SET used = 1"
                " WHERE code_digest = ? AND client_id = ? AND used = 0 AND expires_at > ?",
                (*key, now),
            )
            if claimed.rowcount != 1:
                return None
            query = "SELECT user_id, client_id, redirect_uri, challenge FROM grants WHERE code_digest = ?"
            return Grant(*db.execute(query, key[:1]).fetchone())

    def save_token(self, access_token: str, refresh_token: str, issued: IssuedToken) -> None:
        """Keep a new pair of tokens."""
        digests = (_digest(access_token), _digest(refresh_token))
        values = (issued.user_id, issued.client_id, issued.created_at, issued.expires_at)
        with self.file.change() as db:
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, 0, 0)", (*digests, *values))

    def claim_refresh(self, refresh_token: str, client_id: str) -> int | None:
        """Use up a refresh token: of all who ask, one gets the id of its user."""
        key = (_digest(refresh_token), client_id)
        with self.file.change() as db:
            claimed = db.execute(
                "UPDATE tokens SET refreshed = 1"
                " WHERE refresh_digest = ? AND client_id = ? AND refreshed = 0 AND revoked = 0",
                key,
            )
            if claimed.rowcount != 1:
                return None
            query = "SELECT user_id FROM tokens WHERE refresh_digest = ?"
            return int(db.execute(query, key[:1]).fetchone()[0])

    def find_token(self, access_token: str, now: int) -> IssuedToken | None:
        """What a valid access token stands for; None if it is unknown, expired or revoked."""
        query = (
            "SELECT user_id, client_id, created_at, expires_at FROM tokens"
            " WHERE access_digest = ? AND revoked = 0 AND expires_at > ?"
        )
        with self.file.open() as db:
            row = db.execute(query, (_digest(access_token), now)).fetchone()
        return IssuedToken(*row) if row else None

    def revoke(self, token: str) -> None:
        """End an access token and its refresh token, given either of them (RFC 7009, section 2.1)."""
        with self.file.change() as db:
            query = "UPDATE tokens SET revoked = 1 WHERE ? IN (access_digest, refresh_digest)"
            db.execute(query, (_digest(token),))

    def expire_tokens(self, now: int) -> None:
        """No access token that was issued so far is valid any more; the refresh tokens are."""
        with self.file.change() as db:
            db.execute("UPDATE tokens SET expires_at = ? WHERE expires_at > ?", (now, now))

    def revoke_all(self) -> None:
        """Nothing that was issued so far is valid any more."""
        with self.file.change() as db:
            db.execute("UPDATE tokens SET revoked = 1")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
