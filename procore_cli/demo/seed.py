"""What the pretend Procore begins with: its app, people, companies and projects, or those of a seed file."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from procore_cli.errors import BrokenSeedError

# Public on purpose: they open nothing but the pretend Procore on this machine.
DEMO_CLIENT_ID: Final = "pretend-client-id"
DEMO_CLIENT_SECRET: Final = "pretend-client-secret"
DEMO_APP_NAME: Final = "procore-login"

SAMPLE_ID: Final = 11111
SAMPLE_EMAIL: Final = "joecontractor@procore.com"
SAMPLE_NAME: Final = "Joe Contractor"

SAMPLE_COMPANY_ID: Final = 22222
# The company in which the app is not installed.
UNCONNECTED_COMPANY_ID: Final = 44444

# When what is there at first was made: 2026-01-01, seconds since the epoch (UTC).
_BEGINNING: Final = 1_767_225_600
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_MAX_CHARACTERS = 254
_HALF = re.compile("[\ud800-\udfff]")
# What a project has by itself, beside its name: neither a seed nor a request sets it among the other keys.
OWN_KEYS: Final = frozenset({"id", "company", "company_id", "created_at", "updated_at"})
_MAX_BYTES: Final = 256 * 1024 * 1024
_MAX_ID: Final = 10**18 - 1
_GIVEN_KEYS: Final = OWN_KEYS - {"id", "company_id"}
_HINT: Final = (
    'A small one: {"companies": [{"id": 1, "name": "A"}], "projects": [{"company_id": 1, "name": "B"}]}'
)


def is_email(text: str) -> bool:
    """Whether somebody can log in with this."""
    return len(text) <= _MAX_CHARACTERS and text.isprintable() and bool(_EMAIL.fullmatch(text))


def is_text(value: object) -> bool:
    """Whether a JSON value is a text that is neither blank nor half a character (a lone surrogate)."""
    return isinstance(value, str) and bool(value.strip()) and not _HALF.search(value)


@dataclass(frozen=True)
class DemoUser:
    """Somebody who can log in."""

    id: int
    email: str
    name: str


@dataclass(frozen=True)
class Company:
    """A company; `app_installed`: whether the app may act in it."""

    id: int
    name: str
    is_active: bool = True
    app_installed: bool = True


@dataclass(frozen=True)
class Project:
    """A project of a company; `id` None: the next free one. `fields` are its other keys, as JSON values.

    Times in seconds since the epoch (UTC).
    """

    id: int | None
    company_id: int
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    created_at: int = _BEGINNING
    updated_at: int = _BEGINNING


@dataclass(frozen=True)
class SeedUser:
    """Somebody to know from the start; `id` None: the next free one."""

    id: int | None
    email: str
    name: str | None


@dataclass(frozen=True)
class Seed:
    """What the pretend Procore begins with, beside the sample user."""

    users: tuple[SeedUser, ...]
    companies: tuple[Company, ...]
    projects: tuple[Project, ...]


SAMPLE: Final = Seed(
    users=(),
    companies=(
        Company(SAMPLE_COMPANY_ID, "Pretend Construction"),
        Company(33333, "Sample Bridges"),
        Company(UNCONNECTED_COMPANY_ID, "Not Connected Builders", app_installed=False),
    ),
    projects=(
        Project(501, SAMPLE_COMPANY_ID, "Pretend Library"),
        Project(502, SAMPLE_COMPANY_ID, "Pretend School"),
        Project(503, SAMPLE_COMPANY_ID, "Pretend Station"),
        Project(601, 33333, "Sample Footbridge"),
    ),
)


def email_key(email: str) -> str:
    """What two spellings of one e-mail have in common."""
    return unicodedata.normalize("NFC", email).casefold()


class _FaultError(ValueError):
    """What is wrong, and where."""


def load_seed(path: Path) -> Seed:
    """Read a seed file; keys that it lacks keep the sample's content, but no project without its company.

    Raises BrokenSeedError, which names the place.
    """
    try:
        return _read_seed(_parse(_load_text(path)))
    except _FaultError as fault:
        raise BrokenSeedError(f"The seed file {path} cannot be used: {fault}.", _HINT) from None


def _load_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise _FaultError("it is too large")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise _FaultError(error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:
        raise _FaultError("it is not UTF-8") from None


def _parse(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_new_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _FaultError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise _FaultError(str(error) if isinstance(error, _FaultError) else "it is not JSON") from None


def _read_seed(value: object) -> Seed:
    values = _read_object(value, "the file", {"users", "companies", "projects"})
    users = tuple(_read_user(user, place) for user, place in _list(values, "users"))
    _refuse_doubles("users", "id", (user.id for user in users))
    _refuse_doubles("users", "email", (email_key(user.email) for user in users))
    companies = tuple(_read_company(company, place) for company, place in _list(values, "companies"))
    _refuse_doubles("companies", "id", (company.id for company in companies))
    if "companies" not in values:
        companies = SAMPLE.companies
    known = {company.id for company in companies}
    projects = tuple(_read_project(project, place, known) for project, place in _list(values, "projects"))
    _refuse_doubles("projects", "id", (project.id for project in projects))
    if "projects" not in values:
        projects = tuple(project for project in SAMPLE.projects if project.company_id in known)
    return Seed(users, companies, projects)


def _read_user(value: object, place: str) -> SeedUser:
    fields = {"id": None, "name": None, **_read_object(value, place, {"id", "email", "name"})}
    email = _read_text(fields, "email", place)
    if not is_email(email):
        raise _FaultError(f"{place}.email is not an e-mail address")
    name = None if fields["name"] is None else _read_text(fields, "name", place)
    return SeedUser(None if fields["id"] is None else _read_id(fields, "id", place), email, name)


def _read_company(value: object, place: str) -> Company:
    known = {"id", "name", "is_active", "app_installed"}
    fields = {"is_active": True, "app_installed": True, **_read_object(value, place, known)}
    for flag in ("is_active", "app_installed"):
        if not isinstance(fields[flag], bool):
            raise _FaultError(f"{place}.{flag} is neither true nor false")
    id_, name = _read_id(fields, "id", place), _read_text(fields, "name", place)
    return Company(id_, name, fields["is_active"], fields["app_installed"])


def _read_project(value: object, place: str, companies: set[int]) -> Project:
    fields = {"id": None, **_read_object(value, place, None)}
    company_id = _read_id(fields, "company_id", place)
    if company_id not in companies:
        raise _FaultError(f"{place}.company_id: there is no company {company_id}")
    given = sorted(_GIVEN_KEYS.intersection(fields))
    if given:
        raise _FaultError(f"{place}.{given[0]} is given by the pretend Procore itself")
    others = {key: field for key, field in fields.items() if key not in ("id", "company_id", "name")}
    id_ = None if fields["id"] is None else _read_id(fields, "id", place)
    return Project(id_, company_id, _read_text(fields, "name", place), others)


def _list(values: Mapping[str, Any], key: str) -> list[tuple[object, str]]:
    found = values.get(key, [])
    if not isinstance(found, list):
        raise _FaultError(f"{key} is not a list")
    return [(value, f"{key}[{index}]") for index, value in enumerate(found)]


def _read_object(value: object, place: str, known: set[str] | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _FaultError(f"{place} is not an object")
    for key in value:
        if known is not None and key not in known:
            raise _FaultError(f'{place} has the key "{key}", and knows {", ".join(sorted(known))} alone')
    return value


def _read_text(fields: Mapping[str, Any], key: str, place: str) -> str:
    text = fields.get(key)
    if not is_text(text):
        raise _FaultError(f"{place}.{key} is not a text, or missing")
    return str(text)


def _read_id(fields: Mapping[str, Any], key: str, place: str) -> int:
    number = fields.get(key)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= _MAX_ID:
        raise _FaultError(f"{place}.{key} is not a whole number from 1, or missing")
    return number


def _refuse_doubles(noun: str, key: str, values: Iterable[object]) -> None:
    first: dict[object, int] = {}
    for index, value in enumerate(values):
        if value is not None and value in first:
            raise _FaultError(f"{noun}[{index}].{key} is the same as that of {noun}[{first[value]}]")
        first[value] = index


def _new_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise _FaultError(f'the key "{doubled}" stands twice in one object')
    return fields


def _refuse_constant(text: str) -> None:
    raise _FaultError(f"{text} is not JSON")
