"""A JSON text as a terminal may show it: indented, each token with its style; changes no token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from procore_cli.client.json_pages import find_text_end

Piece = tuple[str, str]

# Of a text in quotes, where it begins.
_TOKEN = re.compile(r'"|[\[\]{}:,]|[^\s\[\]{}:,"]+')
_INDENT = "  "
_OPENING = ("[", "{")
_CLOSING = ("]", "}")


def is_json(text: str) -> bool:
    """Whether a text is one JSON value (RFC 8259)."""
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def read_lines(text: str) -> Iterator[list[Piece]]:
    """The lines of a text that `is_json`, each as pieces of (text, rich's style)."""
    line: list[Piece] = []
    depth, former = 0, ""
    for token, style in read_one_line(text):
        closes, opened = token in _CLOSING, former in _OPENING
        depth -= closes
        # An empty list or object stays on its line.
        if former == "," or opened != closes:
            if line:
                yield line
            line = [(_INDENT * depth, "")]
        line.append((": " if token == ":" else token, style))
        depth += token in _OPENING
        former = token
    yield line


def read_one_line(text: str) -> list[Piece]:
    """A text on one line as pieces of (text, rich's style), with nothing added."""
    tokens = list(_tokens(text))
    followers = [*tokens[1:], ""]
    return [(token, _style(token, after)) for token, after in zip(tokens, followers, strict=True)]


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while match := _TOKEN.search(text, at):
        at = find_text_end(text, match.start()) if match[0] == '"' else match.end()
        yield text[match.start() : at]


def _style(token: str, following: str) -> str:
    if token in (*_OPENING, *_CLOSING, ":", ","):
        return ""
    if token.startswith('"'):
        # No blue, which dark backgrounds swallow; no cyan or yellow, which light ones do.
        return "bold" if following == ":" else "green"
    return "magenta"
