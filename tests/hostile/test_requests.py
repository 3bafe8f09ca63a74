"""What a web page, a scanner or a mischief-maker may ask while a sign-in waits: refused, and it waits on."""

from __future__ import annotations

import pytest

from tests.hostile.waiting import STRAY_ERROR, SignIn

pytestmark = pytest.mark.crowd

KIB = 1024
HUGE = "x" * 100 * KIB


def test_a_host_that_is_not_this_machines_own_name_reaches_nothing(sign_in: SignIn) -> None:
    own = f"localhost:{sign_in.port}"
    names = ["evil.example", "localhost.evil.example", "evil.localhost", "127.0.0.1.nip.io", "localhost."]
    addresses = [
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "2130706433",
        "127.1",
        "127.0.0.2",
    ]
    blocks = {
        "none": "",
        "empty": "Host:\r\n",
        "no port": "Host: localhost\r\n",
        "another port": "Host: localhost:1\r\n",
        "userinfo": f"Host: evil@{own}\r\n",
        "a list": f"Host: {own}, {own}\r\n",
        "twice the same": f"Host: {own}\r\nHost: {own}\r\n",
        "a foreign second": f"Host: {own}\r\nHost: evil.example\r\n",
        "a foreign first": f"host: evil.example\r\nHost: {own}\r\n",
        "forwarded": f"Host: evil.example\r\nX-Forwarded-Host: {own}\r\n",
        "a space before the colon": f"Host : {own}\r\n",
        "a look-alike letter": f"Host: loc\xe0lhost:{sign_in.port}\r\n",
        **{name: f"Host: {name}:{sign_in.port}\r\n" for name in (*names, *addresses)},
    }
    target = f"/callback?code=evil&state={sign_in.state}"

    refused = {
        name: sign_in.status_of(f"GET {target} HTTP/1.1\r\n{block}\r\n".encode("latin-1"))
        for name, block in blocks.items()
    }

    assert refused == dict.fromkeys(blocks, 400)


def test_a_state_or_a_code_that_is_not_right_is_refused(sign_in: SignIn) -> None:
    ours = sign_in.state
    queries = [
        "code=evil",
        f"state={ours}",
        "code=evil&state=wrong",
        "code=evil&state=",
        f"code=&state={ours}",
        f"code&state={ours}",
        f"code=evil&state={ours[:-1]}",
        f"code=evil&state={ours}x",
        f"code=evil&state={ours.swapcase()}",
        f"code=evil&state=%20{ours}",
        f"code=evil&state={ours}%00",
        f"code=evil&state=%EF%BB%BF{ours}",
        f"code=evil&state={ours}&state={ours}",
        f"code=evil&state={ours}&state=wrong",
        f"code=evil&state=wrong&state={ours}",
        f"code=evil&code=evil&state={ours}",
        f"code=evil&code=&state={ours}",
        f"code=evil&State={ours}",
        f"code=evil;state={ours}",
        f"code=evil&amp;state={ours}",
        f"code=evil%26state={ours}",
        f"code=evil&state[]={ours}",
        "code=evil&state=%C3%A9%F0%9F%92%A9%FF",
        "code=evil&state=%D9%A0%D9%A1",
        f"code=evil&{'a&' * 10_000}state=wrong",
        f"code=evil&state={'x' * 60 * KIB}",
    ]

    assert {query: sign_in.ask(f"/callback?{query}").status for query in queries} == dict.fromkeys(
        queries, 400
    )


def test_a_raw_non_ascii_state_or_code_is_refused(sign_in: SignIn) -> None:
    targets = [
        f"/callback?code=c\xf6de&state={sign_in.state}",
        "/callback?code=evil&state=\xe9",
        "/callback?\xff",
    ]

    assert {sign_in.ask(target).status for target in targets} == {400}


def test_a_state_or_a_code_of_100_kb_is_too_long(sign_in: SignIn) -> None:
    targets = [
        f"/callback?code={HUGE}&state={sign_in.state}",
        f"/callback?code=evil&state={HUGE}",
        f"/callback?code=evil&state={sign_in.state}{HUGE}",
        f"/{HUGE}?code=evil&state={sign_in.state}",
    ]

    assert [sign_in.ask(target).status for target in targets] == [414] * 4


def test_errors_that_are_not_ours_are_told_once_whatever_they_say(sign_in: SignIn) -> None:
    sign_in.told.append(STRAY_ERROR)
    ours = sign_in.state
    queries = [
        "error=access_denied",
        "error=access_denied&state=wrong",
        "error=%1B%5B31m%5Bred%5D%3Cscript%3Ealert(1)%3C/script%3E&state=wrong",
        "error=",
        f"error=&state={ours}",
        f"error=a&error=b&state={ours}",
        f"error=access_denied&code=evil&state={ours}",
        f"error=access_denied&state={ours}&state={ours}",
        "error=%F0%9F%92%A9%E2%80%AE&error_description=%0D%0Aevil",
    ]

    replies = [sign_in.ask(f"/callback?{query}") for query in queries]

    assert {reply.status for reply in replies} == {400}
    assert not [reply for reply in replies if "evil" in reply.text or "alert" in reply.text]


@pytest.mark.parametrize(("error", "expected"), [("access_denied", 4), ("%5Bred%5D%3Cb%3Ebad%3C/b%3E", 5)])
def test_an_error_of_ours_ends_the_sign_in_and_its_markup_is_only_shown(
    waiting: SignIn, error: str, expected: int
) -> None:
    said = f"error={error}&error_description=%5Bred%5D%3Cb%3Ebad%3C/b%3E%1B%5B31m%E2%80%AE"

    page = waiting.ask(f"/callback?{said}&state={waiting.state}")
    code, out, err = waiting.end()

    assert (page.status, code, out) == (200, expected, "")
    assert "[red]&lt;b&gt;bad&lt;/b&gt;\\u001b[31m\\u202e" in page.text
    assert any("[red]<b>bad</b>\\x1b[31m\\u202e" in line for line in err), err
    assert waiting.provider.count("/oauth/token") == 0


def test_only_get_can_bring_a_callback_and_head_uses_nothing_up(sign_in: SignIn) -> None:
    target = f"/callback?code=evil&state={sign_in.state}"
    methods = ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "Get", "GETS", "PRI"]

    refused = {method: sign_in.status_of(sign_in.head(f"{method} {target} HTTP/1.1")) for method in methods}
    seen = sign_in.send(sign_in.head(f"HEAD {target} HTTP/1.1"))

    assert refused == dict.fromkeys(methods, 405)
    assert seen.startswith(b"HTTP/1.1 200 ")
    assert seen.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("body", ["chunked", "form", "huge", "missing"])
def test_a_body_is_not_read_for_a_callback(sign_in: SignIn, body: str) -> None:
    form = f"code=evil&state={sign_in.state}".encode()
    headers, sent = {
        "chunked": ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(form), form)),
        "form": (f"Content-Length: {len(form)}", form),
        "huge": (f"Content-Length: {2 * KIB * KIB}", b"x" * 2 * KIB * KIB),
        "missing": ("Content-Length: 99999999999999999999", b""),
    }[body]

    statuses = [
        sign_in.status_of(sign_in.head(f"{line} HTTP/1.1", headers) + sent)
        for line in ("POST /callback", "GET /callback?state=wrong")
    ]

    assert statuses == [405, 400]


def test_a_target_that_is_not_the_callbacks_own_path_is_not_it(sign_in: SignIn) -> None:
    query = f"?code=evil&state={sign_in.state}"
    paths = [
        "//callback", "/./callback", "/callback/", "/callback/.", "/../callback", "/x/../callback",
        "/%63allback", "/%2563allback", "/callback;x", "/callback%00", "/callback%20", "/callback%3F",
        "/\\callback", "\\callback", "/callback\\", "/..\\callback", "/CALLBACK", "/callback.json",
        "//evil.example/callback", "/etc/passwd", "/../../../../etc/passwd", "/home/callback",
    ]  # fmt: skip
    forms = [
        "http://localhost:{port}/callback", "http://evil.example/callback", "https://localhost/callback",
        "//localhost:{port}/callback", "evil.example:443", "localhost:{port}", "*", "callback", "?", "file:///callback",
    ]  # fmt: skip
    targets = [*paths, *(form.format(port=sign_in.port) for form in forms)]

    statuses = {target: sign_in.ask(target + query).status for target in targets}
    connects = [sign_in.status_of(sign_in.head(f"CONNECT {target} HTTP/1.1")) for target in targets]

    assert set(statuses.values()) <= {400, 404}, statuses
    assert set(connects) == {405}


def test_header_floods_are_refused_and_a_valid_60_kib_cookie_passes(sign_in: SignIn) -> None:
    floods = [["A: b"] * 20_000, [f"Cookie: {'x' * 20 * KIB}"] * 4, [f"Cookie: {HUGE}"], [f"{HUGE}: y"]]

    assert [sign_in.ask("/", *flood).status for flood in floods] == [431] * 4
    assert sign_in.ask("/", f"Cookie: {'x' * 60 * KIB}").status == 200
