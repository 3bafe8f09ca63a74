"""Which heads are requests, and how long they may take."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from procore_cli.callback.server import BadHeadError, HeadReader
from procore_cli.callback.site import Request

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
            return HeadReader(ours, timeout_s)

        yield new


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_head_is_a_line_and_any_number_of_headers(new_reader: NewReader, end: str) -> None:
    headers = [("host", "localhost:4567"), *[("cookie", "a=b")] * 500, ("x-empty", ""), ("x-odd", "\xe9")]
    lines = ["GET /?a=b HTTP/1.1", *(f"{name.title()}: \t{value} " for name, value in headers), "", "body"]

    request = new_reader(end.join(lines).encode("latin-1")).read()

    assert request == Request("GET", "/?a=b", tuple(headers))


def test_a_head_without_headers_ends_at_once(new_reader: NewReader) -> None:
    assert new_reader(b"POST / HTTP/1.0\r\n\r\n").read() == Request("POST", "/", ())


def test_a_head_method_is_known_whatever_comes_behind_it(new_reader: NewReader) -> None:
    reader = new_reader(b"HEAD / HTTP/1.1\r\nno colon\r\n")
    with pytest.raises(BadHeadError):
        reader.read()

    assert reader.is_of_head_method


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
    with pytest.raises(BadHeadError) as refused:
        new_reader(line + b"\r\n").read()

    assert refused.value.status == 400


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
    with pytest.raises(BadHeadError) as refused:
        new_reader(b"GET / HTTP/1.1\r\nA: b\r\n" + line + b"\r\n").read()

    assert refused.value.status == 400


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00", b"\x00", b"\r\n", b" GET"])
def test_what_cannot_be_a_request_is_refused_at_its_first_byte(new_reader: NewReader, sent: bytes) -> None:
    with pytest.raises(BadHeadError):
        new_reader(sent).read()


def test_64_kib_of_headers_and_their_end_are_read_and_not_a_byte_more(new_reader: NewReader) -> None:
    longest = b"A: " + b"x" * (64 * 1024 - 7) + b"\r\n"
    assert new_reader(b"GET / HTTP/1.1\r\n" + longest + b"\r\n").read().all_of("a")

    with pytest.raises(BadHeadError) as refused:
        new_reader(b"GET / HTTP/1.1\r\nB:\r\n" + longest + b"\r\n").read()

    assert refused.value.status == 431


def test_a_line_that_is_too_long_is_refused_as_one(new_reader: NewReader) -> None:
    with pytest.raises(BadHeadError) as refused:
        new_reader(b"GET /" + b"x" * 64 * 1024).read()

    assert refused.value.status == 414


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nA: b"])
def test_one_who_hangs_up_early_has_asked_for_nothing(new_reader: NewReader, sent: bytes) -> None:
    with pytest.raises(ConnectionError):
        new_reader(sent, hangs_up=True).read()


def test_a_head_that_does_not_come_is_not_waited_for(new_reader: NewReader) -> None:
    with pytest.raises(TimeoutError):
        new_reader(b"GET / HT", timeout_s=0.02).read()


def test_time_that_is_up_is_up_even_if_there_is_more_to_read(new_reader: NewReader) -> None:
    with pytest.raises(TimeoutError):
        new_reader(b"GET / HTTP/1.1\r\n\r\n", timeout_s=0).read()


def test_an_error_shows_nothing_of_what_was_sent(new_reader: NewReader) -> None:
    with pytest.raises(BadHeadError) as refused:
        new_reader(b"GET /callback?code=s3cret\r\n").read()

    assert "s3cret" not in repr(refused.value)
