"""Requests that no browser makes: refused with every header, without an echo, in silence."""

from __future__ import annotations

import pytest

from procore_cli.callback.pending import Failure
from tests.callback.listener_stand import Reply, Stand, is_safe, read_reply

pytestmark = pytest.mark.usefixtures("silence")
KIB = 1024
CALLBACK = "/callback?code=evil&state=ours"

LINES = {
    405: [
        f"POST {CALLBACK} HTTP/1.1",
        "PUT / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "TRACE / HTTP/1.1",
        "get / HTTP/1.1",
        "EVIL / HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
    ],
    400: [
        f"GET http://evil.example{CALLBACK} HTTP/1.1",
        "GET http://localhost:4567/ HTTP/1.1",
        "GET localhost:4567 HTTP/1.1",
        "GET * HTTP/1.1",
        "GET callback HTTP/1.1",
        "GET /evil\x1b[31m HTTP/1.1",
        "GET /caf\xe9 HTTP/1.1",
        "GET /#evil HTTP/1.1",
        "GET /\xa0 HTTP/1.1",
        "GET /evil\x85evil HTTP/1.1",
        "GET /evil",
        "GET / HTTP/0.9",
        "GET / HTTP/1.10",
        "GET /evil HTTP/2.0",
        "PRI * HTTP/2.0",
        "GET / HTTP/1.1 ",
        "GET  / HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / /evil HTTP/1.1",
        "GET\0 / HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET / HTTP/1.1\r",
        " GET / HTTP/1.1",
        "evil",
    ],
    404: ["GET /<script>evil</script> HTTP/1.1", "GET //evil.example/ HTTP/1.1", "GET /a'evil HTTP/1.1"],
}
HOSTS = [
    "",
    "Host: evil.example\r\n",
    "Host: evil.example:{port}\r\n",
    "Host: localhost\r\n",
    "Host: localhost:1\r\n",
    "Host: localhost.evil.example:{port}\r\n",
    "Host: evil@localhost:{port}\r\n",
    "Host: 0.0.0.0:{port}\r\n",
    "Host: 127.1:{port}\r\n",
    "Host: ::1:{port}\r\n",
    "Host:\r\n",
    "Host: localhost:{port}\r\nHost: localhost:{port}\r\n",
    "Host: localhost:{port}, evil.example\r\n",
]
GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"\x16",
    b"\0" * 100,
    b"\xff\xfe\r\n\r\n",
    b"\r\n\r\n",
    b"SSH-2.0-client\r\n\r\n",
]
TWO_READINGS = [
    "nonsense",
    "Cookie : a=b",
    ": nameless",
    "\tfolded",
    "A: b\r\n folded: yes",
    "A: b\0c",
    "A: b\rHost: evil.example",
    "A: b\r\r\nHost: evil.example",
    "\xe9: b",
]


def test_an_odd_request_is_refused_with_every_header_and_no_echo(stand: Stand) -> None:
    wrong = [
        (line, reply)
        for status, lines in LINES.items()
        for line in lines
        if not _is_refused(reply := read_reply(stand.send(stand.head(line))), status)
    ]

    assert not wrong, wrong
    assert stand.pending.wait(0) is None


def test_a_host_that_is_not_this_machine_is_refused(stand: Stand) -> None:
    def ask(headers: str) -> Reply:
        block = headers.format(port=stand.port)
        return read_reply(stand.send(f"GET {CALLBACK} HTTP/1.1\r\n{block}\r\n".encode()))

    wrong = [headers for headers in HOSTS if not _is_refused(ask(headers), 400)]

    assert not wrong, wrong
    assert stand.pending.wait(0) is None


def test_garbage_is_a_bad_request(stand: Stand) -> None:
    assert [read_reply(stand.send(each)).status for each in GARBAGE] == [400] * len(GARBAGE)


def test_a_callback_whose_header_could_be_read_in_two_ways_is_refused(stand: Stand) -> None:
    wrong = [header for header in TWO_READINGS if not _is_refused(stand.ask(CALLBACK, header), 400)]

    assert not wrong, wrong
    assert stand.pending.wait(0) is None


def _is_refused(reply: Reply, status: int) -> bool:
    allowed = "GET, HEAD" if status == 405 else None
    return (
        reply.status == status
        and is_safe(reply)
        and reply.headers.get("allow") == allowed
        and "evil" not in reply.text
    )


def test_header_names_are_compared_without_case_and_values_lose_their_margins(stand: Stand) -> None:
    request = f"GET / HTTP/1.1\r\nhOST:  localhost:{stand.port} \t\r\nCookie: caf\xe9\r\n\r\n"
    bare = request.replace("\r\n", "\n")

    assert [read_reply(stand.send(raw.encode("latin-1"))).status for raw in (request, bare)] == [200, 200]


def test_cookies_of_60_kib_and_a_thousand_headers_pass(stand: Stand) -> None:
    large = stand.head("GET / HTTP/1.1", "Cookie: " + "x" * 60 * KIB)
    many = stand.head("GET / HTTP/1.1", *[f"X-{number}: y" for number in range(1000)])

    assert [read_reply(stand.send(raw)).status for raw in (large, many)] == [200, 200]


def test_a_code_of_60_kib_arrives_whole(stand: Stand) -> None:
    waiting = stand.ask_later(f"/callback?code={'x' * 60 * KIB}&state=ours")

    assert stand.pending.wait(5) == [("code", "x" * 60 * KIB), ("state", "ours")]
    stand.pending.finish(Failure("Denied", "No.", "Nothing."))
    assert waiting.result(5).status == 200


def test_a_header_block_may_have_64_kib_and_no_more(stand: Stand) -> None:
    line = "GET / HTTP/1.1"
    fits = "A: " + "x" * (64 * KIB - len(stand.head(line, "A: ")) + len(line + "\r\n"))

    assert [stand.ask("/", header).status for header in (fits, fits + "x")] == [200, 431]


def test_a_head_that_is_too_long_gets_its_answer_all_the_same(stand: Stand) -> None:
    for line, header, status in (
        ("GET / HTTP/1.1", "Cookie: " + "x" * 200 * KIB, 431),
        ("GET / HTTP/1.1", "\r\n".join(["Cookie: " + "x" * 20 * KIB] * 4), 431),
        ("GET / HTTP/1.1", "\r\n".join(["A: b"] * 20_000), 431),
        ("GET /?" + "x" * 200 * KIB + " HTTP/1.1", "A: b", 414),
    ):
        reply = read_reply(stand.send(stand.head(line, header)))
        assert (reply.status, is_safe(reply)) == (status, True)


def test_a_bad_head_request_gets_headers_alone_too(stand: Stand) -> None:
    for target, header, status in (
        ("/", "Cookie: " + "x" * 70 * KIB, 431),
        ("/" + "x" * 70 * KIB, "A: b", 414),
        ("/", "nonsense", 400),
        ("/ /", "A: b", 400),
    ):
        reply = stand.ask(target, header, method="HEAD")
        assert (reply.status, reply.text) == (status, "")


def test_a_body_is_never_waited_for_and_does_not_lose_the_answer(stand: Stand) -> None:
    missing = stand.head("POST / HTTP/1.1", "Content-Length: 1000")
    sent = stand.head("POST / HTTP/1.1", f"Content-Length: {300 * KIB}") + b"x" * 300 * KIB
    chunked = stand.head("GET / HTTP/1.1", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n"

    assert [read_reply(stand.send(raw)).status for raw in (missing, sent, chunked)] == [405, 405, 200]
