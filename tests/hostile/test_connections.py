"""What arrives that is odd, no request, or too often: the sign-in waits on, and the person gets through."""

import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.callback.listener_stand import read_reply
from tests.callback.odd_requests import odd_requests
from tests.hostile.waiting import SignIn, read_what_comes
from tests.provider import Answer, Request

pytestmark = pytest.mark.crowd


def test_odd_requests_of_every_kind_reach_nothing(sign_in):
    requests = odd_requests(sign_in.port, sign_in.state)
    wrong = [(raw[:100], status) for raw, status in requests if sign_in.status_of(raw) != status]
    assert wrong == []


@pytest.mark.parametrize(("error", "expected"), [("access_denied", 4), ("%5Bred%5D%3Cb%3Ebad%3C/b%3E", 5)])
def test_an_error_of_ours_ends_the_sign_in_and_its_markup_is_only_shown(waiting, error, expected):
    said = f"error={error}&error_description=%5Bred%5D%3Cb%3Ebad%3C/b%3E%1B%5B31m%E2%80%AE"
    page = waiting.ask(f"/callback?{said}&state={waiting.state}")
    code, out, err = waiting.end()
    assert (page.status, code, out) == (200, expected, "")
    assert "[red]&lt;b&gt;bad&lt;/b&gt;\\u001b[31m\\u202e" in page.text
    assert any("[red]<b>bad</b>\\x1b[31m\\u202e" in line for line in err), err
    assert waiting.provider.count("/oauth/token") == 0


def test_half_open_and_reset_connections_are_survived(sign_in):
    whole = sign_in.head(f"GET /callback?code=evil&state={sign_in.state} HTTP/1.1")
    with ExitStack() as open_ones:
        for length in range(0, len(whole), 5):
            half_open = open_ones.enter_context(sign_in.connect())
            half_open.sendall(whole[:length])
            gone = sign_in.connect()
            gone.sendall(whole[:length])
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.close()
            assert sign_in.send(whole[:length]) == b""
        sign_in.let_the_person_sign_in()


def test_two_hundred_slow_senders_do_not_keep_the_person_out(sign_in):
    with ExitStack() as slow:
        for _ in range(200):
            slow.enter_context(sign_in.connect()).sendall(b"GET /callback HTTP/1.1\r\nX-Slow: ")
        sign_in.let_the_person_sign_in()


def test_a_thousand_callbacks_with_a_wrong_state_change_nothing(sign_in):
    heads = [sign_in.head(f"GET /callback?code=evil&state={number:032x} HTTP/1.1") for number in range(1000)]
    with ThreadPoolExecutor(4) as many:
        assert list(many.map(sign_in.status_of, heads)) == [400] * 1000


def test_a_callback_sent_twice_gets_one_outcome_from_one_exchange(waiting: SignIn):
    exchanging, both_sent = threading.Event(), threading.Event()

    def exchange_later(request: Request) -> Answer | None:
        exchanging.set()
        assert both_sent.wait(10)
        return None

    waiting.provider.script["/oauth/token"] = exchange_later
    target = waiting.callback()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(waiting.ask, target)
        assert exchanging.wait(10)
        with waiting.connect() as second:
            second.sendall(waiting.head(f"GET {target} HTTP/1.1"))
            both_sent.set()
            again = read_reply(read_what_comes(second))
        reply = first.result(10)
    late = waiting.ask(target)
    # Other services' cookies of our name neither open /home nor close it.
    foreign = "procore_login_session=somebody-elses; procore_login_session=; procore_login_session"
    own = reply.headers["set-cookie"].partition(";")[0]
    cookies = ("theme=dark", foreign, "\xe9=\xff", f"{foreign}; {own}")
    homes = [waiting.ask("/home", f"Cookie: {cookie}", f"Cookie: {foreign}") for cookie in cookies]
    code, _, err = waiting.end()

    assert [each.status for each in (reply, again, late, *homes)] == [303, 303, 303, 403, 403, 403, 200]
    assert ["joecontractor@procore.com" in home.text for home in homes] == [False, False, False, True]
    assert again.headers == late.headers == reply.headers
    assert (code, len(err)) == (0, 1), err
    assert waiting.provider.count("/oauth/token") == 1
