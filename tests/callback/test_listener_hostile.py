"""Requests that no browser makes: refused with every header, without an echo, in silence."""

from __future__ import annotations

import pytest

from procore_cli.callback.pending import Failure
from tests.callback.listener_stand import Reply, is_safe, read_reply
from tests.callback.odd_requests import KIB, odd_requests

pytestmark = pytest.mark.usefixtures("silence")


def test_an_odd_request_is_refused_with_every_header_and_no_echo(stand):
    wrong = [
        (raw[:100], status, reply)
        for raw, status in odd_requests(stand.port, "ours")
        if not _is_refused(reply := read_reply(stand.send(raw)), status)
    ]
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


def test_header_names_are_compared_without_case_and_values_lose_their_margins(stand):
    request = f"GET / HTTP/1.1\r\nhOST:  localhost:{stand.port} \t\r\nCookie: caf\xe9\r\n\r\n"
    bare = request.replace("\r\n", "\n")
    assert [read_reply(stand.send(raw.encode("latin-1"))).status for raw in (request, bare)] == [200, 200]


def test_cookies_of_60_kib_and_a_thousand_headers_pass(stand):
    large = stand.head("GET / HTTP/1.1", "Cookie: " + "x" * 60 * KIB)
    many = stand.head("GET / HTTP/1.1", *[f"X-{number}: y" for number in range(1000)])
    assert [read_reply(stand.send(raw)).status for raw in (large, many)] == [200, 200]


def test_a_code_of_60_kib_arrives_whole(stand):
    waiting = stand.ask_later(f"/callback?code={'x' * 60 * KIB}&state=ours")
    assert stand.pending.wait(5) == [("code", "x" * 60 * KIB), ("state", "ours")]
    stand.pending.finish(Failure("Denied", "No.", "Nothing."))
    assert waiting.result(5).status == 200


def test_a_header_block_may_have_64_kib_and_no_more(stand):
    line = "GET / HTTP/1.1"
    fits = "A: " + "x" * (64 * KIB - len(stand.head(line, "A: ")) + len(line + "\r\n"))
    assert [stand.ask("/", header).status for header in (fits, fits + "x")] == [200, 431]


def test_a_bad_head_request_gets_headers_alone_too(stand):
    for target, header, status in (
        ("/", "Cookie: " + "x" * 70 * KIB, 431),
        ("/" + "x" * 70 * KIB, "A: b", 414),
        ("/", "nonsense", 400),
        ("/ /", "A: b", 400),
    ):
        reply = stand.ask(target, header, method="HEAD")
        assert (reply.status, reply.text) == (status, "")
