"""The demo user, who signs in by itself where no browser can be opened, over real HTTP.

Refuses to talk to anything but this machine.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urljoin, urlsplit

from procore_cli.config.environments import DEMO
from procore_cli.config.urls import LOOPBACK_HOSTS
from procore_cli.demo.pages import DEMO_USER_PASS
from procore_cli.errors import UnexpectedAnswerError
from procore_cli.threads import start

# The callback answers only after the program has exchanged the code and saved the tokens.
_TIMEOUT_S: Final = 110
_HINT: Final = "Sign in with a browser instead: add --no-browser and open the link yourself."


def visit(authorize_url: str) -> None:
    """Follow the link as the demo user, who always allows, and come back to the program.

    Raises UnexpectedAnswerError where the way does not lead there.
    """
    callback, _ = _fetch(authorize_url, {"Authorization": DEMO_USER_PASS})
    if callback is None:
        raise _lost(authorize_url, "does not lead back to the program")
    home, cookie = _fetch(callback)
    # A sign-in that failed ends at the callback, and the command says why.
    if home is not None:
        _fetch(home, {"Cookie": cookie})


def _fetch(url: str, headers: dict[str, str] | None = None) -> tuple[str | None, str]:
    """GET a page of this machine; returns where it leads on, if anywhere, and the cookie that it sets."""
    try:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK_HOSTS:
            raise _lost(url, "is not on this machine")
        with closing(HTTPConnection(parts.hostname, parts.port or 80, timeout=_TIMEOUT_S)) as connection:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers=headers or {})
            response = connection.getresponse()
            response.read()
        location = response.headers["Location"]
        onward = None if location is None else urljoin(url, location)
    except ValueError:
        raise _lost(url, "is no address, or leads to none") from None
    except (OSError, HTTPException) as error:
        is_unknown = isinstance(error, socket.gaierror)
        why = f"{parts.hostname} cannot be resolved" if is_unknown else type(error).__name__
        raise _lost(url, f"gives no answer ({why})") from None
    if response.status >= 400:
        raise _lost(url, f"answered with status {response.status}")
    return onward, response.headers.get("Set-Cookie", "").partition(";")[0]


def _lost(url: str, why: str) -> UnexpectedAnswerError:
    # The query may hold a code.
    place = url.partition("?")[0]
    return UnexpectedAnswerError(
        f"The demo user cannot sign in: {place} {why}.", _HINT, environment=DEMO.name
    )


@dataclass(frozen=True)
class VisitorOpener:
    """Opens links as the demo user, in a thread of its own; `give_up` hears of a visit that failed."""

    give_up: Callable[[Exception], None]
    name: str = "The demo user"
    signs_in_itself: bool = True

    def open(self, url: str) -> bool:
        """Start the visit, without waiting for its end."""
        start(threading.Thread(target=self._visit, args=(url,), name="demo-user", daemon=True))
        return True

    def _visit(self, url: str) -> None:
        try:
            visit(url)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else waits for this thread
            self.give_up(error)
