"""What tests do to the pretend Procore: from Python by `procore_demo`, over HTTP below `/demo/`.

Refuses pages of other sites: a browser reaches it as well.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote

from procore_cli.demo.exchange import Answer, Call, new_json, refused
from procore_cli.demo.oauth import Provider
from procore_cli.demo.records import (
    APP_INSTALLED,
    EMAIL,
    WHOLE,
    BadValueError,
    Company,
    DemoUser,
    read_company,
    read_object,
    read_project,
    read_user,
)
from procore_cli.demo.responses import Responses
from procore_cli.demo.seed import SAMPLE_EMAIL
from procore_cli.demo.state import DemoState

CONTROL_PATH: Final = "/demo/"
Values = dict[str, Any]
_INSTALLED: Final = {"app_installed": APP_INSTALLED}
_SIGN_IN: Final = {"email": EMAIL._replace(default=SAMPLE_EMAIL)}
_LIFETIME: Final = {"seconds": WHOLE}
_MAX_CALLS: Final = 10_000
_MAX_PATH: Final = 2_000
_HIDDEN: Final = "…"
# A part of a path, or a parameter's name, that is no secret and holds none behind a mark of an address.
# The shortest one that is issued here, a code or a refresh token, has 43 characters.
_PLAIN = re.compile(r"(?!.*:.*@)(?!.*[\w-]{40})[^;#?&=]*", re.DOTALL)


class RecordedCall(NamedTuple):
    """One request and how it was answered; what may be a secret is shown as `…`.

    `query`: the names of its parameters; `status` None: the connection was ended without an answer;
    `company`: what the Procore-Company-Id header says; `bearer`: whether it carried a bearer token.
    """

    method: str
    path: str
    query: tuple[str, ...]
    status: int | None
    company: int | None
    bearer: bool


class Calls:
    """The last 10,000 calls, oldest first; safe to use from several threads."""

    def __init__(self, tell: Callable[[RecordedCall], None] = lambda _: None) -> None:
        """`tell` hears of each call once it is answered."""
        self._tell = tell
        self._calls: deque[RecordedCall] = deque(maxlen=_MAX_CALLS)
        self._total = 0
        self._lock = threading.Lock()

    def note(self, call: Call, answer: Answer) -> None:
        """Keep a call."""
        recorded = RecordedCall(
            call.method,
            "/".join(map(_shown, call.path.split("/")))[:_MAX_PATH],
            tuple(dict.fromkeys(_shown(name) for name, _ in parse_qsl(call.query, keep_blank_values=True))),
            None if answer.dropped else answer.status,
            call.company_id,
            call.header("Authorization").lower().startswith("bearer "),
        )
        with self._lock:
            self._calls.append(recorded)
            self._total += 1
        self._tell(recorded)

    def list(self) -> list[RecordedCall]:
        """The calls so far."""
        with self._lock:
            return [*self._calls]

    def show(self) -> dict[str, object]:
        """How many there were, and those that are kept, as JSON has them."""
        with self._lock:
            return {"total": self._total, "calls": [call._asdict() for call in self._calls]}

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._calls.clear()
            self._total = 0


@dataclass(frozen=True)
class Control:
    """Every method takes the fields that JSON has, and raises BadValueError, which names the field."""

    _state: DemoState
    _provider: Provider
    _responses: Responses
    _calls: Calls
    _clock: Callable[[], float]
    _first_lifetime_s: int

    def list_routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        """What is done by which address; what answers nothing answers 204."""
        acts: list[tuple[str, str, Callable[..., Values | None]]] = [
            ("POST", "responses", self._responses.add),
            ("POST", "users", self.add_user),
            ("POST", "companies", self.add_company),
            ("PATCH", "companies/{id}", self.install_app),
            ("POST", "projects", self.add_project),
            ("POST", "sign-in", self.sign_in),
            ("POST", "expire", self.expire_tokens),
            ("POST", "revoke", self.revoke_tokens),
            ("POST", "lifetime", self.set_lifetime),
            ("POST", "reset", self.reset),
            ("GET", "calls", lambda _: self._calls.show()),
            ("DELETE", "calls", lambda _: self._calls.clear()),
            ("DELETE", "responses", lambda _: self._responses.clear()),
        ]
        return [(method, CONTROL_PATH + path, _new_route(method, act)) for method, path, act in acts]

    def add_user(self, values: Values) -> Values:
        """`email`, `name`, `id`: somebody who can sign in."""
        return self._state.save_user(read_user(values))._asdict()

    def add_company(self, values: Values) -> Values:
        """`name`, `id`, `is_active`, `app_installed`: a company, in place of one with the same id."""
        company = read_company(values)
        return company._replace(id=self._state.save(company))._asdict()

    def install_app(self, values: Values, company_id: int) -> None:
        """`app_installed`: whether the app may act in a company."""
        installed = read_object(values, _INSTALLED)["app_installed"]
        if not self._state.update(Company, company_id, lambda it: it._replace(app_installed=installed)):
            raise BadValueError(f"there is no company {company_id}")

    def add_project(self, values: Values) -> Values:
        """`company_id`, `name`, `id` and any other keys: a project, in place of one with the same id."""
        project = read_project(values, now=int(self._clock()))
        if self._state.find(Company, project.company_id) is None:
            raise BadValueError(f"company_id: there is no company {project.company_id}")
        return values | {"id": self._state.save(project)}

    def sign_in(self, values: Values) -> Values:
        """`email`: tokens without the pages, as the token endpoint answers them."""
        email = read_object(values, _SIGN_IN)["email"]
        return self._provider.sign_in(self._state.save_user(DemoUser(0, email, "")).id)

    def expire_tokens(self, values: Values) -> None:
        """End every access token; refresh tokens stay good."""
        read_object(values, {})
        self._state.expire_tokens(int(self._clock()))

    def revoke_tokens(self, values: Values) -> None:
        """End every token."""
        read_object(values, {})
        self._state.revoke_all()

    def set_lifetime(self, values: Values) -> None:
        """`seconds`: how long access tokens live that are issued from now on."""
        self._provider.lifetime_s = read_object(values, _LIFETIME)["seconds"]

    def reset(self, values: Values) -> None:
        """All as it was at the start; no token is valid any more."""
        read_object(values, {})
        self._provider.lifetime_s = self._first_lifetime_s
        self._state.reset()
        self._responses.reset()
        self._calls.clear()


def _new_route(method: str, act: Callable[..., Values | None]) -> Callable[..., Answer]:
    def route(call: Call, *segments: int) -> Answer:
        # A page elsewhere may send a form, but no JSON and no other method, unless it got hold of our name.
        if not call.is_local:
            raise refused(403, ["The Host header names another machine."])
        if call.method in ("POST", "PATCH") and call.kind != "application/json":
            raise refused(415, ["The Content-Type has to be application/json."])
        try:
            found = act(call.read(), *segments)
        except BadValueError as error:
            raise refused(400, [f"{error}."]) from None
        if found is None:
            return Answer(204)
        return new_json(200 if method == "GET" else 201, found)

    return route


def _shown(text: str) -> str:
    return text if _PLAIN.fullmatch(unquote(text)) else _HIDDEN
