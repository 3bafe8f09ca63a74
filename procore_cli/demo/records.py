"""People, companies and projects of the pretend Procore, and how JSON is read: each mistake by its field."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

# When what is there at first was made: 2026-01-01, seconds since the epoch (UTC).
_BEGINNING: Final = 1_767_225_600
_MAX_ID: Final = 10**18 - 1
_MAX_CHARACTERS: Final = 254
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_HALF = re.compile("[\ud800-\udfff]")
_REQUIRED: Final = object()


class BadValueError(ValueError):
    """A value that cannot be used; the message names the field."""


class DemoUser(NamedTuple):
    """Somebody who can log in."""

    id: int
    email: str
    name: str


class Company(NamedTuple):
    """A company; `app_installed`: whether the app may act in it."""

    id: int
    name: str
    is_active: bool = True
    app_installed: bool = True


class Project(NamedTuple):
    """A project; `fields` are its other keys as a JSON object, times seconds since the epoch (UTC)."""

    id: int
    company_id: int
    name: str
    fields: str = "{}"
    created_at: int = _BEGINNING
    updated_at: int = _BEGINNING


class Field(NamedTuple):
    """What a key of an object takes; `wanted` completes "is not"."""

    fits: Callable[[Any], bool]
    wanted: str
    default: Any = _REQUIRED


def parse(text: str) -> Any:
    """A JSON value in which no key stands twice in one object. Raises BadValueError."""
    try:
        return json.loads(text, object_pairs_hook=_new_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise BadValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except BadValueError:
        raise
    except (RecursionError, ValueError):
        raise BadValueError("it is not JSON") from None


def read_object(
    value: object, fields: Mapping[str, Field], place: str = "", *, others: bool = False
) -> dict[str, Any]:
    """The object's values, with what it leaves out; `others`: it may have more keys. Raises BadValueError."""
    if not isinstance(value, dict):
        raise BadValueError(f"{place or 'the body'} is not an object")
    dot = f"{place}." if place else ""
    for key in value:
        if key not in fields and not others:
            raise BadValueError(f"{dot}{key} is not known: it may have {', '.join(fields) or 'no key'}")
    found = {name: field.default for name, field in fields.items()} | value
    for name, field in fields.items():
        if found[name] is _REQUIRED:
            raise BadValueError(f"{dot}{name} is missing")
        if found[name] is not field.default and not field.fits(found[name]):
            raise BadValueError(f"{dot}{name} is not {field.wanted}")
    return found


def is_email(value: object) -> bool:
    """Whether somebody can log in with this."""
    is_short = isinstance(value, str) and len(value) <= _MAX_CHARACTERS and value.isprintable()
    return is_short and bool(_EMAIL.fullmatch(str(value)))


def is_text(value: object) -> bool:
    """Whether it is a text that is neither blank nor half a character (a lone surrogate)."""
    return isinstance(value, str) and bool(value.strip()) and not _HALF.search(value)


WHOLE: Final = Field(lambda it: type(it) is int and 0 < it <= _MAX_ID, "a whole number from 1")
FLAG: Final = Field(lambda it: type(it) is bool, "true or false")
EMAIL: Final = Field(is_email, "an e-mail address")
APP_INSTALLED: Final = FLAG._replace(default=True)
_TEXT: Final = Field(is_text, "a text")
_ID: Final = WHOLE._replace(default=None)
_USER: Final = {"id": _ID, "email": EMAIL, "name": _TEXT._replace(default=None)}
_COMPANY: Final = {"id": _ID, "name": _TEXT, "is_active": APP_INSTALLED, "app_installed": APP_INSTALLED}
_PROJECT: Final = {"id": _ID, "company_id": WHOLE, "name": _TEXT}
# What a project has by itself: neither a test nor a request sets it among the other keys.
OWN_KEYS: Final = frozenset({"id", "company", "company_id", "created_at", "updated_at"})


def read_user(value: object, place: str = "") -> DemoUser:
    """Somebody; without an `id` the next free one is meant, without a `name` what stands before the @."""
    return DemoUser(**read_object(value, _USER, place))


def read_company(value: object, place: str = "") -> Company:
    """A company; without an `id` the next free one is meant."""
    return Company(**read_object(value, _COMPANY, place))


def read_project(value: object, place: str = "", now: int = _BEGINNING) -> Project:
    """A project; without an `id` the next free one is meant."""
    fields = read_object(value, _PROJECT, place, others=True)
    id_, company_id, name = (fields.pop(key) for key in _PROJECT)
    for key in fields.keys() & OWN_KEYS:
        raise BadValueError(f"{place and f'{place}.'}{key} is given by the pretend Procore itself")
    return Project(id_, company_id, name, json.dumps(fields), now, now)


def email_key(email: str) -> str:
    """What two spellings of one e-mail have in common."""
    return unicodedata.normalize("NFC", email).casefold()


def _new_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise BadValueError(f'the key "{name}" stands twice in one object')
    return dict(pairs)


def _refuse_constant(text: str) -> None:
    raise BadValueError(f"{text} is not JSON")
