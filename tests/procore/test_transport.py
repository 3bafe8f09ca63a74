"""One exchange over real sockets: what is sent, what may be repeated, and how each failure is told."""

import json
import socket
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from procore_cli import __version__
from procore_cli.client.connections import Progress
from procore_cli.client.request import Call
from procore_cli.errors import AnswerLostError, BadUrlError, BindingError, TokenRefusedError, UnreachableError
from tests.procore import procore_servers as servers

FORM = "refresh_token=s3cret"
OK = servers.json_http({"ok": True})


def test_an_answer_is_its_status_its_headers_in_lower_case_and_its_body(serve, ask):
    server = serve(servers.answering(servers.http("418 I'm a teapot", b"short and stout", "X-Odd: Yes")))
    answer = ask(server.url)
    assert (answer.status, answer.headers["x-odd"], answer.body) == (418, "Yes", b"short and stout")


def test_a_form_is_posted_as_it_is_with_our_name_and_no_authorization(serve, ask):
    server = serve(servers.answering(OK))
    ask(server.url, path="/oauth/token", form=FORM)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == FORM.encode()
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /oauth/token HTTP/1.1"
    assert set(lines) >= {
        f"User-Agent: procore-login/{__version__}",
        *("Accept: application/json", "Accept-Encoding: identity"),
        "Content-Type: application/x-www-form-urlencoded",
    }
    assert not any(line.lower().startswith(("authorization", "cookie")) for line in lines)


def test_the_reason_of_an_answer_repeats_no_secret_that_was_sent(serve, ask):
    secrets = {
        "client_secret": "s+1",
        "code": "c/2",
        "code_verifier": "v3",
        "refresh_token": "r4",
        "token": "t5",
    }
    echo = json.dumps({"error": f"app {' '.join(secrets.values())} b6"}).encode()
    server = serve(servers.answering(servers.http("400 Bad Request", echo)))
    form = urlencode({"client_id": "app", **secrets})
    assert ask(server.url, form=form).reason == "app … … … … … b6"
    assert ask(server.url, bearer="b6").reason == "app s+1 c/2 v3 r4 t5 …"


@pytest.mark.parametrize("bearer", ["the-token", None])
def test_a_bearer_is_sent_in_the_header_and_a_netrc_for_the_host_changes_nothing(
    own_world, serve, ask, bearer
):
    for name in (".netrc", "_netrc"):
        (own_world / name).write_text("machine localhost login somebody password else\n")
        (own_world / name).chmod(0o600)
    server = serve(servers.answering(OK))
    ask(server.url, bearer=bearer)
    assert b"Basic" not in server.requests[0]
    assert (b"Authorization: Bearer the-token\r\n" in server.requests[0]) is (bearer is not None)


@pytest.mark.parametrize("secret", [{"bearer": "the-token"}, {"form": FORM}])
def test_no_secret_goes_to_another_origin(serve, ask, secret):
    server = serve(servers.answering(OK))
    port = server.host.partition(":")[2]
    for url in (f"http://127.0.0.1:{port}", f"https://localhost:{port}", "http://localhost:1"):
        with pytest.raises(BindingError) as caught:
            ask(url, at=server.url, **secret)
        assert "the-token" not in str(caught.value)
    assert server.connections == 0


def test_the_bearer_is_for_the_api_origin_and_the_form_for_the_login_origin(new_transport, environment_at):
    environment = environment_at("http://localhost:1", "http://localhost:2")
    with pytest.raises(BindingError, match="localhost:1 is not http://localhost:2"):
        new_transport().request("GET", "http://localhost:1/", environment=environment, bearer="t")
    with pytest.raises(BindingError, match="localhost:2 is not http://localhost:1"):
        new_transport().request("POST", "http://localhost:2/", environment=environment, form="f")


def test_a_bearer_that_is_no_token_is_not_sent_and_not_shown(serve, ask):
    server = serve(servers.answering(OK))
    for bearer in ("s3cret\n", "s3 cret", "s3cret\r\nX-Evil: 1", "s3crét", ""):
        with pytest.raises(TokenRefusedError) as caught:
            ask(server.url, bearer=bearer)
        assert "s3c" not in caught.value.message
    assert server.connections == 0


def test_an_address_that_cannot_be_is_a_setting_to_correct_and_one_that_is_not_there_said_so(ask, traced):
    with pytest.raises(BadUrlError):
        ask("https://.example.com")
    with pytest.raises(UnreachableError) as caught:
        ask("https://nowhere.invalid", form=FORM)
    assert "nowhere.invalid cannot be reached: its name cannot be resolved" in caught.value.message
    assert caught.value.exit_code == 5
    assert "if only a proxy leads out of it, set HTTPS_PROXY" in caught.value.hint
    traced.clear()
    # A port where nobody listens, and nobody else will while the test runs; it is tried once more.
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError, match=r"connection refused\. Nothing was sent") as caught:
            ask(f"http://127.0.0.1:{holder.getsockname()[1]}", form=FORM)
    assert "procore-login demo serve" in caught.value.hint
    assert len(traced.messages) == 2


LATE, BROKEN, ODD = "no complete answer within 0.3 s", "the answer broke off", "the answer is not HTTP"
HEAD = b"HTTP/1.1 200 OK\r\n"
LOST = {
    "hangs": (servers.hanging, LATE),
    "resets": (servers.resetting, "the connection was reset"),
    "closes": (servers.closing_after(b""), "it closed the connection without an answer"),
    "drips its body": (servers.dripping(HEAD + b"Content-Length: 1000000\r\n\r\n"), LATE),
    "drips its head": (servers.dripping(HEAD + b"X-"), LATE),
    "drips chunks": (servers.dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFF\r\n"), LATE),
    "breaks off": (servers.closing_after(HEAD + b"Content-Length: 100\r\n\r\nhalf"), BROKEN),
    "speaks no HTTP": (servers.closing_after(b"220 mail.example.com ESMTP\r\n"), ODD),
    "sends endless heads": (servers.closing_after(HEAD + b"X: y\r\n" * 500), ODD),
    "sends broken gzip": (
        servers.closing_after(servers.http("200 OK", b"not gzip", "Content-Encoding: gzip")),
        "the answer cannot be decompressed",
    ),
}


@pytest.mark.parametrize(("behave", "reason"), LOST.values(), ids=LOST)
def test_a_form_whose_answer_is_lost_is_never_sent_again(serve, ask, behave, reason):
    server = serve(behave)
    started = time.monotonic()
    with pytest.raises(AnswerLostError) as caught:
        ask(server.url, form=FORM, read_timeout_s=0.3)
    assert time.monotonic() - started < 20
    assert caught.value.message == f"no usable answer from {server.host}: {reason}."
    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in shown
    assert "requests.exceptions" not in shown
    assert len(server.requests) == server.connections == 1


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
INTERIM = {
    "103": HINTS,
    "of every kind": b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS + b"HTTP/1.1 102 Processing\r\n\r\n",
    "unknown": b"HTTP/1.1 199 Odd\r\nContent-Length: 7\r\n\r\n",
}


@pytest.mark.parametrize("interim", INTERIM.values(), ids=INTERIM)
def test_what_comes_before_the_final_answer_is_skipped(serve, ask, new_transport, environment_at, interim):
    server = serve(servers.answering(interim + OK))
    transport = new_transport()
    for form in (FORM, FORM, None, None):
        answer = ask(server.url, form=form, transport=transport)
        assert (answer.status, answer.body, "link" in answer.headers) == (200, b'{"ok": true}', False)
    stream = new_transport().open(Call("GET", server.url), environment=environment_at(server.url), bearer="t")
    assert (stream.status, b"".join(stream.chunks())) == (200, b'{"ok": true}')
    assert "link" not in stream.headers
    assert len(server.requests) == 5
    switching = serve(servers.answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"))
    assert ask(switching.url).status == 101


@pytest.mark.parametrize("interim", [HINTS, b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_interim_answers_without_end_are_no_answer(serve, ask, new_transport, environment_at, interim):
    def flooding(server, connection):
        servers.read_request(server, connection)
        while not server.stopping.is_set():
            connection.sendall(interim * 100)

    server = serve(flooding)
    with pytest.raises(AnswerLostError, match="the answer is not HTTP"):
        ask(server.url, form=FORM)
    assert len(server.requests) == 1
    with pytest.raises(AnswerLostError, match="the answer is not HTTP"):
        new_transport().open(Call("DELETE", server.url), environment=environment_at(server.url), bearer="t")


def test_a_get_whose_connection_breaks_is_sent_once_more_and_then_given_up(serve, ask):
    server = serve(servers.closing_after(b"", OK))
    assert ask(server.url).status == 200
    assert len(server.requests) == 2
    broken = serve(servers.resetting)
    with pytest.raises(AnswerLostError):
        ask(broken.url)
    assert len(broken.requests) == 2


@pytest.mark.parametrize(
    ("behave", "forms", "connections"),
    [
        pytest.param(servers.answering(OK), (FORM, None, None), 1, id="shared with the form before"),
        pytest.param(servers.answering(OK), (None, FORM), 2, id="a form's own"),
        pytest.param(servers.closing_after(OK), (None, None, None), 3, id="closed meanwhile"),
    ],
)
def test_a_get_may_go_over_a_kept_connection_and_a_form_never(
    serve, ask, new_transport, behave, forms, connections
):
    server, transport = serve(behave), new_transport()
    assert {ask(server.url, form=form, transport=transport).status for form in forms} == {200}
    assert (len(server.requests), server.connections) == (len(forms), connections)


def test_cookies_are_not_kept(serve, ask, new_transport):
    server = serve(servers.answering(servers.http("200 OK", b"", "Set-Cookie: session=1; Path=/")))
    transport = new_transport()
    for _ in range(2):
        ask(server.url, transport=transport)
    assert b"session" not in b"".join(server.requests)


def test_threads_that_share_a_transport_keep_their_fates_apart(serve, ask, new_transport):
    slow, server = serve(servers.hanging), serve(servers.answering(OK))
    transport = new_transport(read_timeout_s=0.3)
    with ThreadPoolExecutor(2) as pool:
        lost = pool.submit(ask, slow.url, form=FORM, transport=transport)
        found = pool.submit(lambda: [ask(server.url, transport=transport).status for _ in range(20)])
        assert found.result() == [200] * 20
        with pytest.raises(AnswerLostError):
            lost.result()
    assert ask(server.url, form=FORM, transport=transport).status == 200


def test_a_deadline_that_passes_as_the_connection_closes_does_no_harm(monkeypatch):
    failures: list[object] = []
    monkeypatch.setattr("threading.excepthook", failures.append)
    progress = Progress(0)
    one, other = socket.socketpair()
    one.close()
    other.close()
    progress.sending(one)
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
    progress.end()
    assert progress.late
    assert failures == []
