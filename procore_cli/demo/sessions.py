"""Who is logged in at the pretend Procore, in memory; refuses to outlive the server."""

from __future__ import annotations

import hmac
import secrets


class Sessions:
    """Browser sessions by their cookie; safe to use from several threads."""

    def __init__(self, port: int) -> None:
        # Browsers share cookies between all ports of a host, and several servers may run.
        self._cookie_name = f"pretend_procore_{port}"
        self._key = secrets.token_bytes(32)
        self._user_ids: dict[str, int] = {}

    def read_id(self, cookie_header: str) -> str:
        """The session id that a Cookie header carries, or a new one."""
        ids = self._read_ids(cookie_header)
        known = [session_id for session_id in ids if session_id in self._user_ids]
        return (known or ids or [secrets.token_urlsafe(32)])[0]

    def find_user_id(self, session_id: str) -> int | None:
        """Who is logged in there."""
        return self._user_ids.get(session_id)

    def new_login(self, user_id: int) -> str:
        """Start a session of its own for somebody who just logged in; returns its id."""
        session_id = secrets.token_urlsafe(32)
        self._user_ids[session_id] = user_id
        return session_id

    def new_cookie(self, session_id: str) -> tuple[str, str]:
        """The header that keeps a session id in the browser."""
        return "Set-Cookie", f"{self._cookie_name}={session_id}; HttpOnly; SameSite=Lax; Path=/"

    def new_form_token(self, session_id: str) -> str:
        """What a form of this session carries, and a form of somebody else's page cannot."""
        return hmac.new(self._key, session_id.encode(), "sha256").hexdigest()

    def is_form_token(self, session_id: str, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.new_form_token(session_id).encode(), token.encode())

    def _read_ids(self, cookie_header: str) -> list[str]:
        pairs = (pair.strip().partition("=") for pair in cookie_header.split(";"))
        return [value for name, _, value in pairs if name == self._cookie_name and _is_id(value)]


def _is_id(value: str) -> bool:
    return bool(value) and value.isascii() and value.replace("-", "").replace("_", "").isalnum()
