"""The listener's pages as HTML, pure functions of what they show; refuses to show anything unescaped."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Final, NamedTuple

from procore_cli.callback.pending import Failure, Home
from procore_cli.console import list_pieces
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


class Notice(NamedTuple):
    """What a page says where there is no sign-in to show.

    Without a `next_step` the way on is the link, or the first page while the program waits.
    """

    title: str
    message: str
    next_step: str = ""
    tone: str = "bad"


NO_CALLBACK: Final = Notice(
    "No sign-in came with this address",
    "Procore sends people back with a code in the address, and none arrived here.",
    tone="plain",
)
NOT_OURS: Final = Notice(
    "Not the sign-in that the terminal waits for",
    "It is an older one, a part of it is missing, or it was started somewhere else.",
)
TAKES_LONG: Final = Notice(
    "This takes longer than usual",
    "The sign-in arrived and is still being completed.",
    "Look at the terminal: it says how the sign-in ends.",
    "plain",
)
NOBODY: Final = Notice(
    "Nobody has signed in here",
    "After a sign-in this page says who it was, in the browser that was used.",
    tone="plain",
)
NO_COOKIE: Final = Notice(
    "The sign-in is complete",
    "This browser keeps no cookies for localhost: the terminal says who signed in.",
    "You can close this tab and go back to the terminal.",
    "good",
)
WRONG_HOST: Final = Notice(
    "Not at this address", "Procore sends people back to another host or port than the one in this address."
)
_BAD_REQUEST = Notice(
    "This request cannot be answered", "It is not one that a browser makes when it comes from Procore."
)
_REFUSALS: Final = {
    HTTPStatus.FORBIDDEN: Notice(
        "This sign-in is another user's",
        "The browser runs as another user of this machine than the program that waits here.",
        "If you started both, paste the address that this browser ends on into the terminal, or run the"
        " command as the user whose browser this is.",
    ),
    HTTPStatus.NOT_FOUND: Notice(
        "There is no such page", "This is the sign-in page of procore-login, and little else."
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Notice("That cannot be done here", "These pages can only be looked at."),
    HTTPStatus.REQUEST_URI_TOO_LONG: Notice(
        "The address is too long", "Nobody's sign-in comes with an address this long."
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: Notice(
        "The browser sent too much",
        "Its cookies for localhost may have grown too large.",
        "Open the link that the terminal shows in a private window, which has none.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Notice(
        "Something broke in procore-login", "This is a bug of the program."
    ),
}

# What is to be typed and is a part of the sentence.
_TYPED = re.compile(r"`([^`]+)`")
_NO_SCRIPT = (
    "\n<noscript><p>Scripts are off in this browser. If Procore has just sent you here, copy the whole"
    " address of this page and paste it into the terminal.</p></noscript>"
)


def button_page(path: str, authorize_url: str, environment: str, carries_to: str | None) -> str:
    """The tutorial's page with a button that leads to Procore; `path` is one of BUTTONS.

    With `carries_to`, a hash in the page's address is carried over to that path as a query.
    """
    label, heading, other = BUTTONS[path]
    body = f"""<p class="soft">Procore asks whether procore-login may act for you on this machine,
and then sends you back here.</p>
<p><a class="button" href="{escaped(authorize_url)}">{label}</a></p>
<p class="soft aside">{other}</p>"""
    return _page(label, heading, body, environment, "plain", carries_to)


def home_page(home: Home, environment: str) -> str:
    """The page of somebody who has just signed in: who it is, and the row as the tutorial shows it."""
    row = json.dumps([home.row.id, home.row.procore_id, home.row.email], ensure_ascii=False)
    who = login = f'<bdi dir="ltr">{escaped(home.me.login)}</bdi>'
    facts = [f"Procore id {home.me.id}"]
    if home.me.name:
        who, facts = f"<bdi>{escaped(home.me.name)}</bdi>", [login, *facts]
    body = f"""<p>{"<br>".join(facts)}</p>
<p>You can close this tab and go back to the terminal.</p>
<h2>Your row in the users table</h2>
<pre class="code" dir="ltr">{escaped(row)}</pre>"""
    return _page("Signed in", f"Signed in as {who}", body, environment, "good")


def failure_page(failure: Failure, environment: str) -> str:
    """The page of a sign-in that came to nothing."""
    tone = "bad" if failure.detail else "plain"
    detail = f'<p class="soft aside">{escaped(failure.detail)}</p>\n' if failure.detail else ""
    body = f"<p>{escaped(failure.message)}</p>\n{detail}{_next(failure.next_step)}"
    return _page(escaped(failure.title), escaped(failure.title), body, environment, tone)


def notice_page(
    notice: Notice, environment: str, first_page: str | None, carries_to: str | None = None
) -> str:
    """The page of a notice; `first_page` is where the sign-in begins, while the program waits."""
    next_step = _next(notice.next_step) if notice.next_step else _way_on(first_page)
    body = f"<p>{notice.message}</p>\n{next_step}"
    return _page(notice.title, notice.title, body, environment, notice.tone, carries_to)


def find_refusal(status: HTTPStatus) -> Notice:
    """What is said to whoever is refused with a status."""
    return _REFUSALS.get(status, _BAD_REQUEST)


def _way_on(first_page: str | None) -> str:
    if first_page is None:
        return _next("The sign-in has ended: look at the terminal.")
    link = f'<a href="{escaped(first_page)}">begin on the first page</a>'
    return _box(f"<p>Open the link that the terminal shows, or {link}.</p>")


def _next(hint: str) -> str:
    shown = []
    for piece, is_command in list_pieces(hint, mark="`{}`"):
        if is_command:
            shown.append(f'<pre class="code"><code>{escaped(piece)}</code></pre>')
        elif piece:
            shown.append(_TYPED.sub(r"<code>\1</code>", f"<p>{escaped(piece)}</p>"))
    return _box("\n".join(shown))


def _box(content: str) -> str:
    return f'<section class="next">\n<h2>What to do next</h2>\n{content}\n</section>'


def _page(
    title: str, heading: str, body: str, environment: str, tone: str, carries_to: str | None = None
) -> str:
    script = ""
    if carries_to is not None:
        script = f'<script data-carry-to="{escaped(carries_to)}">{CARRY_SCRIPT}</script>'
        body += _NO_SCRIPT
    return new_page(
        f"{title} \u00b7 procore-login",
        f"""<main>
<div class="symbol" aria-hidden="true"><svg viewBox="0 0 24 24">{_SYMBOLS[tone]}</svg></div>
<header>
<h1>{heading}</h1>
<p class="badge"><span class="unseen">Environment: </span>{escaped(environment)}</p>
</header>
{body}
</main>
<footer>procore-login on this machine</footer>""",
        tone,
        script,
    )
