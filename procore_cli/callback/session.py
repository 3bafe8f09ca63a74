"""The browser session that may see `/home`; it lives in memory and refuses to outlive the program."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

COOKIE_NAME = "procore_login_session"
_LIFETIME_S = 60


class HomeSession:
    """A random session and its cookie (RFC 6265)."""

    def __init__(self) -> None:
        self._key = secrets.token_urlsafe(32)

    @property
    def cookie(self) -> str:
        """The value of the `Set-Cookie` header."""
        return f"{COOKIE_NAME}={self._key}; HttpOnly; SameSite=Lax; Path=/home; Max-Age={_LIFETIME_S}"

    def is_in(self, cookie_headers: Iterable[str]) -> bool:
        """Whether one of the cookies is this session's, compared in constant time."""
        crumbs = (crumb.strip().partition("=") for header in cookie_headers for crumb in header.split(";"))
        # localhost's cookies are shared by all ports: another program's may come under our name, and first.
        return any(self._fits(value) for name, _, value in crumbs if name == COOKIE_NAME)

    def _fits(self, value: str) -> bool:
        return secrets.compare_digest(value.encode(), self._key.encode())
