"""Which heads of a request are read, and how long they may take."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus

import pytest

from procore_cli.callback.server import BadHeadError, read_request
from procore_cli.callback.site import Request

Read = Callable[..., Request]


@pytest.fixture
def read() -> Iterator[Read]:
    """Reads what a client has sent, who goes on listening, and may have more to say."""
    with ExitStack() as opened:

        def read(sent: bytes, timeout_s: float = 5, hangs_up: bool = False) -> Request:
            ours, theirs = (opened.enter_context(end) for end in socket.socketpair())
            sending = threading.Thread(target=theirs.sendall, args=(sent,))
            sending.start()
            opened.callback(sending.join)
            if hangs_up:
                sending.join()
                theirs.close()
            return read_request(ours, timeout_s)

        yield read


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_head_is_a_line_headers_and_an_end(read: Read, end: bytes) -> None:
    request = read(b"GET /?a=b HTTP/1.1" + end + (b"Host:\tlocalhost:4567 " + end) * 500 + end + b"body")

    assert request == Request("GET", "/?a=b", (("host", "localhost:4567"),) * 500)


def test_a_head_without_headers_ends_at_once(read: Read) -> None:
    assert read(b"EVIL //x HTTP/1.0\r\n\r\n") == Request("EVIL", "//x", ())


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
def test_a_request_line_that_is_not_http_1_is_refused(read: Read, line: bytes) -> None:
    with pytest.raises(BadHeadError) as refused:
        read(line + b"\r\n")

    assert refused.value.status == HTTPStatus.BAD_REQUEST


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
def test_a_header_that_could_be_read_in_two_ways_is_refused(read: Read, line: bytes) -> None:
    with pytest.raises(BadHeadError) as refused:
        read(b"GET / HTTP/1.1\r\nA: b\r\n" + line + b"\r\n")

    assert refused.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00", b"\x00", b"\r\n", b" GET"])
def test_what_cannot_be_a_request_is_refused_at_its_first_byte(read: Read, sent: bytes) -> None:
    with pytest.raises(BadHeadError):
        read(sent)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("template", "status"),
    [
        ("{method} /{long} HTTP/1.1\r\n", HTTPStatus.REQUEST_URI_TOO_LONG),
        ("{method} / HTTP/1.1\r\nA: {long}\r\n", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    ],
)
def test_what_is_too_long_is_refused_as_its_method_can_be_told(
    read: Read, method: str, template: str, status: HTTPStatus
) -> None:
    with pytest.raises(BadHeadError) as refused:
        read(template.format(method=method, long="x" * 65536).encode())

    assert refused.value.status == status
    assert refused.value.of_head_method is (method == "HEAD")


def test_headers_of_64_kib_are_read(read: Read) -> None:
    value = "x" * (64 * 1024 - len("A:\r\n\r\n"))

    assert read(f"GET / HTTP/1.1\r\nA:{value}\r\n\r\n".encode()).all_of("a") == [value]


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nA: b"])
def test_one_who_hangs_up_early_has_asked_for_nothing(read: Read, sent: bytes) -> None:
    with pytest.raises(ConnectionError):
        read(sent, hangs_up=True)


def test_a_head_that_does_not_come_is_not_waited_for(read: Read) -> None:
    with pytest.raises(TimeoutError):
        read(b"GET / HT", timeout_s=0.02)


def test_time_that_is_up_is_up_even_if_there_is_more_to_read(read: Read) -> None:
    with pytest.raises(TimeoutError):
        read(b"GET / HTTP/1.1\r\n\r\n", timeout_s=0)


def test_an_error_shows_nothing_of_what_was_sent(read: Read) -> None:
    with pytest.raises(BadHeadError) as refused:
        read(b"GET /callback?code=s3cret\r\n")

    assert "s3cret" not in repr(refused.value)
