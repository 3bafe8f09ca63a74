"""The pretend Procore's API: `/me`, companies and projects, with Procore's own rules and errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from procore_cli.config.environments import COMPANIES_PATH, ME_PATH
from procore_cli.demo.exchange import Answer, Call, find_id, is_v2, new_json, new_page, refused
from procore_cli.demo.oauth import Provider
from procore_cli.demo.records import OWN_KEYS, BadValueError, Company, Project, is_text
from procore_cli.demo.state import SERVICE_ACCOUNT, DemoState
from procore_cli.models import utc

Route = tuple[str, str, Callable[..., Answer]]
_PROJECTS: Final = "/rest/v1.0/projects"
_NO_HEADER: Final = "Missing Procore-Company-Id header!"
_NOT_CONNECTED: Final = "App is not connected to this company."
_NOT_FOUND: Final = "Not found."
_MISSING: Final = "param is missing or the value is empty: "
# The id of a company's service account: the company's behind this number, where no person's id is near.
_SERVICE_ACCOUNTS: Final = 10**12


@dataclass(frozen=True)
class Api:
    """The routes for programs; each takes a call, and what its path names, and gives an answer."""

    _provider: Provider
    _state: DemoState
    _clock: Callable[[], float]

    def list_routes(self) -> list[Route]:
        """Of the published API, what is here."""
        return [
            ("GET", ME_PATH, self.show_me),
            ("GET", COMPANIES_PATH, self.list_companies),
            ("GET", f"{COMPANIES_PATH}/{{id}}/projects", self.list_projects),
            ("GET", "/rest/v2.0/companies/{id}/projects", self.list_projects),
            ("GET", "/rest/v1.1/projects", self.list_projects),
            ("GET", _PROJECTS, self.list_projects),
            ("POST", _PROJECTS, self.add_project),
            ("GET", f"{_PROJECTS}/{{id}}", self.show_project),
            ("PATCH", f"{_PROJECTS}/{{id}}", self.change_project),
        ]

    def show_me(self, call: Call) -> Answer:
        """GET /rest/v1.0/me: the person, or the service account that the app has in the header's company."""
        user_id = self._provider.read_token(call).user_id
        if user_id == SERVICE_ACCOUNT:
            return new_json(200, _show_service_account(self._enter(call)))
        user = self._state.find_user(user_id)
        if user is None:
            raise refused(401, "The token's user is gone.")
        return new_json(200, {"id": user.id, "login": user.email, "name": user.name})

    def list_companies(self, call: Call) -> Answer:
        """GET /rest/v1.0/companies: a person's, connected or not, or the one that a service account is in."""
        if self._provider.read_token(call).user_id == SERVICE_ACCOUNT:
            company = self._enter(call)
            return new_page(call, lambda _, offset: (1, [company][offset:]), _show_company)
        return new_page(call, partial(self._state.list, Company), _show_company)

    def list_projects(self, call: Call, company_id: int | None = None) -> Answer:
        """GET /rest/v1.0/projects and its like: those of a company, which path or query names."""
        named = call.parameters.get("company_id", "") if company_id is None else company_id
        company = self._enter(call, named)
        list_items = partial(self._state.list, Project, company_id=company.id)
        return new_page(call, list_items, lambda project: _show_project(project, company, call))

    def show_project(self, call: Call, project_id: int) -> Answer:
        """GET /rest/v1.0/projects/{id}."""
        company = self._enter(call, call.parameters.get("company_id", ""))
        return new_json(200, self._show(call, company, project_id))

    def add_project(self, call: Call) -> Answer:
        """POST /rest/v1.0/projects: `{"company_id": …, "project": {…}}`."""
        company, fields = self._read_project(call)
        if "name" not in fields:
            raise refused(422, {"name": ["can't be blank"]})
        now, name = int(self._clock()), fields.pop("name")
        project = Project(0, company.id, name, json.dumps(fields), now, now)
        return new_json(201, self._show(call, company, self._state.save(project)))

    def change_project(self, call: Call, project_id: int) -> Answer:
        """PATCH /rest/v1.0/projects/{id}, with the same body: the keys that are named change."""
        company, fields = self._read_project(call)
        self._show(call, company, project_id)
        now = int(self._clock())

        def change(project: Project) -> Project:
            others = json.loads(project.fields) | fields
            name = others.pop("name", project.name)
            return project._replace(name=name, fields=json.dumps(others), updated_at=now)

        self._state.update(Project, project_id, change)
        return new_json(200, self._show(call, company, project_id))

    def _enter(self, call: Call, named: object = None) -> Company:
        """The header's company, once it is clear that the call may be made there.

        `named`: the id that the call has to name besides.
        """
        self._provider.read_token(call)
        if call.company_id is None:
            raise refused(400, [_NO_HEADER])
        if named == "":
            raise refused(400, [f"{_MISSING}company_id"])
        if named is not None and find_id(named) != call.company_id:
            raise refused(
                400, [f"company_id is not that of the Procore-Company-Id header, {call.company_id}."]
            )
        company = self._state.find(Company, call.company_id)
        if company is None:
            raise refused(404, _NOT_FOUND)
        if not company.app_installed:
            raise refused(403, [_NOT_CONNECTED])
        return company

    def _read_project(self, call: Call) -> tuple[Company, dict[str, Any]]:
        """The company that header and body name, and the keys that the body sets there."""
        self._provider.read_token(call)
        try:
            body = call.parameters | call.read()
        except BadValueError as error:
            raise refused(400, [f"The body cannot be read: {error}."]) from None
        company, project = self._enter(call, body.get("company_id") or ""), body.get("project")
        if not isinstance(project, dict) or not project:
            raise refused(400, [f"{_MISSING}project"])
        if not is_text(project.get("name", "unchanged")):
            raise refused(422, {"name": ["can't be blank"]})
        return company, {key: value for key, value in project.items() if key not in OWN_KEYS}

    def _show(self, call: Call, company: Company, project_id: int) -> Mapping[str, Any]:
        project = self._state.find(Project, project_id)
        if project is None or project.company_id != company.id:
            raise refused(404, _NOT_FOUND)
        return _show_project(project, company, call)


def _show_service_account(company: Company) -> Mapping[str, Any]:
    return {
        "id": _SERVICE_ACCOUNTS + company.id,
        "login": f"service-account-{company.id}@procore.example",
        "name": f"Service account of {company.name}",
    }


def _show_company(company: Company) -> Mapping[str, Any]:
    return {"id": company.id, "name": company.name, "is_active": bool(company.is_active)}


def _show_project(project: Project, company: Company, call: Call) -> Mapping[str, Any]:
    spell = str if is_v2(call) else int
    own = {
        "id": spell(project.id),
        "name": project.name,
        "company": {"id": spell(company.id), "name": company.name},
        "created_at": utc(project.created_at),
        "updated_at": utc(project.updated_at),
    }
    # First for whoever reads it, last so that no other key stands in for one of them.
    return {**own, "active": True, **json.loads(project.fields), **own}
