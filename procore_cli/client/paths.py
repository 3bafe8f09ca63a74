"""What may be called: a path, a URL of the API's own origin, a `next` link; everything else is refused.

The URL that is sent is always put together from the environment's own base URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote, urljoin, urlsplit

from procore_cli.config.urls import find_origin, is_at, is_plain_netloc
from procore_cli.errors import RedirectRefusedError, UsageMistakeError
from procore_cli.models import Environment

DEFAULT_PREFIX = "/rest/v1.0/"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_VERSION = re.compile(r"v\d+(?:\.\d+)?(?:/|$)")
# What a query or a path may hold as it is; the rest is percent-encoded (RFC 3986, section 3).
_KEPT = "%/?:@!$&'()*+,;=-._~[]"
# A link-value's parameters (RFC 8288, section 3); a value in quotes may hold anything.
_PARAMETER = r"\s*;\s*([^\s;,=<>\"]+)(?:\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*)))?"
_LINK = re.compile(rf"\s*(?:,\s*)?<([^<>]*)>((?:{_PARAMETER})*)")
_PARAMETERS = re.compile(_PARAMETER)
_LONGEST_LINK = 8 * 1024
_EXAMPLE = "A good one is /rest/v1.0/companies, or companies for short."


class _FaultError(ValueError):
    """Why a target cannot be called."""


def read_url(text: str, environment: Environment) -> str:
    """The URL for what was typed: a path, or a URL at the API's origin. Raises UsageMistakeError."""
    try:
        return environment.api_url + _read_path(text, environment)
    except _FaultError as fault:
        raise UsageMistakeError(f"this path cannot be called: {fault}. Nothing was sent.", _EXAMPLE) from None


def find_next(link: str, url: str, environment: Environment) -> str | None:
    """The URL of the next page from a `Link` header (RFC 8288), or None where there is none.

    Raises RedirectRefusedError for one at another origin, or one that cannot be called.
    """
    link = link.strip()
    try:
        if len(link) > _LONGEST_LINK:
            raise _FaultError(f"the Link header has more than {_LONGEST_LINK} characters")
        target = next((target for target, rels in _links(link) if "next" in rels), None)
        if target is None:
            return None
        _check_characters(target)
        joined = urljoin(url, target)
        return environment.api_url + _read_own_url(joined, environment)
    except ValueError as fault:
        why = str(fault) if isinstance(fault, _FaultError) else "it is not a URL"
        raise RedirectRefusedError(
            f"the link to the next page was not followed: {why}.",
            "All pages before it came; the list goes on at Procore.",
        ) from None


def has_dots(path: str) -> bool:
    """Whether a path has a `.` or `..` segment, encoded or not: another path would arrive."""
    return any(unquote(segment) in (".", "..") for segment in path.split("/"))


def _links(header: str) -> Iterator[tuple[str, set[str]]]:
    at = 0
    # From one link to the next, so that nothing inside of a quoted text is taken for one.
    while match := _LINK.match(header, at):
        words = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETERS.findall(match[2])}
        yield match[1], set(words.get("rel", "").lower().split())
        at = match.end()


def _read_path(text: str, environment: Environment) -> str:
    _check_characters(text)
    if not text:
        raise _FaultError("it is empty")
    if text.startswith("//"):
        raise _FaultError("it begins with //, which names a host")
    if _SCHEME.match(text):
        return _read_own_url(text, environment)
    path, mark, query = text.partition("?")
    return _encoded(_with_prefix(path), mark + query)


def _with_prefix(path: str) -> str:
    bare = path.removeprefix("/")
    if bare == "rest" or bare.startswith("rest/"):
        return f"/{bare}"
    # v1.1/projects names a version of its own.
    return f"/rest/{bare}" if _VERSION.match(bare) else DEFAULT_PREFIX + bare


def _read_own_url(url: str, environment: Environment) -> str:
    """Path and query of a URL, if it is one of the API's origin."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and is_plain_netloc(parts.netloc)
        if "@" in parts.netloc:
            raise _FaultError("it carries a user name or password")
        if not known or not url.lower().startswith(f"{parts.scheme}://"):
            raise _FaultError("it is not a URL with http:// or https:// and a host")
        origin = find_origin(url)
    except _FaultError:
        raise
    except ValueError:
        raise _FaultError("it is not a URL") from None
    if not is_at(url, environment.api_url):
        raise _FaultError(f"{origin} is not the API's origin, {find_origin(environment.api_url)}")
    return _encoded(parts.path or "/", f"?{parts.query}" if parts.query else "")


def _encoded(path: str, query: str) -> str:
    if has_dots(path):
        raise _FaultError("it has . or .. in it")
    decoded = unquote(path)
    if "\\" in decoded or not _is_plain(decoded):
        raise _FaultError("it has an encoded backslash or control character")
    return quote(path, safe=_KEPT) + quote(query, safe=_KEPT)


def _check_characters(text: str) -> None:
    if "\\" in text:
        raise _FaultError("it has a backslash")
    if not _is_plain(text):
        raise _FaultError("it has a control character")
    if text != text.strip():
        raise _FaultError("it begins or ends with a space")
    if "#" in text:
        raise _FaultError("it has a fragment (#), which is never sent; %23 stands for the character")


def _is_plain(text: str) -> bool:
    return all(character.isprintable() for character in text)
