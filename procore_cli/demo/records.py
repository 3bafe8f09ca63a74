"""The companies and projects of the pretend Procore, as rows; refuses to know HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procore_cli.demo.file import DemoFile
from procore_cli.demo.models import Company, Project

_PROJECTS = "SELECT id, company_id, name, fields, created_at, updated_at FROM projects WHERE company_id = ?"


@dataclass(frozen=True)
class Kept:
    """A project as it is kept; times in seconds since the epoch (UTC)."""

    project: Project
    created_at: int
    updated_at: int


class Records:
    """Every method raises DatabaseError where the file cannot be used."""

    def __init__(self, file: DemoFile) -> None:
        self._file = file

    def find_company(self, company_id: int) -> Company | None:
        """The company with this id, if there is one."""
        query = "SELECT id, name, is_active, app_installed FROM companies WHERE id = ?"
        with self._file.open() as db:
            row = db.execute(query, (company_id,)).fetchone()
        return _new_company(row) if row else None

    def list_companies(self, limit: int, offset: int) -> tuple[int, list[Company]]:
        """How many there are, and one page of them by id."""
        query = "SELECT id, name, is_active, app_installed FROM companies ORDER BY id LIMIT ? OFFSET ?"
        with self._file.open() as db:
            total = db.execute("SELECT count(*) FROM companies").fetchone()[0]
            return total, [_new_company(row) for row in db.execute(query, (limit, offset))]

    def save_company(self, name: str, *, app_installed: bool) -> int:
        """Add a company; returns its id."""
        with self._file.change() as db:
            values = (name, app_installed)
            added = db.execute("INSERT INTO companies VALUES (NULL, ?, 1, ?)", values)
            return int(added.lastrowid or 0)

    def install_app(self, company_id: int, *, installed: bool) -> bool:
        """Connect the app to a company, or disconnect it; False if there is no such company."""
        with self._file.change() as db:
            query = "UPDATE companies SET app_installed = ? WHERE id = ?"
            return db.execute(query, (installed, company_id)).rowcount == 1

    def find_project(self, company_id: int, project_id: int) -> Kept | None:
        """The company's project with this id, if there is one."""
        query = _PROJECTS + " AND id = ?"
        with self._file.open() as db:
            row = db.execute(query, (company_id, project_id)).fetchone()
        return _new_kept(row) if row else None

    def list_projects(self, company_id: int, limit: int, offset: int) -> tuple[int, list[Kept]]:
        """How many the company has, and one page of them by id."""
        count = "SELECT count(*) FROM projects WHERE company_id = ?"
        query = _PROJECTS + " ORDER BY id LIMIT ? OFFSET ?"
        with self._file.open() as db:
            total = db.execute(count, (company_id,)).fetchone()[0]
            return total, [_new_kept(row) for row in db.execute(query, (company_id, limit, offset))]

    def save_project(self, project: Project, now: int) -> int:
        """Add a project; returns its id."""
        values = (project.id, project.company_id, project.name, json.dumps(dict(project.fields)), now, now)
        with self._file.change() as db:
            added = db.execute("INSERT INTO projects VALUES (?, ?, ?, ?, ?, ?)", values)
            return int(added.lastrowid or 0)

    def change_project(self, company_id: int, project_id: int, changes: Mapping[str, Any], now: int) -> bool:
        """Change some keys of a project; False if the company has none with this id."""
        query = _PROJECTS + " AND id = ?"
        with self._file.change() as db:
            row = db.execute(query, (company_id, project_id)).fetchone()
            if row is None:
                return False
            fields = {**json.loads(row[3]), **changes}
            name = fields.pop("name", row[2])
            update = "UPDATE projects SET name = ?, fields = ?, updated_at = ? WHERE id = ?"
            db.execute(update, (name, json.dumps(fields), now, project_id))
            return True

    def delete_project(self, company_id: int, project_id: int) -> bool:
        """Delete a project; False if the company has none with this id."""
        with self._file.change() as db:
            query = "DELETE FROM projects WHERE company_id = ? AND id = ?"
            return db.execute(query, (company_id, project_id)).rowcount == 1


def _new_company(row: tuple[Any, ...]) -> Company:
    id_, name, is_active, app_installed = row
    return Company(id_, name, bool(is_active), bool(app_installed))


def _new_kept(row: tuple[Any, ...]) -> Kept:
    id_, company_id, name, fields, created_at, updated_at = row
    return Kept(Project(id_, company_id, name, json.loads(fields)), created_at, updated_at)
