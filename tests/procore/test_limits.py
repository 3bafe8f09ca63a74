"""What an exchange refuses of an answer, and what `--debug` shows of it."""

import gzip

import pytest

from procore_cli.client.transport import LARGEST_BODY
from procore_cli.errors import AnswerLostError, RedirectRefusedError, UnexpectedAnswerError
from tests.procore import procore_servers as servers

FORM = "refresh_token=s3cret"
OK = servers.json_http({"ok": True})


@pytest.mark.parametrize("form", [FORM, None])
def test_a_redirect_is_never_followed(serve, ask, form):
    elsewhere = serve(servers.answering(OK))
    target = f"Location: {elsewhere.url}/path?code=s3cret"
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
        server = serve(servers.answering(servers.http(status, b"", target, "Set-Cookie: a=b")))
        with pytest.raises(RedirectRefusedError) as caught:
            ask(server.url, form=form)
        assert f"to {elsewhere.url};" in caught.value.message
        assert "s3cret" not in caught.value.message
        assert "PROCORE_LOGIN_URL" in caught.value.hint
        assert (elsewhere.connections, len(server.requests)) == (0, 1)


def test_a_redirect_names_no_more_than_its_targets_origin(serve, ask):
    for headers, expected in (
        ([], "an unknown place"),
        (["Location: "], "an unknown place"),
        (["Location: javascript:alert(1)"], "an unknown place"),
        (["Location: http://[::1"], "an unknown place"),
        (["Location: http://localhost:x/"], "an unknown place"),
        (["Location: //example.com/s3cret"], "http://example.com"),
        (["Location: https://user:s3cret@example.com:8443/"], "https://example.com:8443"),
    ):
        server = serve(servers.answering(servers.http("302 Found", b"", *headers)))
        with pytest.raises(RedirectRefusedError) as caught:
            ask(server.url)
        assert f"to {expected};" in caught.value.message
        assert "s3cret" not in caught.value.message


def test_a_redirect_with_a_large_body_is_not_read_to_its_end(serve, ask):
    body = b"x" * (LARGEST_BODY + 1)
    server = serve(servers.answering(servers.http("302 Found", body, "Location: /elsewhere")))
    with pytest.raises(UnexpectedAnswerError, match=f"more than {LARGEST_BODY} bytes"):
        ask(server.url)


def test_an_answer_of_the_largest_size_is_read_and_one_byte_more_is_refused(serve, ask):
    whole, more = (servers.http("200 OK", b"x" * size) for size in (LARGEST_BODY, LARGEST_BODY + 1))
    server = serve(servers.answering(whole, more))
    assert len(ask(server.url).body) == LARGEST_BODY
    with pytest.raises(UnexpectedAnswerError, match=f"{server.host} answered with more than {LARGEST_BODY}"):
        ask(server.url)


def test_a_compressed_bomb_is_refused_and_a_small_compressed_answer_read(serve, ask):
    bodies = [gzip.compress(body) for body in (b"small", b"x" * 50_000_000)]
    server = serve(
        servers.answering(*(servers.http("200 OK", each, "Content-Encoding: gzip") for each in bodies))
    )
    assert ask(server.url).body == b"small"
    with pytest.raises(UnexpectedAnswerError):
        ask(server.url)


def test_debug_shows_one_line_an_exchange_without_query_body_or_secret_headers(serve, ask, traced):
    shown = ["Content-Type: text/plain; \x1b[31m\x9b", "X-Request-Id: 42", "X-Rate-Limit-Remaining: 7"]
    hidden = ["Set-Cookie: s3cret", "Location: s3cret"]
    server = serve(servers.answering(servers.http("200 OK", b"s3cret", *shown, *hidden)))
    ask(server.url, form=FORM)
    (line,) = traced.messages
    assert line.startswith(f"POST {server.url}/x 200 ")
    assert " ms; " in line
    assert r"content-type: text/plain; \x1b[31m\x9b" in line
    assert "x-rate-limit-remaining: 7; x-request-id: 42" in line
    assert "s3cret" not in line
    assert line.isprintable()


def test_debug_shows_a_failed_exchange_too(serve, ask, traced):
    server = serve(servers.resetting)
    with pytest.raises(AnswerLostError):
        ask(server.url, form=FORM)
    assert traced.messages[0].startswith(f"POST {server.url}/x AnswerLostError ")
