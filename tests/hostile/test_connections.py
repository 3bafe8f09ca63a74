"""What arrives that is no request, or too often: the sign-in waits on, and the person gets through."""

from __future__ import annotations

import random
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.callback.listener_stand import Reply, read_reply
from tests.hostile.waiting import SignIn, read_what_comes
from tests.provider import Answer, Request

pytestmark = pytest.mark.crowd


def test_random_bytes_are_survived(sign_in):
    dice = random.Random(4567)
    pieces = [dice.randbytes(dice.randrange(1, 3000)) for _ in range(150)]
    assert sign_in.statuses(pieces) <= {0, 400, 405, 414, 431}


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
    requests = [
        sign_in.head(f"GET /callback?code=evil&state={number:032x} HTTP/1.1") for number in range(1000)
    ]
    with ThreadPoolExecutor(4) as many:
        statuses = list(many.map(sign_in.status_of, requests))
    assert statuses == [400] * 1000


def test_a_callback_sent_twice_gets_one_outcome_from_one_exchange(waiting):
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
    home = look_at_home(waiting, reply)
    code, _, err = waiting.end()

    assert [each.status for each in (reply, again, late, home)] == [303, 303, 303, 200]
    assert again.headers == late.headers == reply.headers
    assert (code, len(err)) == (0, 1), err
    assert waiting.provider.count("/oauth/token") == 1


def test_other_services_cookies_of_our_name_neither_open_home_nor_close_it(waiting):
    foreign = "procore_login_session=somebody-elses; procore_login_session=; procore_login_session"
    before = waiting.ask("/home", f"Cookie: {foreign}")
    reply = waiting.ask(waiting.callback())
    without = [
        waiting.ask("/home", *headers) for headers in ([], [f"Cookie: {foreign}"], ["Cookie: \xe9=\xff"])
    ]
    home = look_at_home(waiting, reply, foreign)
    code, _, err = waiting.end()
    assert [each.status for each in (before, *without, home)] == [403, 403, 403, 403, 200]
    assert not [each for each in (before, *without) if "joecontractor" in each.text]
    assert "joecontractor@procore.com" in home.text
    assert (code, len(err)) == (0, 1), err


def look_at_home(waiting: SignIn, reply: Reply, foreign: str = "theme=dark") -> Reply:
    own = reply.headers["set-cookie"].partition(";")[0]
    return waiting.ask("/home", f"Cookie: {foreign}; {own}", f"Cookie: {foreign}")
