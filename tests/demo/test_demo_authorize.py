"""The pages in a browser, step by step: login, consent, and the way back."""

from __future__ import annotations

import html
from urllib.parse import quote, urlencode

from tests.callback.test_pages import find_run_together

OOB = "urn:ietf:wg:oauth:2.0:oob"


def test_whoever_is_not_logged_in_is_asked_who_it_is_and_then_for_consent(client):
    reply = client.get(client.authorize_target())
    login = client.get(reply.headers["Location"])
    consent = client.log_in(client.authorize_target())

    assert reply.status == 303
    assert reply.headers["Location"].startswith("/login?return_to=%2Foauth%2Fauthorize%3F")
    assert login.status == 200
    assert 'name="email" value="joecontractor@procore.com"' in login.text
    assert consent.status == 200
    for shown in ("Joe Contractor", "joecontractor@procore.com", "localhost:4567"):
        assert shown in consent.text


def test_allow_goes_back_with_a_code_and_the_state(client):
    reply = client.decide(client.log_in(client.authorize_target()), "allow")

    assert reply.status == 303
    assert reply.headers["Location"].startswith("http://localhost:4567/callback?code=")
    assert reply.returned() == {"code": reply.returned()["code"], "state": "abc123"}
    without = client.decide(client.get(client.authorize_target(state=None)), "allow")
    assert set(without.returned()) == {"code"}
    assert client.decide(client.get(client.authorize_target()), "perhaps").status == 400


def test_deny_goes_back_with_the_reason_and_the_state(client):
    # The browser knows who it is from here on.
    client.log_in(client.authorize_target(), " joecontractor@procore.com ")
    returned = client.decide(client.get(client.authorize_target()), "deny").returned()

    assert "denied" in returned.pop("error_description")
    assert returned == {"error": "access_denied", "state": "abc123"}


def test_a_browser_that_keeps_no_cookies_is_told_so_instead_of_asked_again_and_again(client):
    came = client.post("/login", email="x@example.com", return_to=client.authorize_target())
    kept = dict(client.cookies)
    client.cookies.clear()
    page = client.get(came.headers["Location"])
    assert (page.status, "this browser sent none" in page.text) == (400, True)
    # As in another browser to which the address was copied.
    again = client.get(html.unescape(page.text.split('href="')[-1].split('"')[0]))
    assert again.hidden("return_to").startswith(client.authorize_target())
    # Cookies that are not ours any more: the server has started again since.
    client.cookies = dict.fromkeys(kept, "forgotten")
    assert client.get(came.headers["Location"]).headers["Location"].startswith("/login?")
    client.cookies = kept
    assert client.get(came.headers["Location"]).status == 200


def test_another_account_can_be_used(client):
    assert "Use another account" in client.log_in(client.authorize_target()).text
    login = client.get("/login?" + urlencode({"return_to": client.authorize_target()}))
    client.post("/login", email="second@example.com", return_to=login.hidden("return_to"))
    consent = client.get(client.authorize_target())

    assert "second@example.com" in consent.text
    assert "Joe Contractor" not in consent.text


def test_logging_in_starts_a_session_of_its_own_out_of_reach_of_scripts_and_other_sites(client):
    sessions = []
    for _ in range(2):
        answer = client.post("/login", email="x@example.com", return_to=client.authorize_target())
        assert {"HttpOnly", "SameSite=Lax"} <= set(answer.headers["Set-Cookie"].split("; "))
        sessions.append(dict(client.cookies))

    assert sessions[0].keys() == sessions[1].keys()
    assert sessions[0] != sessions[1]


def test_a_wrong_client_or_redirect_uri_shows_a_page_and_never_redirects(client):
    for logged_in in (False, True):
        for changes in (
            {"client_id": "wrong"},
            {"client_id": None},
            {"redirect_uri": None},
            {"redirect_uri": "http://procore.example/callback"},
            {"redirect_uri": "javascript:alert(1)"},
            {"redirect_uri": "//localhost/callback"},
            {"redirect_uri": "http://localhost@procore.example/"},
            {"redirect_uri": "http://localhost/\r\nX-Bad: 1"},
            {"redirect_uri": "http://localhost.procore.example/"},
            {"state": "a&redirect_uri=https://procore.example/"},
        ):
            if logged_in:
                client.log_in(client.authorize_target())
            # The last one stands there twice.
            target = client.authorize_target(**changes).replace("a%26redirect_uri%3D", "a&redirect_uri=")
            replies = [client.get(target)] + [client.post(target, decision="allow")] * logged_in
            for reply in replies:
                assert (reply.status, reply.headers["Location"]) == (400, None)
                assert "This sign-in cannot go on" in reply.text


def test_any_loopback_and_any_https_address_will_do(client):
    addresses = (
        "http://localhost/",
        "http://127.0.0.1:8080/x",
        "http://[::1]:9/cb",
        "https://app.example/x/cb",
    )
    for uri in addresses:
        assert client.exchange(client.new_code(redirect_uri=uri), redirect_uri=uri).status == 200, uri


def test_other_mistakes_go_back_to_the_program(client):
    for changes, error in (
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "codes"}, "unauthorized_client"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "é" * 43}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
    ):
        reply = client.get(client.authorize_target(**changes))

        assert reply.status == 303
        assert reply.headers["Location"].startswith("http://localhost:4567/callback?")
        assert (reply.returned()["error"], reply.returned()["state"]) == (error, "abc123")


def test_with_the_pasting_urn_code_denial_and_mistake_are_pages(client):
    consent = client.log_in(client.authorize_target(redirect_uri=OOB))
    assert "code to paste" in consent.text
    page = client.decide(consent, "allow")
    code = page.text.partition('class="code">')[2].partition("<")[0]
    denied = client.decide(consent, "deny")
    mistaken = client.get(client.authorize_target(redirect_uri=OOB, response_type="codes"))

    assert (page.status, denied.status, mistaken.status) == (200, 400, 400)
    assert client.exchange(code, redirect_uri=OOB).status == 200
    assert "denied" in denied.text
    assert "unauthorized_client" in mistaken.text


def test_whoever_is_not_logged_in_grants_nothing(client):
    for cookie in ("", "other=1", "NAME=", "NAME=wrong"):
        consent = client.log_in(client.authorize_target())
        ((name, _),) = client.cookies.items()
        client.cookies.clear()
        headers = {"Cookie": cookie.replace("NAME", name)}
        reply = client.send("POST", consent.action(), "decision=allow", **headers)

        assert (reply.status, reply.headers["Location"]) == (403, None)


def test_the_login_page_leads_to_our_own_authorize_page_alone(client):
    for address in (
        "",
        "https://procore.example/oauth/authorize?a",
        "//procore.example/oauth/authorize?a",
        "/oauth/authorize",
        "/oauth/authorize/../../login?a",
        "/oauth/authorize?a\r\nX-Bad: 1",
        "/oauth/authorize?a b",
        "/oauth/token?a",
    ):
        assert client.get("/login?" + urlencode({"return_to": address})).status == 400
        reply = client.post("/login", email="x@example.com", return_to=address)

        assert (reply.status, reply.headers["Location"]) == (400, None)


def test_what_is_no_email_is_asked_again(client):
    odd = ("", "joe", "joe@", "@procore.com", "a@b@c", "a b@c", "a@b\nc", "a@\x1b[1mb", "a@" + "b" * 253)
    for email in odd:
        reply = client.post("/login", email=email, return_to=client.authorize_target())

        assert (reply.status, 'role="alert"' in reply.text) == (422, True), email


def test_what_comes_from_outside_is_escaped_in_every_page(client):
    nasty = "\"><script>alert('1')</script>@example.com"
    target = client.authorize_target(state='"><script>')
    consent = client.log_in(target, nasty)
    raw = client.get("/oauth/authorize?" + quote('client_id="><script>', safe='"<>='))
    login = client.get("/login?" + urlencode({"return_to": '/oauth/authorize?"><script>'}))

    for page in (consent, raw, login):
        assert "<script" not in page.text.lower()
    assert "&lt;script&gt;" in consent.text


def test_every_page_says_that_it_is_pretend(client):
    target = client.authorize_target(redirect_uri=OOB)
    login, consent = client.get(client.get(target).headers["Location"]), client.log_in(target)
    pages = [login, consent, client.decide(consent, "allow"), client.get("/oauth/authorize")]

    assert all('class="banner"><strong>pretend Procore</strong>' in page.text for page in pages)
    # Where a browser knows text alone its words do not run together.
    assert [find_run_together(page.text) for page in pages] == [[]] * len(pages)
