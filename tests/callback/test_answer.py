"""What every answer carries."""

from __future__ import annotations

from http import HTTPStatus

from procore_cli.callback.site import Answer


def head_of(raw: bytes) -> list[str]:
    return raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_an_answer_is_a_status_line_headers_and_the_page() -> None:
    raw = Answer(HTTPStatus.OK, "<p>caf\xe9").to_bytes()

    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert raw.endswith("\r\n\r\n<p>caf\xe9".encode())
    assert "Content-Length: 8" in head_of(raw)
    assert "Content-Type: text/html; charset=utf-8" in head_of(raw)


def test_every_answer_forbids_caching_sniffing_referring_and_framing() -> None:
    for answer in (Answer(HTTPStatus.OK, "page"), Answer(HTTPStatus.SEE_OTHER), Answer(HTTPStatus.NOT_FOUND)):
        head = head_of(answer.to_bytes())
        policy = next(line for line in head if line.startswith("Content-Security-Policy: "))

        assert {
            "Connection: close",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Referrer-Policy: no-referrer",
            "Server: procore-login",
        } <= set(head)
        assert policy.startswith("Content-Security-Policy: default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_headers_of_its_own_stand_beside_those() -> None:
    raw = Answer(HTTPStatus.SEE_OTHER, headers=(("Location", "/home"),)).to_bytes()

    assert "Location: /home" in head_of(raw)
    assert "Content-Length: 0" in head_of(raw)


def test_without_its_body_an_answer_still_tells_the_bodys_length() -> None:
    raw = Answer(HTTPStatus.OK, "page").to_bytes(headers_only=True)

    assert raw.endswith(b"\r\n\r\n")
    assert "Content-Length: 4" in head_of(raw)
