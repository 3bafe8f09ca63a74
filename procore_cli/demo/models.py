"""The nouns of the pretend Procore as frozen dataclasses; refuses to do I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# What a project has by itself, beside its name: neither a seed nor a request sets it among the other keys.
OWN_KEYS: Final = frozenset({"id", "company", "company_id", "created_at", "updated_at"})


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
    """A project of a company; `id` None: the next free one. `fields` are its other keys, as JSON values."""

    id: int | None
    company_id: int
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)


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
