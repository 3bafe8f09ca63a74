"""Where a redirect may lead: never from https to http, never for a call that writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin, urlsplit

from procore_cli.errors import RedirectRefusedError
from procore_cli.procore.paths import has_dots
from procore_cli.urls import find_origin, is_at, is_plain_netloc

if TYPE_CHECKING:
    from procore_cli.models import Environment
    from procore_cli.procore.stream import Call, Stream

MOST_REDIRECTS = 5
_STATUSES = frozenset((301, 302, 303, 307, 308))


def find_redirected(call: Call, stream: Stream, environment: Environment) -> Call | None:
    """The call that a redirect asks for, or None where the answer is to be taken as it is.

    At another origin the call carries neither its headers nor a body. Raises RedirectRefusedError.
    """
    location = stream.headers.get("location", "")
    if stream.status not in _STATUSES or not location or call.method not in ("GET", "HEAD"):
        return None
    target = _read_target(call.url, location, environment)
    if is_at(target, call.url):
        return replace(call, url=target)
    # A file's URL leads to another cloud: nothing that we say to Procore is for its eyes.
    return replace(call, url=target, headers={}, body=None)


def _read_target(url: str, location: str, environment: Environment) -> str:
    try:
        if "\\" in location or not all(character.isprintable() for character in location):
            raise refused(environment, "its target has a backslash or a control character")
        target = urldefrag(urljoin(url, location.strip())).url
        parts = urlsplit(target)
        origin = find_origin(target)
    except ValueError:
        raise refused(environment, "its target is not a URL") from None
    if parts.scheme not in ("http", "https") or not is_plain_netloc(parts.netloc):
        raise refused(environment, "its target is not a plain http or https URL")
    if urlsplit(url).scheme == "https" and parts.scheme != "https":
        raise refused(environment, f"it leads from https to {origin}")
    if is_at(target, url) and has_dots(parts.path):
        raise refused(environment, f"its target, at {origin}, has . or .. in its path")
    return target


def refused(environment: Environment, why: str) -> RedirectRefusedError:
    """The error for a redirect that is not followed."""
    return RedirectRefusedError(
        f"{environment.name}: a redirect was not followed: {why}.",
        "Ask Procore's support; --debug shows each call on the way there.",
    )
