"""Companies and projects over HTTP, as Procore's REST v1 and v2 have them.

Refuses calls without a valid token, without a company, and for a company in which the app is not installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from procore_cli.demo.bearer import read_token
from procore_cli.demo.listing import new_listing, read_page
from procore_cli.demo.models import OWN_KEYS, Company, Project
from procore_cli.demo.provider import Provider
from procore_cli.demo.records import Kept, Records
from procore_cli.demo.wire import Answer, Call, RefusedCallError, is_text, new_errors, new_json

NOT_CONNECTED = "App is not connected to this company."
_NO_COMPANY = "The Procore-Company-Id header is missing or is not a company's id."
_NOT_FOUND = "Not found."


class Resources:
    """The routes; each takes a call, with the ids of its path, and gives an answer."""

    def __init__(self, provider: Provider, records: Records, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._records = records
        self._clock = clock

    def list_companies(self, call: Call) -> Answer:
        """GET /rest/v1.0/companies: connected or not; needs no company header."""
        read_token(self._provider, call)
        page = read_page(call)
        total, found = self._records.list_companies(page.size, page.offset)
        return new_listing(call, page, total, [_show_company(company) for company in found])

    def show_company(self, call: Call, company_id: int) -> Answer:
        """GET /rest/v1.0/companies/{id}."""
        self._enter(call)
        return new_json(200, _show_company(self._find_company(company_id)))

    def list_projects(self, call: Call) -> Answer:
        """GET /rest/v1.0/projects: those of the header's company."""
        return self._list_projects(call, self._enter(call))

    def list_projects_of(self, call: Call, company_id: int) -> Answer:
        """GET /rest/v1.0/companies/{id}/projects."""
        self._enter(call)
        return self._list_projects(call, self._find_company(company_id))

    def list_projects_v2(self, call: Call, company_id: int) -> Answer:
        """GET /rest/v2.0/companies/{id}/projects: the list stands in `data`."""
        self._enter(call)
        return self._list_projects(call, self._find_company(company_id), wrapped=True)

    def show_project(self, call: Call, project_id: int) -> Answer:
        """GET /rest/v1.0/projects/{id}."""
        return new_json(200, self._show(self._enter(call), project_id))

    def add_project(self, call: Call) -> Answer:
        """POST /rest/v1.0/projects: the keys, or as Procore has them `{"project": {…}}`."""
        company = self._enter(call)
        fields = _read_fields(call)
        if "name" not in fields:
            raise RefusedCallError(new_errors(422, {"name": ["can't be blank"]}))
        project = Project(None, company.id, fields.pop("name"), fields)
        project_id = self._records.save_project(project, int(self._clock()))
        return new_json(201, self._show(company, project_id))

    def change_project(self, call: Call, project_id: int) -> Answer:
        """PATCH (or PUT) /rest/v1.0/projects/{id}: the keys that are named change."""
        company = self._enter(call)
        fields = _read_fields(call)
        self._records.change_project(company.id, project_id, fields, int(self._clock()))
        return new_json(200, self._show(company, project_id))

    def delete_project(self, call: Call, project_id: int) -> Answer:
        """DELETE /rest/v1.0/projects/{id}."""
        company = self._enter(call)
        if not self._records.delete_project(company.id, project_id):
            raise RefusedCallError(new_errors(404, _NOT_FOUND))
        return Answer(204)

    def _enter(self, call: Call) -> Company:
        """The header's company, once it is clear that the call may be made there."""
        read_token(self._provider, call)
        if call.company_id is None:
            raise RefusedCallError(new_errors(400, [_NO_COMPANY]))
        return self._find_company(call.company_id)

    def _find_company(self, company_id: int) -> Company:
        company = self._records.find_company(company_id)
        if company is None:
            raise RefusedCallError(new_errors(404, _NOT_FOUND))
        if not company.app_installed:
            raise RefusedCallError(new_errors(403, [NOT_CONNECTED]))
        return company

    def _list_projects(self, call: Call, company: Company, *, wrapped: bool = False) -> Answer:
        page = read_page(call)
        total, found = self._records.list_projects(company.id, page.size, page.offset)
        items: list[object] = [_show_project(kept, company) for kept in found]
        return new_listing(call, page, total, items, wrapped=wrapped)

    def _show(self, company: Company, project_id: int) -> Mapping[str, Any]:
        kept = self._records.find_project(company.id, project_id)
        if kept is None:
            raise RefusedCallError(new_errors(404, _NOT_FOUND))
        return _show_project(kept, company)


def _show_company(company: Company) -> Mapping[str, Any]:
    return {"id": company.id, "name": company.name, "is_active": company.is_active}


def _show_project(kept: Kept, company: Company) -> Mapping[str, Any]:
    project = kept.project
    own = {
        "id": project.id,
        "name": project.name,
        "company": {"id": company.id, "name": company.name},
        "created_at": _utc(kept.created_at),
        "updated_at": _utc(kept.updated_at),
    }
    # First for whoever reads it, last so that no other key stands in for one of them.
    return {**own, "active": True, **project.fields, **own}


def _read_fields(call: Call) -> dict[str, Any]:
    """The keys that a body sets. Raises RefusedCallError with a 400 or a 422."""
    try:
        body = json.loads(call.body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict) and isinstance(body.get("project"), dict):
        body = body["project"]
    if not isinstance(body, dict):
        raise RefusedCallError(new_errors(400, ["The body is not a JSON object."]))
    if not is_text(body.get("name", "unchanged")):
        raise RefusedCallError(new_errors(422, {"name": ["can't be blank"]}))
    return {key: value for key, value in body.items() if key not in OWN_KEYS}


def _refuse_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
