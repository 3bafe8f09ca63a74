"""What the pretend Procore remembers, in SQLite: users, authorization codes, tokens.

Refuses to hold a secret: a code or a token is kept as its SHA-256 digest alone.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli import folder
from procore_cli.demo.app import SAMPLE_EMAIL, SAMPLE_ID, SAMPLE_NAME
from procore_cli.errors import DatabaseError

if TYPE_CHECKING:
    import sqlite3

_BUSY_TIMEOUT_S = 10
_TABLES = (
    """CREATE TABLE IF NOT EXISTS users (
        id INTEGER PRIMARY KEY, email TEXT NOT NULL, email_key TEXT NOT NULL UNIQUE, name TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS grants (
        code_digest TEXT PRIMARY KEY, user_id INTEGER NOT NULL, client_id TEXT NOT NULL,
        redirect_uri TEXT NOT NULL, challenge TEXT, expires_at INTEGER NOT NULL,
        used INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS tokens (
        access_digest TEXT PRIMARY KEY, refresh_digest TEXT NOT NULL UNIQUE, user_id INTEGER NOT NULL,
        client_id TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
        refreshed INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0)""",
)


@dataclass(frozen=True)
class DemoUser:
    """Somebody who can log in."""

    id: int
    email: str
    name: str


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
    """The file `<data folder>/demo/procore.db`; several processes may use it at once.

    Every method raises DatabaseError where the file cannot be used.
    """

    def __init__(self, data_folder: Path, tell: Callable[[str], None]) -> None:
        """Make the file where it is missing. Raises DataFolderError where it is not ours alone."""
        self.path = folder.open_subfolder(data_folder, "demo", tell) / "procore.db"
        folder.ensure_file(self.path, tell)
        with self._change() as db:
            for table in _TABLES:
                db.execute(table)
            db.execute(
                "INSERT OR IGNORE INTO users VALUES (?, ?, ?, ?)",
                (SAMPLE_ID, SAMPLE_EMAIL, _key(SAMPLE_EMAIL), SAMPLE_NAME),
            )

    def find_user(self, user_id: int) -> DemoUser | None:
        """The user with this id, if there is one."""
        with self._open() as db:
            row = db.execute("SELECT id, email, name FROM users WHERE id = ?", (user_id,)).fetchone()
        return DemoUser(*row) if row else None

    def save_user(self, email: str) -> DemoUser:
        """The user with this e-mail, whatever its case; a new one gets the next free id."""
        with self._change() as db:
            db.execute(
                "INSERT OR IGNORE INTO users (email, email_key, name) VALUES (?, ?, ?)",
                (email, _key(email), email.rpartition("@")[0]),
            )
            query = "SELECT id, email, name FROM users WHERE email_key = ?"
            return DemoUser(*db.execute(query, (_key(email),)).fetchone())

    def save_grant(self, code: str, grant: Grant, expires_at: int) -> None:
        """Keep a new authorization code until `expires_at` (seconds since the epoch, UTC)."""
        values = (grant.user_id, grant.client_id, grant.redirect_uri, grant.challenge)
        with self._change() as db:
            db.execute(
                "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, 0)", (_digest(code), *values, expires_at)
            )

    def claim_grant(self, code: str, client_id: str, now: int) -> Grant | None:
        """Use up a code: of all who ask, one gets its grant."""
        key = (_digest(code), client_id)
        with self._change() as db:
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
        with self._change() as db:
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, 0, 0)", (*digests, *values))

    def claim_refresh(self, refresh_token: str, client_id: str) -> int | None:
        """Use up a refresh token: of all who ask, one gets the id of its user."""
        key = (_digest(refresh_token), client_id)
        with self._change() as db:
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
        with self._open() as db:
            row = db.execute(query, (_digest(access_token), now)).fetchone()
        return IssuedToken(*row) if row else None

    def revoke(self, token: str) -> None:
        """End an access token and its refresh token, given either of them (RFC 7009, section 2.1)."""
        with self._change() as db:
            query = "UPDATE tokens SET revoked = 1 WHERE ? IN (access_digest, refresh_digest)"
            db.execute(query, (_digest(token),))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as db:
                yield db
        except sqlite3.Error as error:
            raise DatabaseError(
                f"The pretend Procore (demo) cannot use its database {self.path}: {error}.",
                "Nothing real lies in that file: delete it, and the next run makes a new one.",
            ) from error

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; it takes the write lock at once, because a late one fails without waiting."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(email: str) -> str:
    return unicodedata.normalize("NFC", email).casefold()
