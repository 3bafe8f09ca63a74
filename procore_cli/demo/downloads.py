"""Files to download, made while they are sent; refuses a bearer token at the storage, as clouds do.

The file comes from here, or with `?elsewhere=1` by a redirect to another origin, as Procore's file URLs do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from procore_cli.demo.bearer import read_token
from procore_cli.demo.provider import Provider
from procore_cli.demo.wire import Answer, Call, RefusedCallError, Stream, find_id, new_errors

FILES_PATH: Final = "/demo/files/"
STORAGE_PATH: Final = "/demo/storage/"
_DEFAULT_BYTES: Final = 1024
_MAX_BYTES: Final = 1 << 40
_PATTERN: Final = bytes(range(256)) * 256
_OTHER_NAME: Final = {"127.0.0.1": "localhost"}


class Downloads:
    """The routes; each takes a call and the name of a file, and gives an answer."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def send(self, call: Call, name: str) -> Answer:
        """GET /demo/files/NAME?bytes=N: N bytes (1024 if not said), with a bearer token alone."""
        read_token(self._provider, call)
        query = dict(parse_qsl(call.query))
        if "elsewhere" in query:
            size = query.get("bytes", str(_DEFAULT_BYTES))
            return Answer(302, headers=(("Location", _new_storage_url(call, name, size)),))
        return _new_file(query, name)

    def send_stored(self, call: Call, name: str) -> Answer:
        """GET /demo/storage/NAME: the other origin, which answers 400 to whoever sends it a token."""
        if call.authorization:
            why = "Only one way of signing in is allowed: the address carries its signature."
            raise RefusedCallError(new_errors(400, why))
        return _new_file(dict(parse_qsl(call.query)), name)


def make_chunks(size: int) -> Iterator[bytes]:
    """The content of every file: the bytes 0 to 255 over and over, `size` of them."""
    whole, rest = divmod(size, len(_PATTERN))
    for _ in range(whole):
        yield _PATTERN
    yield _PATTERN[:rest]


def _new_file(query: dict[str, str], name: str) -> Answer:
    size = find_id(query.get("bytes", str(_DEFAULT_BYTES)))
    if size is None or size > _MAX_BYTES:
        raise RefusedCallError(new_errors(400, [f"bytes must be a whole number up to {_MAX_BYTES}."]))
    named = ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}")
    stream = Stream(size, lambda: make_chunks(size))
    return Answer(200, "application/octet-stream", headers=(named,), stream=stream)


def _new_storage_url(call: Call, name: str, size: str) -> str:
    parts = urlsplit(call.origin)
    other = _OTHER_NAME.get(parts.hostname or "", "127.0.0.1")
    query = urlencode({"bytes": size, "signature": "pretend"})
    return f"http://{other}:{parts.port}{STORAGE_PATH}{quote(name, safe='')}?{query}"
