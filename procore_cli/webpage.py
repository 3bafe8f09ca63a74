"""What the pages of the sign-in and of the pretend Procore share: frame, stylesheet and security headers."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from pathlib import Path
from typing import Final

Header = tuple[str, str]

# Control characters but tab and newline, what turns the direction of text, lone surrogates.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

# The shape is our own; a trademark of Procore's is not in it.
_ICON: Final = (
    "data:image/svg+xml;base64,"
    + base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        b'<rect width="32" height="32" rx="8" fill="#1f4fd1"/>'
        b'<g fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round">'
        b'<circle cx="11" cy="16" r="5"/><path d="M16 16h11m-3 0v4.5m-5-4.5v3.5"/></g></svg>'
    ).decode()
)


def new_page(title: str, body: str, look: str, script: str = "") -> str:
    """A page; all of it is HTML already, `look` a class of the stylesheet, `script` a whole element."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{script}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="{_ICON}"><style>{stylesheet()}</style></head>'
        f'<body class="{look}">{body}</body></html>'
    )


def escaped(text: str) -> str:
    """Text from outside as a page may show it, between tags and in the value of an attribute."""
    return html.escape(_HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


@cache
def stylesheet() -> str:
    """The one stylesheet; it stands in each page, so that a page fetches nothing."""
    return Path(__file__).with_suffix(".css").read_text("utf-8")


@cache
def security_headers(form_action: str = "'none'", script: str = "") -> tuple[Header, ...]:
    """What every answer carries: nothing but our stylesheet, and `script` if there is one, may run.

    `form_action` says where a page's forms may lead.
    """
    policy = (
        "default-src 'none'",
        f"style-src {_hash(stylesheet())}",
        *([f"script-src {_hash(script)}"] if script else []),
        "img-src data:",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        f"form-action {form_action}",
    )
    return (
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", "; ".join(policy)),
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
