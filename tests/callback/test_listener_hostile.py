"""Requests that no browser makes: refused with every header, without an echo, in silence."""

from __future__ import annotations

import pytest

from procore_cli.callback.pending import Failure
from tests.callback.listener_stand import Stand, read_reply

pytestmark = pytest.mark.usefixtures("silence")
KIB = 1024
SECURITY = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "server": "procore-login",
    "connection": "close",
}


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("POST /callback?code=evil&state=ours HTTP/1.1", 405),
        ("PUT / HTTP/1.1", 405),
        ("OPTIONS * HTTP/1.1", 405),
        ("TRACE / HTTP/1.1", 405),
        ("get / HTTP/1.1", 405),
        ("EVIL / HTTP/1.1", 405),
        ("CONNECT evil.example:443 HTTP/1.1", 405),
        ("GET http://evil.example/callback?code=evil&state=ours HTTP/1.1", 400),
        ("GET http://localhost:4567/ HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("GET callback HTTP/1.1", 400),
        ("GET /evil\x1b[31m HTTP/1.1", 400),
        ("GET /caf\xe9 HTTP/1.1", 400),
        ("GET /#evil HTTP/1.1", 400),
        ("GET /\xa0 HTTP/1.1", 400),
        ("GET /evil\x85evil HTTP/1.1", 400),
        ("GET /evil", 400),
        ("GET /evil HTTP/2.0", 400),
        ("PRI * HTTP/2.0", 400),
        ("evil", 400),
        ("GET /<script>evil</script> HTTP/1.1", 404),
    ],
)
def test_an_odd_request_is_refused_with_every_header_and_no_echo(
    stand: Stand, line: str, status: int
) -> None:
    reply = read_reply(stand.send(stand.head(line)))

    assert reply.status == status
    assert reply.headers.items() >= SECURITY.items()
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert not [name for name in reply.headers if name.startswith("access-control")]
    assert reply.headers.get("allow") == ("GET, HEAD" if status == 405 else None)
    assert "evil" not in reply.text
    assert stand.pending.wait(0) is None


@pytest.mark.parametrize(
    "headers",
    [
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
    ],
)
def test_a_host_that_is_not_this_machine_is_refused(stand: Stand, headers: str) -> None:
    block = headers.format(port=stand.port)

    reply = read_reply(stand.send(f"GET /callback?code=c&state=ours HTTP/1.1\r\n{block}\r\n".encode()))

    assert 400 <= reply.status < 500
    assert stand.pending.wait(0) is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"\x00" * 100,
        b"\xff\xfe\r\n\r\n",
        b"\r\n\r\n",
        b"SSH-2.0-client\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: yes\r\n\r\n",
        b"GET / HTTP/1.1\r\nnonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
    ],
)
def test_garbage_is_a_bad_request(stand: Stand, garbage: bytes) -> None:
    assert read_reply(stand.send(garbage)).status == 400


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        "Cookie : a=b",
        "A: b\r\n folded",
        "A: b\x00c",
        "A: b\rHost: evil.example",
        "A: b\r\r\nHost: evil.example",
        "\xe9: b",
    ],
)
def test_a_callback_whose_header_could_be_read_in_two_ways_is_refused(stand: Stand, header: str) -> None:
    reply = stand.ask("/callback?code=evil&state=ours", header)

    assert (reply.status, "evil" in reply.text) == (400, False)
    assert stand.pending.wait(0) is None


def test_header_names_are_compared_without_case_and_values_lose_their_margins(stand: Stand) -> None:
    request = f"GET / HTTP/1.1\r\nhOST:  localhost:{stand.port} \t\r\nCookie: caf\xe9\r\n\r\n"

    assert read_reply(stand.send(request.encode("latin-1"))).status == 200


def test_cookies_of_60_kib_and_a_thousand_headers_pass(stand: Stand) -> None:
    large = stand.head("GET / HTTP/1.1", "Cookie: " + "x" * 60 * KIB)
    many = stand.head("GET / HTTP/1.1", *[f"X-{number}: y" for number in range(1000)])

    assert [read_reply(stand.send(raw)).status for raw in (large, many)] == [200, 200]


def test_a_code_of_60_kib_arrives_whole(stand: Stand) -> None:
    waiting = stand.ask_later(f"/callback?code={'x' * 60 * KIB}&state=ours")

    assert stand.pending.wait(5) == [("code", "x" * 60 * KIB), ("state", "ours")]
    stand.pending.finish(Failure("Denied", "No.", "Nothing."))
    assert waiting.result(5).status == 200


@pytest.mark.parametrize(
    ("line", "header", "status"),
    [
        ("GET / HTTP/1.1", "Cookie: " + "x" * 200 * KIB, 431),
        ("GET / HTTP/1.1", "\r\n".join(["Cookie: " + "x" * 20 * KIB] * 4), 431),
        ("GET / HTTP/1.1", "\r\n".join(["A: b"] * 20_000), 431),
        ("GET /?" + "x" * 200 * KIB + " HTTP/1.1", "A: b", 414),
    ],
)
def test_a_head_that_is_too_long_gets_its_answer_all_the_same(
    stand: Stand, line: str, header: str, status: int
) -> None:
    reply = read_reply(stand.send(stand.head(line, header)))

    assert reply.status == status
    assert reply.headers.items() >= SECURITY.items()


@pytest.mark.parametrize(("extra_bytes", "status"), [(0, 200), (1, 431)])
def test_a_header_block_may_have_64_kib_and_no_more(stand: Stand, extra_bytes: int, status: int) -> None:
    line = "GET / HTTP/1.1"
    rest_bytes = len(stand.head(line, "A: ")) - len(line + "\r\n")

    reply = stand.ask("/", "A: " + "x" * (64 * KIB - rest_bytes + extra_bytes))

    assert reply.status == status


@pytest.mark.parametrize(
    ("target", "header", "status"),
    [
        ("/", "Cookie: " + "x" * 70 * KIB, 431),
        ("/" + "x" * 70 * KIB, "A: b", 414),
        ("/", "nonsense", 400),
        ("/ /", "A: b", 400),
    ],
)
def test_a_bad_head_request_gets_headers_alone_too(
    stand: Stand, target: str, header: str, status: int
) -> None:
    reply = stand.ask(target, header, method="HEAD")

    assert (reply.status, reply.text) == (status, "")


def test_a_body_is_never_waited_for_and_does_not_lose_the_answer(stand: Stand) -> None:
    missing = stand.head("POST / HTTP/1.1", "Content-Length: 1000")
    sent = stand.head("POST / HTTP/1.1", f"Content-Length: {300 * KIB}") + b"x" * 300 * KIB
    chunked = stand.head("GET / HTTP/1.1", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n"

    assert [read_reply(stand.send(raw)).status for raw in (missing, sent, chunked)] == [405, 405, 200]
