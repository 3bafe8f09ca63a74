"""An answer of the listener, with the headers that each one carries; refuses to name a version."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from procore_cli.callback.look import CONTENT_SECURITY_POLICY

_EVERY_ANSWER = (
    ("Server", "procore-login"),
    ("Connection", "close"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
)


@dataclass(frozen=True)
class Answer:
    """Status, page and further headers; `is_home` marks the page that ends the program's wait."""

    status: HTTPStatus
    page: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    is_home: bool = False

    def to_bytes(self, headers_only: bool = False) -> bytes:
        """The answer as it goes over the wire (RFC 9112), without its body if that was asked for."""
        body = self.page.encode()
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        named = (*_EVERY_ANSWER, *self.headers, ("Content-Length", str(len(body))))
        lines += [f"{name}: {value}" for name, value in named]
        if body:
            lines.append("Content-Type: text/html; charset=utf-8")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head if headers_only else head + body
