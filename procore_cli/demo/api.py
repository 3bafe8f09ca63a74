"""The pretend Procore's API: `/me`, companies, projects, lists in pages, downloads; Procore's own errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from procore_cli.demo.exchange import (
    Answer,
    Call,
    find_id,
    new_errors,
    new_json,
    refused,
)
from procore_cli.demo.oauth import Provider
from procore_cli.demo.seed import OWN_KEYS, SAMPLE_EMAIL, Company, Project, is_email, is_text
from procore_cli.demo.state import SERVICE_ACCOUNT, DemoState
from procore_cli.models import utc

FILES_PATH: Final = "/demo/files/"
STORAGE_PATH: Final = "/demo/storage/"
_DEFAULT_BYTES: Final = 1024
_MAX_BYTES: Final = 1 << 40
_PATTERN: Final = bytes(range(256)) * 256
_OTHER_NAME: Final = {"127.0.0.1": "localhost"}
_DEFAULT_PER_PAGE: Final = 100
_MAX_PER_PAGE: Final = 1000
_NOT_CONNECTED = "App is not connected to this company."
_NO_COMPANY = "Missing Procore-Company-Id header!"
# The id of a company's service account: its number behind this one, where no person's id is near.
_SERVICE_ACCOUNTS: Final = 10**12
_NOT_FOUND = "Not found."


class Api:
    """The routes for programs; each takes a call, and what its path names, and gives an answer."""

    def __init__(self, provider: Provider, state: DemoState, clock: Callable[[], float]) -> None:
        """`clock`: seconds since the epoch (UTC)."""
        self._provider = provider
        self._state = state
        self._clock = clock

    def sign_in(self, call: Call) -> Answer:
        """POST /demo/tokens: tokens without the pages, for tests; `email` as a form, else the sample user."""
        email = call.form.get("email", SAMPLE_EMAIL).strip()
        if not is_email(email):
            return new_errors(422, {"email": ["is not an e-mail address"]})
        return new_json(200, self._provider.sign_in(self._state.save_user(email).id))

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
        page = read_page(call)
        if self._provider.read_token(call).user_id == SERVICE_ACCOUNT:
            return new_listing(call, page, 1, [_show_company(self._enter(call))][page.offset :])
        total, found = self._state.list_companies(page.size, page.offset)
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
            raise refused(422, {"name": ["can't be blank"]})
        now = int(self._clock())
        project_id = self._state.save_project(
            Project(None, company.id, fields.pop("name"), fields, created_at=now, updated_at=now)
        )
        return new_json(201, self._show(company, project_id))

    def change_project(self, call: Call, project_id: int) -> Answer:
        """PATCH (or PUT) /rest/v1.0/projects/{id}: the keys that are named change."""
        company = self._enter(call)
        fields = _read_fields(call)
        self._state.change_project(company.id, project_id, fields, int(self._clock()))
        return new_json(200, self._show(company, project_id))

    def delete_project(self, call: Call, project_id: int) -> Answer:
        """DELETE /rest/v1.0/projects/{id}."""
        company = self._enter(call)
        if not self._state.delete_project(company.id, project_id):
            raise refused(404, _NOT_FOUND)
        return Answer(204)

    def send_file(self, call: Call, name: str) -> Answer:
        """GET /demo/files/NAME?bytes=N: N bytes (1024 if not said), with a bearer token alone."""
        self._provider.read_token(call)
        query = dict(parse_qsl(call.query))
        if "elsewhere" in query:
            size = query.get("bytes", str(_DEFAULT_BYTES))
            return Answer(302, headers=(("Location", _new_storage_url(call, name, size)),))
        return _new_file(query, name)

    def send_stored(self, call: Call, name: str) -> Answer:
        """GET /demo/storage/NAME: the other origin, which answers 400 to whoever sends it a token."""
        if call.authorization:
            why = "Only one way of signing in is allowed: the address carries its signature."
            raise refused(400, why)
        return _new_file(dict(parse_qsl(call.query)), name)

    def _enter(self, call: Call) -> Company:
        """The header's company, once it is clear that the call may be made there."""
        self._provider.read_token(call)
        if call.company_id is None:
            raise refused(400, [_NO_COMPANY])
        return self._find_company(call.company_id)

    def _find_company(self, company_id: int) -> Company:
        company = self._state.find_company(company_id)
        if company is None:
            raise refused(404, _NOT_FOUND)
        if not company.app_installed:
            raise refused(403, [_NOT_CONNECTED])
        return company

    def _list_projects(self, call: Call, company: Company, *, wrapped: bool = False) -> Answer:
        page = read_page(call)
        total, found = self._state.list_projects(company.id, page.size, page.offset)
        items: list[object] = [_show_project(project, company) for project in found]
        return new_listing(call, page, total, items, wrapped=wrapped)

    def _show(self, company: Company, project_id: int) -> Mapping[str, Any]:
        project = self._state.find_project(company.id, project_id)
        if project is None:
            raise refused(404, _NOT_FOUND)
        return _show_project(project, company)


def _show_service_account(company: Company) -> Mapping[str, Any]:
    return {
        "id": _SERVICE_ACCOUNTS + company.id,
        "login": f"service-account-{company.id}@procore.example",
        "name": f"Service account of {company.name}",
    }


def _show_company(company: Company) -> Mapping[str, Any]:
    return {"id": company.id, "name": company.name, "is_active": company.is_active}


def _show_project(project: Project, company: Company) -> Mapping[str, Any]:
    own = {
        "id": project.id,
        "name": project.name,
        "company": {"id": company.id, "name": company.name},
        "created_at": utc(project.created_at),
        "updated_at": utc(project.updated_at),
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
        raise refused(400, ["The body is not a JSON object."])
    if not is_text(body.get("name", "unchanged")):
        raise refused(422, {"name": ["can't be blank"]})
    return {key: value for key, value in body.items() if key not in OWN_KEYS}


def _refuse_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


class Page(NamedTuple):
    """One page of a list; the first is 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many items lie before it."""
        return (self.number - 1) * self.size


def read_page(call: Call) -> Page:
    """The page that `page` and `per_page` name; a greater size than 1000 counts as 1000.

    Raises RefusedCallError with a 400.
    """
    query = dict(parse_qsl(call.query))
    size = _read_number(query, "per_page", _DEFAULT_PER_PAGE)
    return Page(_read_number(query, "page", 1), min(size, _MAX_PER_PAGE))


def new_listing(
    call: Call, page: Page, total: int, items: Sequence[object], *, wrapped: bool = False
) -> Answer:
    """The answer with a page's items; `wrapped`: as REST v2 has them, in `data`."""
    links = ", ".join(
        f'<{_new_url(call, page, number)}>; rel="{rel}"' for rel, number in _others(page, total)
    )
    headers = [("Total", str(total)), ("Per-Page", str(page.size)), *([("Link", links)] if links else [])]
    return new_json(200, {"data": items} if wrapped else items, *headers)


def _others(page: Page, total: int) -> list[tuple[str, int]]:
    last = max(1, -(-total // page.size))
    before = [("first", 1), ("prev", min(page.number - 1, last))] if page.number > 1 else []
    after = [("next", page.number + 1), ("last", last)] if page.number < last else []
    return [*after, *before]


def _new_url(call: Call, page: Page, number: int) -> str:
    kept = [(k, v) for k, v in parse_qsl(call.query, keep_blank_values=True) if k not in ("page", "per_page")]
    query = urlencode([*kept, ("page", number), ("per_page", page.size)])
    return f"{call.origin}{call.path}?{query}"


def _read_number(query: dict[str, str], name: str, default: int) -> int:
    number = find_id(query[name]) if name in query else default
    # The offset has to fit into SQLite's 64 bits.
    if not number or number > 10**12:
        raise refused(400, [f"{name} must be a whole number from 1."])
    return number


def make_chunks(size: int) -> Iterator[bytes]:
    """The content of every file: the bytes 0 to 255 over and over, `size` of them."""
    whole, rest = divmod(size, len(_PATTERN))
    for _ in range(whole):
        yield _PATTERN
    yield _PATTERN[:rest]


def _new_file(query: dict[str, str], name: str) -> Answer:
    size = find_id(query.get("bytes", str(_DEFAULT_BYTES)))
    if size is None or size > _MAX_BYTES:
        raise refused(400, [f"bytes must be a whole number up to {_MAX_BYTES}."])
    named = ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}")
    return Answer(200, "application/octet-stream", headers=(named,), size=size, chunks=make_chunks(size))


def _new_storage_url(call: Call, name: str, size: str) -> str:
    parts = urlsplit(call.origin)
    other = _OTHER_NAME.get(parts.hostname or "", "127.0.0.1")
    query = urlencode({"bytes": size, "signature": "pretend"})
    return f"http://{other}:{parts.port}{STORAGE_PATH}{quote(name, safe='')}?{query}"
