"""What a web page, a scanner or a mischief-maker may ask while a sign-in waits: refused, and it waits on."""

import pytest

from tests.callback.odd_requests import KIB, STRAY_ERRORS, odd_requests
from tests.hostile.waiting import STRAY_ERROR

pytestmark = pytest.mark.crowd


def test_odd_requests_of_every_kind_reach_nothing(sign_in):
    wrong = [
        (raw[:100], status)
        for raw, status in odd_requests(sign_in.port, sign_in.state)
        if sign_in.status_of(raw) != status
    ]
    assert wrong == []


def test_errors_that_are_not_ours_are_told_once_whatever_they_say(sign_in):
    sign_in.told.append(STRAY_ERROR)
    replies = [sign_in.ask(f"/callback?{query.replace('@', sign_in.state)}") for query in STRAY_ERRORS]
    assert {reply.status for reply in replies} == {400}
    assert not [reply for reply in replies if "evil" in reply.text]


@pytest.mark.parametrize(("error", "expected"), [("access_denied", 4), ("%5Bred%5D%3Cb%3Ebad%3C/b%3E", 5)])
def test_an_error_of_ours_ends_the_sign_in_and_its_markup_is_only_shown(waiting, error, expected):
    said = f"error={error}&error_description=%5Bred%5D%3Cb%3Ebad%3C/b%3E%1B%5B31m%E2%80%AE"
    page = waiting.ask(f"/callback?{said}&state={waiting.state}")
    code, out, err = waiting.end()
    assert (page.status, code, out) == (200, expected, "")
    assert "[red]&lt;b&gt;bad&lt;/b&gt;\\u001b[31m\\u202e" in page.text
    assert any("[red]<b>bad</b>\\x1b[31m\\u202e" in line for line in err), err
    assert waiting.provider.count("/oauth/token") == 0


def test_head_uses_nothing_up_and_a_valid_60_kib_cookie_passes(sign_in):
    seen = sign_in.send(sign_in.head(f"HEAD /callback?code=evil&state={sign_in.state} HTTP/1.1"))
    assert seen.startswith(b"HTTP/1.1 200 ")
    assert seen.endswith(b"\r\n\r\n")
    assert sign_in.ask("/", f"Cookie: {'x' * 60 * KIB}").status == 200
