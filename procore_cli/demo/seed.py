"""What the pretend Procore begins with: its app, people, companies and projects, or those of a seed file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from procore_cli.demo.records import (
    BadValueError,
    Company,
    DemoUser,
    Field,
    Project,
    email_key,
    parse,
    read_company,
    read_object,
    read_project,
    read_user,
)
from procore_cli.demo.responses import Response, read_response
from procore_cli.errors import BrokenSeedError

# Public on purpose: they open nothing but the pretend Procore on this machine.
DEMO_APP_NAME: Final = "procore-login"

SAMPLE_ID: Final = 11111
SAMPLE_EMAIL: Final = "joecontractor@procore.com"
SAMPLE_NAME: Final = "Joe Contractor"

SAMPLE_COMPANY_ID: Final = 22222
# The company in which the app is not installed.
UNCONNECTED_COMPANY_ID: Final = 44444

_HINT: Final = (
    'A small one: {"companies": [{"id": 1, "name": "A"}], "projects": [{"company_id": 1, "name": "B"}]}'
)


class Seed(NamedTuple):
    """What the pretend Procore begins with, beside the sample user."""

    users: Sequence[DemoUser] = ()
    companies: Sequence[Company] = (
        Company(SAMPLE_COMPANY_ID, "Pretend Construction"),
        Company(33333, "Sample Bridges"),
        Company(UNCONNECTED_COMPANY_ID, "Not Connected Builders", app_installed=False),
    )
    projects: Sequence[Project] = (
        Project(501, SAMPLE_COMPANY_ID, "Pretend Library"),
        Project(502, SAMPLE_COMPANY_ID, "Pretend School"),
        Project(503, SAMPLE_COMPANY_ID, "Pretend Station"),
        Project(601, 33333, "Sample Footbridge"),
    )
    responses: Sequence[Response] = ()


SAMPLE: Final = Seed()
_READERS: Final[dict[str, Callable[[object, str], Any]]] = {
    "users": read_user,
    "companies": read_company,
    "projects": read_project,
    "responses": read_response,
}
_LISTS: Final = {name: Field(lambda value: isinstance(value, list), "a list", None) for name in _READERS}


def load_seed(path: Path) -> Seed:
    """Read a seed file; keys that it lacks keep the sample's content, but no project without its company.

    Raises BrokenSeedError, which names the place.
    """
    try:
        return _read_seed(parse(path.read_text("utf-8-sig")))
    except OSError as error:
        why = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    except BadValueError as error:
        why = str(error)
    raise BrokenSeedError(f"The seed file {path} cannot be used: {why}.", _HINT)


def _read_seed(value: object) -> Seed:
    lists = read_object(value, _LISTS, "the file")
    given = {
        name: [_READERS[name](each, f"{name}[{index}]") for index, each in enumerate(values)]
        for name, values in lists.items()
        if values is not None
    }
    seed = SAMPLE._replace(**given)
    known = {company.id for company in seed.companies}
    if "projects" not in given:
        seed = seed._replace(projects=[it for it in seed.projects if it.company_id in known])
    _refuse_doubles("users", "id", [user.id for user in seed.users])
    _refuse_doubles("users", "email", [email_key(user.email) for user in seed.users])
    _refuse_doubles("companies", "id", [company.id for company in seed.companies])
    _refuse_doubles("projects", "id", [project.id for project in seed.projects])
    for index, project in enumerate(seed.projects):
        if project.company_id not in known:
            place = f"projects[{index}].company_id"
            raise BadValueError(f"{place}: there is no company {project.company_id}")
    return seed


def _refuse_doubles(name: str, key: str, values: Sequence[object]) -> None:
    first: dict[object, int] = {}
    for index, value in enumerate(values):
        if value is not None and first.setdefault(value, index) < index:
            raise BadValueError(f"{name}[{index}].{key} is the same as that of {name}[{first[value]}]")
