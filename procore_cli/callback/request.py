"""A request as the site sees it: no socket here, and no body."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PATH = re.compile(r"/[\x21\x22\x24-\x7e]*")


@dataclass(frozen=True)
class Request:
    """A request without its body; header names are in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        """The target up to the question mark, as it was sent."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after the question mark."""
        return self.target.partition("?")[2]

    @property
    def has_plain_target(self) -> bool:
        """Whether the target is a path and query (RFC 9112, section 3.2.1), not a URL or a host."""
        return _PATH.fullmatch(self.target) is not None

    def all_of(self, name: str) -> list[str]:
        """The values of every header of this (lower-case) name."""
        return [value for key, value in self.headers if key == name]
