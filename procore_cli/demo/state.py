"""What the pretend Procore keeps, in an SQLite file of its own: people, tokens, companies, projects."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from procore_cli import log
from procore_cli.config import private_files
from procore_cli.config.environments import DEMO, DEMO_CLIENT_ID
from procore_cli.demo.records import Company, DemoUser, Project, email_key
from procore_cli.demo.seed import SAMPLE, SAMPLE_EMAIL, SAMPLE_ID, SAMPLE_NAME, Seed
from procore_cli.errors import DatabaseError

_VERSION: Final = 1
_TABLES: Final = (
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
    """CREATE TABLE IF NOT EXISTS companies (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, is_active INTEGER NOT NULL,
        app_installed INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS projects (
        id INTEGER PRIMARY KEY, company_id INTEGER NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS projects_of_company ON projects (company_id, id)",
)
# The user of a service account's tokens, which stand for an app alone.
SERVICE_ACCOUNT: Final = 0
_BUSY_TIMEOUT_S: Final = 10
_FOLDER: Final = "demo"
_NAME: Final = "procore.db"
_TABLE_OF: Final[dict[type, str]] = {Company: "companies", Project: "projects"}
_Record = TypeVar("_Record", Company, Project)


class Grant(NamedTuple):
    """What an authorization code stands for (RFC 6749, section 4.1.2; RFC 7636, section 4.4)."""

    user_id: int
    redirect_uri: str
    challenge: str | None


class IssuedToken(NamedTuple):
    """What an access token stands for; times in seconds since the epoch (UTC)."""

    user_id: int
    created_at: int
    expires_at: int


class DemoState:
    """Who can log in, what was issued to whom, what the API shows; several processes may use it at once.

    Every method raises DatabaseError where the file cannot be used.
    """

    def __init__(self, data_folder: Path, seed: Seed | None = None) -> None:
        """`seed` replaces what was there. Raises DataFolderError where the file is not ours alone."""
        self._data_folder = data_folder
        self._seed = seed
        self.path = data_folder / _FOLDER / _NAME
        self._prepare()
        if seed is not None:
            with self.change() as db:
                _sow(db, seed)

    def reset(self) -> None:
        """Forget everything, tokens too, and begin anew with the seed."""
        with self.change() as db:
            for table in ("users", "grants", "tokens"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - the tables are our own
            _furnish(db, self._seed)

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading."""
        if not self.path.exists():
            # `demo reset` came while a server runs: it goes on with what it began with.
            self._prepare()
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as db:
                # Nothing real is lost where the machine stops, and every sign-in and test is faster.
                db.execute("PRAGMA synchronous = OFF")
                yield db
        except sqlite3.Error as error:
            raise DatabaseError(
                f"The pretend Procore (demo) cannot use its database {self.path}: {error}.",
                "Nothing real lies in that file: `procore-login demo reset` makes a new one.",
                environment=DEMO.name,
            ) from error

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; it takes the write lock at once, because a late one fails without waiting."""
        with self.open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def _prepare(self) -> None:
        private_files.open_subfolder(self._data_folder, _FOLDER)
        private_files.ensure_file(self.path)
        with self.change() as db:
            if db.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                _furnish(db, self._seed)

    def _find(self, query: str, *values: object) -> Any:
        with self.open() as db:
            return db.execute(query, values).fetchone()

    def _do(self, query: str, *values: object) -> None:
        with self.change() as db:
            db.execute(query, values)

    def find(self, kind: type[_Record], id_: int) -> _Record | None:
        """The company or project with this id, if there is one."""
        row = self._find(f"SELECT * FROM {_TABLE_OF[kind]} WHERE id = ?", id_)  # noqa: S608
        return kind(*row) if row else None

    def list(
        self, kind: type[_Record], limit: int, offset: int, company_id: int | None = None
    ) -> tuple[int, list[_Record]]:
        """How many there are, of one company or in all, and one page of them by id."""
        query = f"FROM {_TABLE_OF[kind]} WHERE ? {'IS NULL' if company_id is None else '= company_id'}"
        page = f"SELECT * {query} ORDER BY id LIMIT ? OFFSET ?"
        with self.open() as db:
            total = db.execute(f"SELECT count(*) {query}", (company_id,)).fetchone()[0]
            return total, [kind(*row) for row in db.execute(page, (company_id, limit, offset))]

    def save(self, record: Company | Project) -> int:
        """Add a company or a project, in place of one with the same id; returns its id."""
        with self.change() as db:
            return _save(db, record)

    def update(self, kind: type[_Record], id_: int, change: Callable[[_Record], _Record]) -> bool:
        """Change one in one transaction; False if there is none with this id."""
        with self.change() as db:
            row = db.execute(f"SELECT * FROM {_TABLE_OF[kind]} WHERE id = ?", (id_,)).fetchone()  # noqa: S608
            if row:
                _save(db, change(kind(*row)))
            return row is not None

    def find_user(self, user_id: int) -> DemoUser | None:
        """The user with this id, if there is one."""
        row = self._find("SELECT id, email, name FROM users WHERE id = ?", user_id)
        return DemoUser(*row) if row else None

    def save_user(self, user: DemoUser) -> DemoUser:
        """The user with this e-mail, whatever its case: added, or with what is said anew of it."""
        with self.change() as db:
            return _save_user(db, user)

    def save_grant(self, code: str, grant: Grant, expires_at: int) -> None:
        """Keep a new authorization code until `expires_at` (seconds since the epoch, UTC)."""
        values = (_digest(code), grant.user_id, DEMO_CLIENT_ID, grant.redirect_uri, grant.challenge)
        self._do("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, 0)", *values, expires_at)

    def claim_grant(self, code: str, now: int) -> Grant | None:
        """Use up a code: of all who ask, one gets its grant."""
        query = "SELECT user_id, redirect_uri, challenge FROM grants WHERE code_digest = ?"
        with self.change() as db:
            row = db.execute(f"{query} AND used = 0 AND expires_at > ?", (_digest(code), now)).fetchone()
            db.execute("UPDATE grants SET used = 1 WHERE code_digest = ?", (_digest(code),))
        return Grant(*row) if row else None

    def save_token(self, access_token: str, refresh_token: str | None, issued: IssuedToken) -> None:
        """Keep a new pair of tokens, or an access token alone."""
        # The column takes no NULL: a value that nobody knows stands for no refresh token.
        digests = (_digest(access_token), _digest(refresh_token or secrets.token_urlsafe(32)))
        values = (issued.user_id, DEMO_CLIENT_ID, issued.created_at, issued.expires_at)
        self._do("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, 0, 0)", *digests, *values)

    def claim_refresh(self, refresh_token: str) -> int | None:
        """Use up a refresh token: of all who ask, one gets the id of its user."""
        key = (_digest(refresh_token),)
        query = "SELECT user_id FROM tokens WHERE refresh_digest = ? AND refreshed = 0 AND revoked = 0"
        with self.change() as db:
            row = db.execute(query, key).fetchone()
            db.execute("UPDATE tokens SET refreshed = 1 WHERE refresh_digest = ?", key)
        return int(row[0]) if row else None

    def find_token(self, access_token: str, now: int) -> IssuedToken | None:
        """What a valid access token stands for; None if it is unknown, expired or revoked."""
        query = "SELECT user_id, created_at, expires_at FROM tokens WHERE access_digest = ?"
        row = self._find(f"{query} AND revoked = 0 AND expires_at > ?", _digest(access_token), now)
        return IssuedToken(*row) if row else None

    def revoke(self, token: str) -> None:
        """End an access token and its refresh token, given either of them (RFC 7009, section 2.1)."""
        self._do("UPDATE tokens SET revoked = 1 WHERE ? IN (access_digest, refresh_digest)", _digest(token))

    def expire_tokens(self, now: int) -> None:
        """No access token that was issued so far is valid any more; the refresh tokens are."""
        self._do("UPDATE tokens SET expires_at = ? WHERE expires_at > ?", now, now)

    def revoke_all(self) -> None:
        """Nothing that was issued so far is valid any more."""
        self._do("UPDATE tokens SET revoked = 1")


def forget(data_folder: Path) -> bool:
    """Delete the file, and its folder if nothing else lies there; False if there was none.

    Raises DataFolderError.
    """
    place = data_folder / _FOLDER
    if not place.is_symlink() and not place.exists():
        return False
    private_files.open_subfolder(data_folder, _FOLDER)
    path = place / _NAME
    existed = path.is_symlink() or path.exists()
    private_files.delete_database(path)
    try:
        place.rmdir()
    except OSError:
        log.warn(f"{place} is kept: something else lies in it.")
    return existed


def _furnish(db: sqlite3.Connection, seed: Seed | None) -> None:
    """Make what tables are missing, with the sample user and the seed's (or the sample's) content."""
    for table in _TABLES:
        db.execute(table)
    _save_user(db, DemoUser(SAMPLE_ID, SAMPLE_EMAIL, SAMPLE_NAME))
    _sow(db, seed or SAMPLE)
    db.execute(f"PRAGMA user_version = {_VERSION}")


def _sow(db: sqlite3.Connection, seed: Seed) -> None:
    """Put the seed's companies and projects in place of all others, and add its users."""
    db.execute("DELETE FROM companies")
    db.execute("DELETE FROM projects")
    # Those with an id of their own first: the others get what is left.
    for user in sorted(seed.users, key=lambda user: not user.id):
        _save_user(db, user)
    records: list[Company | Project] = [*seed.companies, *seed.projects]
    for record in sorted(records, key=lambda record: not record.id):
        _save(db, record)


def _save_user(db: sqlite3.Connection, user: DemoUser) -> DemoUser:
    """In place of one with the same id; one with the same e-mail keeps what is not named."""
    key = email_key(user.email)
    known = db.execute("SELECT id, email, name FROM users WHERE email_key = ?", (key,)).fetchone()
    if known and not (user.id or user.name):
        return DemoUser(*known)
    id_, _, name = known or (None, "", user.email.rpartition("@")[0])
    db.execute("DELETE FROM users WHERE id = ? OR email_key = ?", (user.id or id_, key))
    values = (user.id or id_, user.email, key, user.name or name)
    added = db.execute("INSERT INTO users VALUES (?, ?, ?, ?)", values)
    return DemoUser(int(added.lastrowid or 0), user.email, user.name or name)


def _save(db: sqlite3.Connection, record: Company | Project) -> int:
    values = (record.id or None, *record[1:])
    query = f"INSERT OR REPLACE INTO {_TABLE_OF[type(record)]} VALUES ({', '.join('?' * len(values))})"  # noqa: S608
    return int(db.execute(query, values).lastrowid or 0)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
