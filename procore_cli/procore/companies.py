"""The account's companies, and what Procore says about a company that a call names or does not name."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from procore_cli.environments import COMPANY_HEADER
from procore_cli.errors import UnexpectedAnswerError
from procore_cli.procore.answers import Answer, read_reason

if TYPE_CHECKING:
    from procore_cli.models import Environment
    from procore_cli.procore.stream import Call

_NOT_CONNECTED = "not connected to this company"
# The company in a path, /companies/5/..., or in a query, company_id=5.
_IN_URL = re.compile(
    r"/companies/(\d+)(?=[/?]|$)|[?&](?:[^&=]*(?:\[|%5B))?company_id(?:\]|%5D)?=(\d+)", re.IGNORECASE
)
_STATUSES = frozenset((400, 403, 404))


@dataclass(frozen=True)
class Company:
    """A line of `/rest/v1.0/companies`."""

    id: int
    name: str


def read_companies(answer: Answer, environment: Environment, sent: Collection[str] = ()) -> list[Company]:
    """The companies from the list's answer; a line that is none is left out. Raises UnexpectedAnswerError."""
    try:
        content = json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, list):
        raise UnexpectedAnswerError(
            f"{environment.name}: Procore does not list the companies ({answer.status}: "
            f"{read_reason(answer.body, sent)}).",
            "Try procore-login api companies",
        )
    lines = [line for line in content if isinstance(line, dict) and type(line.get("id")) is int]
    return [Company(line["id"], str(line.get("name") or "")) for line in lines if line["id"] > 0]


def find_company(call: Call) -> str | None:
    """The company's id that a call names: in its header, its path, or its query; None where there is none."""
    headers = {name.lower(): value for name, value in call.headers.items()}
    if named := headers.get(COMPANY_HEADER.lower()):
        return named
    match = _IN_URL.search(call.url)
    return match and (match[1] or match[2])


def is_not_connected(status: int, reason: str) -> bool:
    """Whether the app is not installed in the company that the call named."""
    return status == 403 and _NOT_CONNECTED in reason.casefold()


def is_company_missing(status: int, reason: str, company: str | None) -> bool:
    """Whether a call failed because it named no company; `company` is what it named, wherever."""
    if company or status not in _STATUSES:
        return False
    # Which of the three Procore answers depends on the endpoint; each may also be about something else.
    return "company" in reason.casefold()
