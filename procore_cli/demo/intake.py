"""A request's body, read whole and within limits (RFC 9112, section 6); refuses to guess where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from io import BufferedIOBase

from procore_cli.demo.wire import RefusedCallError, new_errors

_FORM_MAX_BYTES = 64 * 1024
_API_MAX_BYTES = 16 * 1024 * 1024
_SIZE_LINE_MAX_BYTES = 256
_TRAILER_MAX_LINES = 32


def read_body(headers: Message, stream: BufferedIOBase, path: str) -> bytes:
    """The body of a request for `path`; empty where the headers announce none.

    Raises RefusedCallError; what is left of the body is not read then, so the connection has to end.
    """
    max_bytes = _API_MAX_BYTES if path.startswith("/rest/") else _FORM_MAX_BYTES
    lengths, codings = headers.get_all("Content-Length", []), headers.get_all("Transfer-Encoding", [])
    if codings:
        # Both at once, or another coding, is how requests are smuggled.
        if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise _refused(400, "Transfer-Encoding cannot be used.")
        return b"".join(_read_chunks(stream, max_bytes))
    if not lengths:
        return b""
    return stream.read(_read_length(lengths, max_bytes))


def _read_length(lengths: list[str], max_bytes: int) -> int:
    text = lengths[0]
    if len(lengths) > 1 or not (text.isascii() and text.isdigit()) or len(text) > len(str(max_bytes)):
        raise _refused(411, "Content-Length is missing or cannot be used.")
    if int(text) > max_bytes:
        raise _refused(413, "The body is too long.")
    return int(text)


def _read_chunks(stream: BufferedIOBase, max_bytes: int) -> Iterator[bytes]:
    total = 0
    while size := _read_chunk_size(stream):
        total += size
        if total > max_bytes:
            raise _refused(413, "The body is too long.")
        yield stream.read(size)
        if stream.readline(_SIZE_LINE_MAX_BYTES).strip():
            raise _refused(400, "A chunk does not end where it says.")
    for _ in range(_TRAILER_MAX_LINES):
        if not stream.readline(_SIZE_LINE_MAX_BYTES).strip():
            return
    raise _refused(400, "The trailer is too long.")


def _read_chunk_size(stream: BufferedIOBase) -> int:
    digits = stream.readline(_SIZE_LINE_MAX_BYTES).partition(b";")[0].strip()
    if not 0 < len(digits) <= 8 or not all(digit in b"0123456789abcdefABCDEF" for digit in digits):
        raise _refused(400, "A chunk has no size.")
    return int(digits, 16)


def _refused(status: int, why: str) -> RefusedCallError:
    return RefusedCallError(new_errors(status, why))
