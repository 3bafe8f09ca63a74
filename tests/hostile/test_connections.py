"""What arrives that is odd, no request, or too often: the sign-in waits on, and the person gets through."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.callback.listener_stand import read_reply
from tests.hostile.waiting import read_what_comes
from tests.provider import Answer, Request

pytestmark = pytest.mark.crowd


@pytest.mark.parametrize(("error", "expected"), [("access_denied", 4), ("%5Bred%5D%3Cb%3Ebad%3C/b%3E", 5)])
def test_an_error_of_ours_ends_the_sign_in_and_its_markup_is_only_shown(waiting, error, expected):
    said = f"error={error}&error_description=%5Bred%5D%3Cb%3Ebad%3C/b%3E%1B%5B31m%E2%80%AE"
    page = waiting.ask(f"/callback?{said}&state={waiting.state}")
    code, out, err = waiting.end()
    assert (page.status, code, out) == (200, expected, "")
    # A Deny is no accident: the page has no more to say of it.
    shown = "[red]&lt;b&gt;bad&lt;/b&gt;\\u001b[31m\\u202e" if expected == 5 else "You chose Deny"
    assert shown in page.text
    assert "<b>" not in page.text
    assert any("[red]<b>bad</b>\\x1b[31m\\u202e" in line for line in err), err
    assert waiting.provider.count("/oauth/token") == 0


def test_two_hundred_slow_senders_do_not_keep_the_person_out(sign_in):
    with ExitStack() as slow:
        for _ in range(200):
            slow.enter_context(sign_in.connect()).sendall(b"GET /callback HTTP/1.1\r\nX-Slow: ")
        sign_in.let_the_person_sign_in()


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
