"""How long a host with several addresses may take, what is refused of an answer, and what `--debug` shows."""

import gzip
import socket
import time
from contextlib import ExitStack

import pytest

from procore_cli.client.connections import connect, find_addresses
from procore_cli.client.transport import LARGEST_BODY
from procore_cli.errors import AnswerLostError, RedirectRefusedError, UnexpectedAnswerError, UnreachableError
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


NAME = "many.example"


@pytest.fixture
def at(monkeypatch):
    """Give a name several addresses, some of which answer nobody; returns the URL of the name."""
    with ExitStack() as stack:

        def at(server, *addresses, silent=()):
            port = int(server.host.partition(":")[2])
            for address in silent:
                stack.enter_context(servers.silent_port(address, port))
            monkeypatch.setattr(socket, "getaddrinfo", servers.resolving(*addresses, name=NAME))
            return f"http://{NAME}:{port}"

        yield at


@pytest.mark.parametrize("form", [FORM, None])
def test_a_first_address_that_is_silent_costs_its_own_limit_alone(serve, at, ask, form):
    server = serve(servers.answering(OK))
    url = at(server, "127.0.0.2", "127.0.0.3", "127.0.0.1", silent=("127.0.0.2", "127.0.0.3"))
    started = time.monotonic()
    assert ask(url, form=form, connect_timeout_s=60, address_timeout_s=0.1).status == 200
    assert 0.2 <= time.monotonic() - started < 20
    assert len(server.requests) == 1


def test_a_proxys_addresses_are_tried_in_turn_as_well(serve, at, ask):
    proxy = serve(servers.answering(OK))
    url = at(proxy, "127.0.0.2", "127.0.0.1", silent=("127.0.0.2",))
    started = time.monotonic()
    answer = ask(
        "http://somewhere.example", environ={"HTTP_PROXY": url}, connect_timeout_s=60, address_timeout_s=0.1
    )
    assert answer.status == 200
    assert time.monotonic() - started < 20
    assert proxy.requests[0].startswith(b"GET http://somewhere.example/x")


def test_a_single_address_gets_all_the_time(serve, at, ask):
    server = serve(servers.answering(OK))
    url = at(server, "127.0.0.2", silent=("127.0.0.2",))
    with pytest.raises(UnreachableError, match=r"no connection within 0\.5 s\. Nothing was sent") as caught:
        ask(url, form=FORM, connect_timeout_s=0.5, address_timeout_s=0.01)
    assert caught.value.exit_code == 5


def test_all_addresses_together_get_the_limit(serve, at, ask):
    server = serve(servers.answering(OK))
    silent = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    url = at(server, *silent, silent=silent)
    started = time.monotonic()
    with pytest.raises(UnreachableError, match=r"no connection within 0\.5 s"):
        ask(url, form=FORM, connect_timeout_s=0.5, address_timeout_s=60)
    assert 0.4 < time.monotonic() - started < 20


def test_many_silent_addresses_leave_time_for_the_last_one(serve, at, ask):
    server = serve(servers.answering(OK))
    silent = [f"127.0.1.{number}" for number in range(4)]
    url = at(server, *silent, "127.0.0.1", silent=silent)
    assert ask(url, form=FORM, connect_timeout_s=0.8, address_timeout_s=60).status == 200


def test_a_slow_address_has_the_rest_of_the_time_where_the_last_one_refuses(serve, monkeypatch):
    slow = serve(servers.answering(OK))
    limits = []
    connect_once = socket.socket.connect

    def connect_late(sock, place):
        if place[1] == int(slow.host.partition(":")[2]):
            limits.append(sock.gettimeout())
            if len(limits) == 1:
                raise TimeoutError
        connect_once(sock, place)

    monkeypatch.setattr(socket.socket, "connect", connect_late)
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        ports = (int(slow.host.partition(":")[2]), refusing.getsockname()[1])
        addresses = [address for port in ports for address in find_addresses("127.0.0.1", port)]
        connect(addresses, 10, 2).close()
    assert limits[0] == 2
    assert 9 < limits[1] <= 10


def test_the_limit_of_an_address_does_not_stay_on_the_connection(serve, at, ask):
    def answering_late(server, connection):
        servers.read_request(server, connection)
        server.stopping.wait(0.3)
        connection.sendall(OK)

    server = serve(answering_late)
    url = at(server, "127.0.0.1", "127.0.0.2")
    assert ask(url, form=FORM, address_timeout_s=0.05).status == 200
