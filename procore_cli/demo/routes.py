"""Which path leads where at the pretend Procore; refuses to answer anything itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from procore_cli.demo.api import Api
from procore_cli.demo.calls import CALLS_PATH
from procore_cli.demo.downloads import FILES_PATH, STORAGE_PATH, Downloads
from procore_cli.demo.front import Routes
from procore_cli.demo.resources import Resources
from procore_cli.demo.sessions import Sessions
from procore_cli.demo.signin import LOGIN_PATH, SignInDesk
from procore_cli.environments import (
    AUTHORIZE_PATH,
    COMPANIES_PATH,
    ME_PATH,
    REVOKE_PATH,
    TOKEN_INFO_PATH,
    TOKEN_PATH,
)

if TYPE_CHECKING:
    from procore_cli.demo.server import Inside

TOKENS_PATH = "/demo/tokens"
_PROJECTS_PATH = "/rest/v1.0/projects"


def new_routes(inside: Inside, port: int, clock: Callable[[], float]) -> Routes:
    """Every route, over the parts of one server."""
    desk = SignInDesk(inside.provider, inside.state, Sessions(port))
    api = Api(inside.provider, inside.state)
    resources = Resources(inside.provider, inside.records, clock)
    downloads = Downloads(inside.provider)
    return {
        ("GET", LOGIN_PATH): desk.show_login,
        ("POST", LOGIN_PATH): desk.log_in,
        ("GET", AUTHORIZE_PATH): desk.show_consent,
        ("POST", AUTHORIZE_PATH): desk.decide,
        ("POST", TOKEN_PATH): api.issue_token,
        ("POST", REVOKE_PATH): api.revoke,
        ("GET", TOKEN_INFO_PATH): api.show_token_info,
        ("GET", ME_PATH): api.show_me,
        ("GET", COMPANIES_PATH): resources.list_companies,
        ("GET", f"{COMPANIES_PATH}/{{id}}"): resources.show_company,
        ("GET", f"{COMPANIES_PATH}/{{id}}/projects"): resources.list_projects_of,
        ("GET", "/rest/v2.0/companies/{id}/projects"): resources.list_projects_v2,
        ("GET", _PROJECTS_PATH): resources.list_projects,
        ("POST", _PROJECTS_PATH): resources.add_project,
        ("GET", f"{_PROJECTS_PATH}/{{id}}"): resources.show_project,
        ("PATCH", f"{_PROJECTS_PATH}/{{id}}"): resources.change_project,
        ("PUT", f"{_PROJECTS_PATH}/{{id}}"): resources.change_project,
        ("DELETE", f"{_PROJECTS_PATH}/{{id}}"): resources.delete_project,
        ("GET", f"{FILES_PATH}{{name}}"): downloads.send,
        ("GET", f"{STORAGE_PATH}{{name}}"): downloads.send_stored,
        ("POST", TOKENS_PATH): api.sign_in,
        ("GET", CALLS_PATH): inside.calls.show,
        ("DELETE", CALLS_PATH): inside.calls.empty,
    }
