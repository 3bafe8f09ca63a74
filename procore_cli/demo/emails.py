"""What counts as an e-mail address at the pretend Procore; refuses to know whether it exists."""

from __future__ import annotations

import re

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_MAX_CHARACTERS = 254


def is_email(text: str) -> bool:
    """Whether somebody can log in with this."""
    return len(text) <= _MAX_CHARACTERS and text.isprintable() and bool(_EMAIL.fullmatch(text))
