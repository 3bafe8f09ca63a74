"""A header from `-H 'Name: value'`; refuses what would begin another one, and what is the program's own."""

from __future__ import annotations

import re

from procore_cli.errors import UsageMistakeError

# A token and a field value (RFC 9110, sections 5.6.2 and 5.5), in ASCII.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]*")
# Who is asked as whom, and where one request ends and the next begins.
_OURS = frozenset(
    ("authorization", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization")
) | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_TOKEN = "The token comes from the account (--account) or PROCORE_ACCESS_TOKEN."
_LEAVE_OUT = "Leave it out: it follows from the environment (--env), the path and the body."


def read_header(text: str) -> tuple[str, str]:
    """A header's name and value. Raises UsageMistakeError."""
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not colon or not _NAME.fullmatch(name):
        raise UsageMistakeError("A header is not NAME: VALUE.", "Write -H 'Accept: text/csv'.")
    if name.lower() in _OURS:
        is_token = "authorization" in name.lower()
        raise UsageMistakeError(
            f"The header {name} is the program's own.", _TOKEN if is_token else _LEAVE_OUT
        )
    if not _VALUE.fullmatch(value):
        raise UsageMistakeError(
            f"The header {name} has a control character or one beyond ASCII.", "Encode it first."
        )
    return name, value
