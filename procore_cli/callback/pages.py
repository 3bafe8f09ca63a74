"""The listener's pages as HTML, pure functions of what they show; refuses to show anything unescaped."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Final

from procore_cli.callback.pending import Failure, Home
from procore_cli.webpage import escaped, new_page

# From the page's own origin, whatever the path looks like; `replace` keeps the code out of the history.
CARRY_SCRIPT: Final = """
const given = location.hash.slice(1);
if (given) location.replace(location.origin + document.currentScript.dataset.carryTo + "?" + given);
"""

# The shapes are our own; a trademark of Procore's is not among them.
_SYMBOLS: Final = {
    "plain": '<circle cx="8" cy="12" r="4.5"/><path d="M12.5 12H22m-3 0v4m-4-4v3"/>',
    "good": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "bad": '<path d="M12 6v7.5m0 4v.5"/>',
}

HOME_PATH: Final = "/home"
# The tutorial's two pages: what the button says, what stands above it, where the other one is.
BUTTONS: Final = {
    "/": (
        "Sign Up with Procore",
        "Connect this machine",
        'Been here before? <a href="/signin">Sign in instead</a>',
    ),
    "/signin": (
        "Sign In with Procore",
        "Welcome back",
        'Here for the first time? <a href="/">Sign up instead</a>',
    ),
}

# What is to be typed stands between backticks in a hint.
_COMMAND = re.compile(r"`([^`]+)`")
_BACK_TO_TERMINAL = "Go back to the terminal and open the link that it shows."
_REFUSALS = {
    HTTPStatus.FORBIDDEN: (
        "This page is not for this browser",
        "It is shown to whoever has just signed in here.",
    ),
    HTTPStatus.NOT_FOUND: (
        "There is no such page",
        "This is the sign-in page of procore-login, and little else.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("That cannot be done here", "These pages can only be looked at."),
    HTTPStatus.REQUEST_URI_TOO_LONG: (
        "The address is too long",
        "Nobody's sign-in comes with an address this long.",
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "The browser sent too much",
        "Its cookies for localhost may have grown too large: a private window has none.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("Something broke in procore-login", "This is a bug of the program."),
}
_BAD_REQUEST = (
    "This request cannot be answered",
    "It is not one that a browser makes when it comes from Procore.",
)


def button_page(path: str, authorize_url: str, environment: str, carries_to: str | None) -> str:
    """The tutorial's page with a button that leads to Procore; `path` is one of BUTTONS.

    With `carries_to`, a hash in the page's address is carried over to that path as a query.
    """
    label, heading, other = BUTTONS[path]
    body = (
        f"<h1>{heading}</h1>"
        '<p class="soft">Procore asks whether procore-login may act for you on this machine, '
        "and then sends you back here.</p>"
        f'<a class="button" href="{escaped(authorize_url)}">{label}</a>'
        f'<p class="soft aside">{other}</p>'
    )
    return _page(label, body, environment, "plain", carries_to)


def carry_page(callback_path: str, environment: str) -> str:
    """The page at the callback path that carries the address's hash over as a query, if there is one."""
    title = "No sign-in in this address"
    message = "Procore sends people back here with something in the address. There is nothing in this one."
    next_step = (
        f"{_BACK_TO_TERMINAL} If Procore has just sent you here, "
        "copy the whole address of this page and paste it into the terminal."
    )
    return _message_page(title, message, next_step, environment, "plain", callback_path)


def home_page(home: Home, environment: str) -> str:
    """The page of somebody who has just signed in: the row as the tutorial shows it, and what `/me` said."""
    row = json.dumps([home.row.id, home.row.procore_id, home.row.email], ensure_ascii=False)
    facts = (("id", str(home.me.id)), ("login", home.me.login), ("name", home.me.name or "\u2014"))
    listed = "".join(f'<dt>{term}</dt><dd dir="auto">{escaped(value)}</dd>' for term, value in facts)
    body = (
        "<h1>You are signed in</h1>"
        '<p class="soft">You can close this tab and go back to the terminal.</p>'
        "<h2>Your row in the users table</h2>"
        f'<code class="code">{escaped(row)}</code>'
        "<h2>What Procore says about you</h2>"
        f"<dl>{listed}</dl>"
    )
    return _page("Signed in", body, environment, "good")


def failure_page(failure: Failure, environment: str) -> str:
    """The page of a sign-in that failed."""
    return _message_page(failure.title, failure.message, failure.next_step, environment)


def stray_page(environment: str) -> str:
    """The page of a callback that belongs to no sign-in, or to another one."""
    title = "Not the sign-in that the terminal waits for"
    message = "It is an older one, a part of it is missing, or it was started somewhere else."
    return _message_page(title, message, _BACK_TO_TERMINAL, environment)


def late_page(environment: str) -> str:
    """The page of a callback whose outcome takes longer than a browser can be kept waiting."""
    message = "The sign-in arrived and is still being completed."
    next_step = "Look at the terminal: it says how the sign-in ends."
    return _message_page("This takes longer than usual", message, next_step, environment, "plain")


def refusal_page(status: HTTPStatus, environment: str) -> str:
    """The page of a request that is refused; shows nothing of what was sent."""
    title, message = _REFUSALS.get(status, _BAD_REQUEST)
    return _message_page(title, message, _BACK_TO_TERMINAL, environment)


def _message_page(
    title: str,
    message: str,
    next_step: str,
    environment: str,
    tone: str = "bad",
    carries_to: str | None = None,
) -> str:
    what_to_do = _COMMAND.sub(r"<code>\1</code>", escaped(next_step))
    body = (
        f"<h1>{escaped(title)}</h1>"
        f'<p class="soft">{escaped(message)}</p>'
        f'<p class="next"><strong>What to do next</strong>{what_to_do}</p>'
    )
    return _page(title, body, environment, tone, carries_to)


def _page(title: str, body: str, environment: str, tone: str, carries_to: str | None = None) -> str:
    script = ""
    if carries_to is not None:
        script = f'<script data-carry-to="{escaped(carries_to)}">{CARRY_SCRIPT}</script>'
    return new_page(
        f"{escaped(title)} \u00b7 procore-login",
        f'<main><div class="symbol" aria-hidden="true"><svg viewBox="0 0 24 24">{_SYMBOLS[tone]}</svg></div>'
        f"{body}</main><footer>procore-login on this machine \u00b7 {escaped(environment)}</footer>",
        tone,
        script,
    )
