"""The tables of the pretend Procore's file, and what stands in them at first; refuses to open the file."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Final

from procore_cli.demo.app import (
    SAMPLE_COMPANIES,
    SAMPLE_EMAIL,
    SAMPLE_ID,
    SAMPLE_NAME,
    SAMPLE_PROJECTS,
)
from procore_cli.demo.models import Company, Project, Seed, SeedUser

if TYPE_CHECKING:
    import sqlite3

_VERSION: Final = 1
# When what is there at first was made: 2026-01-01, seconds since the epoch (UTC).
_BEGINNING: Final = 1_767_225_600
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

SAMPLE: Final = Seed(
    (),
    tuple(Company(id_, name, True, installed) for id_, name, installed in SAMPLE_COMPANIES),
    tuple(Project(id_, company_id, name) for id_, company_id, name in SAMPLE_PROJECTS),
)


def is_furnished(db: sqlite3.Connection) -> bool:
    """Whether the tables are there."""
    return bool(db.execute("PRAGMA user_version").fetchone()[0] >= _VERSION)


def furnish(db: sqlite3.Connection, seed: Seed | None) -> None:
    """Make what tables are missing, with the sample user and the seed's (or the sample's) content."""
    for table in _TABLES:
        db.execute(table)
    save_user(db, SeedUser(SAMPLE_ID, SAMPLE_EMAIL, SAMPLE_NAME))
    sow(db, seed or SAMPLE)
    db.execute(f"PRAGMA user_version = {_VERSION}")


def sow(db: sqlite3.Connection, seed: Seed) -> None:
    """Put the seed's companies and projects in place of all others, and add its users."""
    db.execute("DELETE FROM companies")
    db.execute("DELETE FROM projects")
    # Those with an id of their own first: the others get what is left.
    for user in sorted(seed.users, key=lambda user: user.id is None):
        save_user(db, user)
    for company in seed.companies:
        row = (company.id, company.name, company.is_active, company.app_installed)
        db.execute("INSERT INTO companies VALUES (?, ?, ?, ?)", row)
    for project in sorted(seed.projects, key=lambda project: project.id is None):
        fields = json.dumps(dict(project.fields))
        values = (project.id, project.company_id, project.name, fields, _BEGINNING, _BEGINNING)
        db.execute("INSERT INTO projects VALUES (?, ?, ?, ?, ?, ?)", values)


def save_user(db: sqlite3.Connection, user: SeedUser) -> None:
    """Add a user, in place of one with the same id; one with the same e-mail keeps what is not named."""
    key = email_key(user.email)
    known = db.execute("SELECT id, name FROM users WHERE email_key = ?", (key,)).fetchone()
    known_id, known_name = known or (None, user.email.rpartition("@")[0])
    id_ = known_id if user.id is None else user.id
    db.execute("DELETE FROM users WHERE id = ? OR email_key = ?", (id_, key))
    db.execute("INSERT INTO users VALUES (?, ?, ?, ?)", (id_, user.email, key, user.name or known_name))


def email_key(email: str) -> str:
    """What two spellings of one e-mail have in common."""
    return unicodedata.normalize("NFC", email).casefold()
