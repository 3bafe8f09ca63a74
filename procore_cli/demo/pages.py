"""What a person sees at the pretend Procore: login and consent, whose session it is, and the pages."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from procore_cli.config.environments import AUTHORIZE_PATH, OOB_REDIRECT_URI
from procore_cli.demo.exchange import HTML, Answer, Call, new_redirect
from procore_cli.demo.oauth import AuthorizeRefusedError, Provider
from procore_cli.demo.records import DemoUser, is_email
from procore_cli.demo.seed import DEMO_APP_NAME, SAMPLE_EMAIL
from procore_cli.demo.state import DemoState
from procore_cli.webpage import escaped, new_page

# Whoever sends it as Authorization is inside of this process: the demo user, who needs no pages.
DEMO_USER_PASS: Final = f"Demo-User {secrets.token_urlsafe(32)}"
LOGIN_PATH = "/login"
# What the address of the authorize page ends with right after a login: whoever it is must be known there.
_AFTER_LOGIN = "&logged_in=1"
_OWN_AUTHORIZE_PAGE = re.compile(re.escape(AUTHORIZE_PATH) + r"\?[!-~]*")
_NO_START = "This page has to be reached by a sign-in link of the program."
_NOBODY = "Nobody is logged in here any more. Start again with the program's sign-in link."
_BAD_EMAIL = "Type an e-mail address, for example joecontractor@procore.com."


def _new_login_page(return_to: str, status: int = 200, email: str = "", problem: str = "") -> Answer:
    """Ask who it is; the sample user is filled in where nothing was typed yet."""
    described = ' aria-invalid="true" aria-describedby="problem"' if problem else ""
    body = f"""<h1>Log in</h1>
<p class="soft">Any e-mail address will do. There is no password, and no mail is sent.</p>
<form method="post" action="/login">
<input type="hidden" name="return_to" value="{escaped(return_to)}">
<label for="email">E-mail</label>
<input id="email" name="email" value="{escaped(email or SAMPLE_EMAIL)}" dir="ltr" inputmode="email"
 autocomplete="email" autocapitalize="none" spellcheck="false" required autofocus{described}>
{f'<p class="problem" id="problem" role="alert">{escaped(problem)}</p>' if problem else ""}
<button class="button">Log in</button>
</form>"""
    return _new_page(status, "Log in", body)


def _new_consent_page(user: DemoUser, redirect_uri: str, query: str, login_address: str) -> Answer:
    """Ask whether the app may act for this user."""
    leads_to = f"you go back to <strong>{escaped(urlsplit(redirect_uri).netloc)}</strong>"
    if redirect_uri == OOB_REDIRECT_URI:
        leads_to = "this site shows you a code to paste"
    body = f"""<h1>Let {DEMO_APP_NAME} use your account?</h1>
<div class="who"><b aria-hidden="true" data-initial="{escaped(user.name[:1].upper())}"></b>
<div><p><bdi>{escaped(user.name)}</bdi></p>
<p><small><bdi dir="ltr">{escaped(user.email)}</bdi></small></p></div></div>
<p>{DEMO_APP_NAME} will be able to</p>
<ul><li>see your name and e-mail address</li><li>see your companies, and act for you there</li></ul>
<p class="soft">Afterwards {leads_to}.</p>
<form method="post" action="{escaped(f"{AUTHORIZE_PATH}?{query}")}">
<button class="button" name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form>
<footer><a href="{escaped(login_address)}">Use another account</a></footer>"""
    return _new_page(200, "Allow access", body)


def _new_code_page(code: str) -> Answer:
    """Show a code for pasting, in place of a redirect."""
    body = f"""<h1>Copy this code</h1>
<p>Paste it where the program asks for it. It works once, within ten minutes.</p>
<pre class="code">{escaped(code)}</pre>"""
    return _new_page(200, "Your code", body)


def _new_error(status: int, why: str) -> Answer:
    """Say why the sign-in ends here."""
    body = f"""<h1>This sign-in cannot go on</h1>
<p>{escaped(why)}</p>
<p class="soft">You can close this page. The program that sent you here still waits: end it there.</p>"""
    return _new_page(status, "Cannot go on", body)


def _new_cookie_page(login_address: str) -> Answer:
    """Say why a login was forgotten at once, unless the address was only copied from another browser."""
    body = f"""<h1>Nobody is logged in here</h1>
<p>The login needs a cookie, and this browser sent none: allow cookies for this host, or
use another browser.</p>
<p><a href="{escaped(login_address)}">Log in again</a></p>"""
    return _new_page(400, "Not logged in", body)


def _new_page(status: int, title: str, body: str) -> Answer:
    banner = '<header class="banner"><strong>pretend Procore</strong> &ndash; nothing here is real</header>'
    html = new_page(f"{title} &ndash; pretend Procore", f"{banner}\n<main>\n{body}\n</main>", "pretend")
    return Answer(status, HTML, html)


class SignInDesk:
    """The pages' routes; each takes a call and gives an answer.

    Refuses to tell a forged form from a real one: nothing here is worth a forgery.
    """

    def __init__(self, provider: Provider, state: DemoState, port: int) -> None:
        self._provider = provider
        self._state = state
        # Browsers share cookies between all ports of a host, and several servers may run.
        self._cookie_name = f"pretend_procore_{port}"
        self._user_ids: dict[str, int] = {}

    def show_login(self, call: Call) -> Answer:
        """GET /login: ask who it is, whether somebody is logged in or not."""
        return_to = _find_return_address(call)
        if return_to is None:
            return _new_error(400, _NO_START)
        return _new_login_page(return_to)

    def log_in(self, call: Call) -> Answer:
        """POST /login: any e-mail will do; it starts a session of its own."""
        return_to = _find_return_address(call)
        if return_to is None:
            return _new_error(400, _NO_START)
        email = _read_form(call).get("email", "").strip()
        if not is_email(email):
            return _new_login_page(return_to, 422, email, _BAD_EMAIL)
        session_id = secrets.token_urlsafe(32)
        self._user_ids[session_id] = self._state.save_user(DemoUser(0, email, "")).id
        cookie = f"{self._cookie_name}={session_id}; HttpOnly; SameSite=Lax; Path=/"
        return new_redirect(return_to.removesuffix(_AFTER_LOGIN) + _AFTER_LOGIN, ("Set-Cookie", cookie))

    def show_consent(self, call: Call) -> Answer:
        """GET /oauth/authorize (RFC 6749, section 4.1.1)."""
        try:
            redirect_uri = self._provider.read_redirect_uri(call.query)
            if hmac.compare_digest(call.header("Authorization").encode(), DEMO_USER_PASS.encode()):
                sample = self._state.save_user(DemoUser(0, SAMPLE_EMAIL, ""))
                return _send_back(self._provider.allow(call.query, sample.id))
        except AuthorizeRefusedError as error:
            return _refuse(error)
        user = self._find_user(call)
        if user is None:
            is_forgetful = call.query.endswith(_AFTER_LOGIN) and not call.header("Cookie")
            login_address = _new_login_address(call)
            return _new_cookie_page(login_address) if is_forgetful else new_redirect(login_address)
        return _new_consent_page(user, redirect_uri, call.query, _new_login_address(call))

    def decide(self, call: Call) -> Answer:
        """POST /oauth/authorize: Allow or Deny."""
        user = self._find_user(call)
        if user is None:
            return _new_error(403, _NOBODY)
        try:
            match _read_form(call).get("decision"):
                case "allow":
                    return _send_back(self._provider.allow(call.query, user.id))
                case "deny":
                    return _send_back(self._provider.deny(call.query))
        except AuthorizeRefusedError as error:
            return _refuse(error)
        return _new_error(400, "The form carries neither Allow nor Deny.")

    def _find_user(self, call: Call) -> DemoUser | None:
        pairs = (pair.strip().partition("=") for pair in call.header("Cookie").split(";"))
        ids = [self._user_ids.get(value) for name, _, value in pairs if name == self._cookie_name]
        user_id = next(filter(None, ids), None)
        return None if user_id is None else self._state.find_user(user_id)


def _read_form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body))


def _find_return_address(call: Call) -> str | None:
    """Where to go after the login; None unless it is our own authorize page."""
    address = parse_qs(call.query).get("return_to", [""])[0] or _read_form(call).get("return_to", "")
    return address if _OWN_AUTHORIZE_PAGE.fullmatch(address) else None


def _new_login_address(call: Call) -> str:
    return f"{LOGIN_PATH}?{urlencode({'return_to': f'{AUTHORIZE_PATH}?{call.query}'})}"


def _refuse(error: AuthorizeRefusedError) -> Answer:
    return _new_error(400, error.why) if error.location is None else _send_back(error.location)


def _send_back(location: str) -> Answer:
    """To the redirect URI; where that is the URN for pasting, show the code instead."""
    if not location.startswith(OOB_REDIRECT_URI):
        return new_redirect(location)
    shown = parse_qs(location.partition("?")[2])
    if "code" in shown:
        return _new_code_page(shown["code"][0])
    return _new_error(400, shown.get("error_description", shown["error"])[0])
