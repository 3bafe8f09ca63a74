"""Which lines reach http.server, and how long they may take."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from procore_cli.callback.server import BadLineError, HeadReader

LINE_BYTES = 65537
NewReader = Callable[..., HeadReader]


@pytest.fixture
def new_reader() -> Iterator[NewReader]:
    """Makes readers of what a client has sent; he goes on listening, and may have more to say."""
    with ExitStack() as opened:

        def new(sent: bytes, timeout_s: float = 5, hangs_up: bool = False) -> HeadReader:
            ours, theirs = (opened.enter_context(end) for end in socket.socketpair())
            theirs.sendall(sent)
            if hangs_up:
                theirs.close()
            return opened.enter_context(HeadReader(ours, timeout_s))

        yield new


def read_lines(reader: HeadReader, count: int) -> list[bytes]:
    return [reader.readline(LINE_BYTES) for _ in range(count)]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_head_is_read_as_a_line_a_block_and_an_end(new_reader: NewReader, end: bytes) -> None:
    pieces = [b"GET /?a=b HTTP/1.1" + end, (b"Host: localhost:4567" + end) * 500, end]

    assert read_lines(new_reader(b"".join(pieces) + b"body"), 3) == pieces


def test_a_head_without_headers_ends_at_once(new_reader: NewReader) -> None:
    assert read_lines(new_reader(b"GET / HTTP/1.1\r\n\r\n"), 2) == [b"GET / HTTP/1.1\r\n", b"\r\n"]


@pytest.mark.parametrize(
    "line",
    [
        b"GET /",
        b"GET / HTTP/0.9",
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.10",
        b"GET / HTTP/1.1 ",
        b"GET  / HTTP/1.1",
        b"GET /\tHTTP/1.1",
        b"GET / /x HTTP/1.1",
        b"GET\x00 / HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\x1f HTTP/1.1",
        b"GET / HTTP/1.1\r",
    ],
)
def test_a_request_line_that_is_not_http_1_is_refused(new_reader: NewReader, line: bytes) -> None:
    with pytest.raises(BadLineError):
        read_lines(new_reader(line + b"\r\n"), 1)


@pytest.mark.parametrize(
    "line",
    [
        b"no colon",
        b"Host : localhost",
        b" folded: yes",
        b"\tfolded",
        b": nameless",
        b"A: b\x00c",
        b"A: b\rHost: evil",
        b"A: b\r",
        b"\xe9: b",
    ],
)
def test_a_header_that_could_be_read_in_two_ways_is_refused(new_reader: NewReader, line: bytes) -> None:
    reader = new_reader(b"GET / HTTP/1.1\r\nA: b\r\n" + line + b"\r\n")
    read_lines(reader, 1)

    with pytest.raises(BadLineError):
        read_lines(reader, 1)


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00", b"\x00", b"\r\n", b" GET"])
def test_what_cannot_be_a_request_is_refused_at_its_first_byte(new_reader: NewReader, sent: bytes) -> None:
    with pytest.raises(BadLineError):
        read_lines(new_reader(sent), 1)


def test_a_line_that_is_too_long_is_left_to_http_server(new_reader: NewReader) -> None:
    assert new_reader(b"GET /long HTTP/1.1\r\n").readline(8) == b"GET /lon"


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nA: b"])
def test_one_who_hangs_up_early_has_asked_for_nothing(new_reader: NewReader, sent: bytes) -> None:
    with pytest.raises(ConnectionError):
        read_lines(new_reader(sent, hangs_up=True), 2)


def test_a_head_that_does_not_come_is_not_waited_for(new_reader: NewReader) -> None:
    with pytest.raises(TimeoutError):
        read_lines(new_reader(b"GET / HT", timeout_s=0.02), 1)


def test_time_that_is_up_is_up_even_if_there_is_more_to_read(new_reader: NewReader) -> None:
    with pytest.raises(TimeoutError):
        read_lines(new_reader(b"GET / HTTP/1.1\r\n\r\n", timeout_s=0), 1)


def test_an_error_shows_nothing_of_what_was_sent(new_reader: NewReader) -> None:
    with pytest.raises(BadLineError) as refused:
        read_lines(new_reader(b"GET /callback?code=s3cret\r\n"), 1)

    assert "s3cret" not in repr(refused.value)
