"""What a person passes at the pretend Procore: login, consent, and back to the program.

Refuses to redirect anywhere but to its own authorize page or to the checked redirect URI.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode

from procore_cli.demo import pages
from procore_cli.demo.emails import is_email
from procore_cli.demo.models import DemoUser
from procore_cli.demo.provider import AuthorizeRefusedError, Provider
from procore_cli.demo.sessions import Sessions
from procore_cli.demo.state import DemoState
from procore_cli.demo.wire import Answer, Call, new_page, new_redirect
from procore_cli.environments import AUTHORIZE_PATH, OOB_REDIRECT_URI

LOGIN_PATH = "/login"
_OWN_AUTHORIZE_PAGE = re.compile(re.escape(AUTHORIZE_PATH) + r"\?[!-~]*")
_NO_START = "This page has to be reached by a sign-in link of the program."
_FORGED = "The form is not from this session, or too old. Start again with the program's sign-in link."
_BAD_EMAIL = "Type an e-mail address, for example joecontractor@procore.com."


class SignInDesk:
    """The pages' routes; each takes a call and gives an answer."""

    def __init__(self, provider: Provider, state: DemoState, sessions: Sessions) -> None:
        self._provider = provider
        self._state = state
        self._sessions = sessions

    def show_login(self, call: Call) -> Answer:
        """GET /login: ask who it is, whether somebody is logged in or not."""
        return_to = _find_return_address(call)
        if return_to is None:
            return new_page(400, pages.new_error_page(_NO_START))
        return self._new_login_page(200, call, return_to)

    def log_in(self, call: Call) -> Answer:
        """POST /login: any e-mail will do; it starts a session of its own."""
        return_to = _find_return_address(call)
        if return_to is None:
            return new_page(400, pages.new_error_page(_NO_START))
        if not self._is_own_form(call):
            return new_page(403, pages.new_error_page(_FORGED))
        email = call.form.get("email", "").strip()
        if not is_email(email):
            return self._new_login_page(422, call, return_to, problem=_BAD_EMAIL)
        session_id = self._sessions.new_login(self._state.save_user(email).id)
        return new_redirect(return_to, self._sessions.new_cookie(session_id))

    def show_consent(self, call: Call) -> Answer:
        """GET /oauth/authorize (RFC 6749, section 4.1.1)."""
        try:
            redirect_uri = self._provider.read_redirect_uri(call.query)
        except AuthorizeRefusedError as error:
            return _refuse(error)
        user = self._find_user(call)
        if user is None:
            return new_redirect(_new_login_address(call))
        form_token = self._sessions.new_form_token(self._sessions.read_id(call.cookie))
        html = pages.new_consent_page(user, redirect_uri, call.query, _new_login_address(call), form_token)
        return new_page(200, html, forms_lead_to=redirect_uri)

    def decide(self, call: Call) -> Answer:
        """POST /oauth/authorize: Allow or Deny."""
        user = self._find_user(call)
        if user is None or not self._is_own_form(call):
            return new_page(403, pages.new_error_page(_FORGED))
        decisions: dict[str, Callable[[], str]] = {
            "allow": lambda: self._provider.allow(call.query, user.id),
            "deny": lambda: self._provider.deny(call.query),
        }
        decide = decisions.get(call.form.get("decision", ""))
        if decide is None:
            return new_page(400, pages.new_error_page("The form carries neither Allow nor Deny."))
        try:
            return _send_back(decide())
        except AuthorizeRefusedError as error:
            return _refuse(error)

    def _new_login_page(self, status: int, call: Call, return_to: str, problem: str = "") -> Answer:
        session_id = self._sessions.read_id(call.cookie)
        html = pages.new_login_page(
            return_to=return_to,
            form_token=self._sessions.new_form_token(session_id),
            email=call.form.get("email", ""),
            problem=problem,
        )
        cookie = self._sessions.new_cookie(session_id)
        return new_page(status, html, cookie, forms_lead_to=_find_redirect_uri(return_to))

    def _find_user(self, call: Call) -> DemoUser | None:
        user_id = self._sessions.find_user_id(self._sessions.read_id(call.cookie))
        return None if user_id is None else self._state.find_user(user_id)

    def _is_own_form(self, call: Call) -> bool:
        session_id = self._sessions.read_id(call.cookie)
        return self._sessions.is_form_token(session_id, call.form.get("form_token", ""))


def _find_return_address(call: Call) -> str | None:
    """Where to go after the login; None unless it is our own authorize page."""
    address = parse_qs(call.query).get("return_to", [""])[0] or call.form.get("return_to", "")
    return address if _OWN_AUTHORIZE_PAGE.fullmatch(address) else None


def _find_redirect_uri(return_to: str) -> str:
    """What the authorize page will be asked to redirect to; nobody has checked it yet."""
    return parse_qs(return_to.partition("?")[2]).get("redirect_uri", [""])[0]


def _new_login_address(call: Call) -> str:
    return f"{LOGIN_PATH}?{urlencode({'return_to': f'{AUTHORIZE_PATH}?{call.query}'})}"


def _refuse(error: AuthorizeRefusedError) -> Answer:
    if error.location is None:
        return new_page(400, pages.new_error_page(error.why))
    return _send_back(error.location)


def _send_back(location: str) -> Answer:
    """To the redirect URI; where that is the URN for pasting, show the code instead."""
    if not location.startswith(OOB_REDIRECT_URI):
        return new_redirect(location)
    shown = parse_qs(location.partition("?")[2])
    if "code" in shown:
        return new_page(200, pages.new_code_page(shown["code"][0]))
    return new_page(400, pages.new_error_page(shown.get("error_description", shown["error"])[0]))
