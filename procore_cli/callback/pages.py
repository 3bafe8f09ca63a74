"""The listener's pages as HTML, pure functions of what they show; refuses to show anything unescaped."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from http import HTTPStatus
from typing import Final

from procore_cli.callback.pending import Failure, Home


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


STYLE: Final = """
:root {
  color-scheme: light dark;
  --ground: #f3f4f7; --card: #ffffff; --edge: #dfe2e8; --ink: #171a21; --soft: #565d6b;
  --accent: #1f4fd1; --accent-strong: #183fa8; --on-accent: #ffffff; --tint: #e9eefc;
  --good: #136c3c; --good-tint: #e2f4e9; --bad: #a3260f; --bad-tint: #fdeae6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101218; --card: #191c24; --edge: #2d323d; --ink: #eceef3; --soft: #a6adbb;
    --accent: #8fb0ff; --accent-strong: #b0c7ff; --on-accent: #0d1630; --tint: #222b45;
    --good: #7ad9a2; --good-tint: #173226; --bad: #ff9d8a; --bad-tint: #3d1f1a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; padding: 24px 16px;
  background: var(--ground); color: var(--ink);
  display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 20px;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main {
  width: 100%; max-width: 460px; padding: 40px; background: var(--card); border: 1px solid var(--edge);
  border-radius: 16px; box-shadow: 0 1px 2px #00000010, 0 12px 32px #00000014;
}
.symbol {
  display: flex; align-items: center; justify-content: center; width: 48px; height: 48px; margin-bottom: 24px;
  border-radius: 12px; color: var(--accent); background: var(--tint);
}
.good .symbol { color: var(--good); background: var(--good-tint); border-radius: 50%; }
.bad .symbol { color: var(--bad); background: var(--bad-tint); border-radius: 50%; }
svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 2.25; stroke-linecap: round;
  stroke-linejoin: round; }
h1 { margin: 0 0 8px; font-size: 26px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em;
  text-wrap: balance; }
h2 { margin: 24px 0 8px; font-size: 13px; font-weight: 600; color: var(--soft); }
p { margin: 0 0 16px; overflow-wrap: anywhere; }
main > :last-child { margin-bottom: 0; }
.lead, .aside, footer { color: var(--soft); }
.aside { font-size: 14px; }
.button {
  display: block; margin: 24px 0 20px; padding: 13px 20px; border-radius: 10px; background: var(--accent);
  color: var(--on-accent); font-weight: 600; text-align: center; text-decoration: none;
}
.button:hover { background: var(--accent-strong); }
a { color: var(--accent); text-underline-offset: 3px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 6px; }
.button:focus-visible { border-radius: 10px; }
code { font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.row {
  display: block; padding: 12px 16px; border: 1px solid var(--edge); border-radius: 10px;
  background: var(--ground); overflow-wrap: anywhere; white-space: pre-wrap;
}
dl { display: grid; grid-template-columns: auto 1fr; gap: 8px 24px; margin: 0 0 24px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; text-align: start; }
.next {
  margin-top: 24px; padding: 14px 16px; border: 1px solid var(--edge); border-radius: 10px;
  background: var(--ground);
}
.next strong { display: block; font-size: 13px; color: var(--soft); }
footer { font-size: 13px; text-align: center; }
@media (max-width: 480px) { main { padding: 28px 24px; } h1 { font-size: 23px; } }
"""

# From the page's own origin, whatever the path looks like; `replace` keeps the code out of the history.
CARRY_SCRIPT: Final = """
const given = location.hash.slice(1);
if (given) location.replace(location.origin + document.documentElement.dataset.carryTo + "?" + given);
"""

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_source(STYLE)}",
        f"script-src {_source(CARRY_SCRIPT)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

# The shapes are our own; a trademark of Procore's is not among them.
SYMBOLS: Final = {
    "plain": '<circle cx="8" cy="12" r="4.5"/><path d="M12.5 12H22m-3 0v4m-4-4v3"/>',
    "good": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "bad": '<path d="M12 6v7.5m0 4v.5"/>',
}

ICON: Final = (
    "data:image/svg+xml;base64,"
    + base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        b'<rect width="32" height="32" rx="8" fill="#1f4fd1"/>'
        b'<g fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round">'
        b'<circle cx="11" cy="16" r="5"/><path d="M16 16h11m-3 0v4.5m-5-4.5v3.5"/></g></svg>'
    ).decode()
)


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

# Control characters but tab and newline, what turns the direction of text, lone surrogates.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
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
        '<p class="lead">Procore asks whether procore-login may act for you on this machine, '
        "and then sends you back here.</p>"
        f'<a class="button" href="{_shown(authorize_url)}">{label}</a>'
        f'<p class="aside">{other}</p>'
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


def home_page(home: Home) -> str:
    """The page of somebody who has just signed in: the row as the tutorial shows it, and what `/me` said."""
    row = json.dumps([home.row.id, home.row.procore_id, home.row.email], ensure_ascii=False)
    facts = (("id", str(home.me.id)), ("login", home.me.login), ("name", home.me.name or "\u2014"))
    listed = "".join(f'<dt>{term}</dt><dd dir="auto">{_shown(value)}</dd>' for term, value in facts)
    body = (
        "<h1>You are signed in</h1>"
        '<p class="lead">You can close this tab and go back to the terminal.</p>'
        "<h2>Your row in the users table</h2>"
        f'<code class="row">{_shown(row)}</code>'
        "<h2>What Procore says about you</h2>"
        f"<dl>{listed}</dl>"
    )
    return _page("Signed in", body, home.environment, "good")


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
    body = (
        f"<h1>{_shown(title)}</h1>"
        f'<p class="lead">{_shown(message)}</p>'
        f'<p class="next"><strong>What to do next</strong>{_shown_with_commands(next_step)}</p>'
    )
    return _page(title, body, environment, tone, carries_to)


def _page(title: str, body: str, environment: str, tone: str, carries_to: str | None = None) -> str:
    carried = "" if carries_to is None else f' data-carry-to="{_shown(carries_to)}"'
    script = "" if carries_to is None else f"<script>{CARRY_SCRIPT}</script>"
    return (
        f'<!doctype html><html lang="en"{carried}><head><meta charset="utf-8">'
        f"<title>{_shown(title)} \u00b7 procore-login</title>{script}"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="{ICON}"><style>{STYLE}</style></head>'
        f'<body class="{tone}"><main><div class="symbol" aria-hidden="true">'
        f'<svg viewBox="0 0 24 24">{SYMBOLS[tone]}</svg></div>{body}</main>'
        f"<footer>procore-login on this machine \u00b7 {_shown(environment)}</footer>"
        "</body></html>"
    )


def _shown(text: str) -> str:
    return html.escape(_HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text), quote=True)


def _shown_with_commands(text: str) -> str:
    return _COMMAND.sub(r"<code>\1</code>", _shown(text))
