"""An app's values as a person types or imports them, checked; none of the errors repeats a secret."""

from __future__ import annotations

from procore_cli.config.config_file import is_client_id, is_client_secret
from procore_cli.errors import UsageMistakeError

# What takes a company out again.
NONE = ("-", "none")


def read_client_id(text: str) -> str:
    """Check a client id. Raises UsageMistakeError."""
    if not is_client_id(text):
        raise UsageMistakeError(
            "This is no client id: it is empty, or holds a space.", "Copy it from the Developer Portal."
        )
    return text


def read_secret(text: str) -> str:
    """Check a client secret. Raises UsageMistakeError, which does not repeat it."""
    secret = text.strip()
    if not secret:
        raise UsageMistakeError("The client secret is empty.", "Pass it as one line on standard input.")
    if not is_client_secret(secret):
        raise UsageMistakeError(
            "The client secret is too long, or holds a control character.",
            "Copy it from the Developer Portal again.",
        )
    return secret


def read_company(text: str) -> str:
    """Check a company's id; "", "none" and "-" pass. Raises UsageMistakeError."""
    if text.lower() in NONE:
        return text.lower()
    if text and not (text.isascii() and text.isdigit() and len(text) < 19 and int(text)):
        raise UsageMistakeError(
            "A company's id is a number, for example 123.", "Type none, or press Enter, for none."
        )
    return text
