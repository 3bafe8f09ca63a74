"""The bearer stays at the API origin: a second server never learns it, whatever names that server."""

from tests.api_server import BODY

OURS = ("authorization", "procore-company-id", "x-own")


def test_a_redirect_to_another_cloud_is_followed_without_anything_of_ours(call, api, elsewhere):
    own = ("--company", "7", "-H", "X-Own: 1", "-H", "Cookie: a=b")
    for status in (301, 302, 303, 307, 308):
        api.always(b"", status, Location=f"{elsewhere.url}/file?signature=a%2Fb#part")
        called = call("file", *own, "-X", "GET", "--input", "-", stdin=b"a body of ours")
        assert called.out == b"from elsewhere"
        assert elsewhere.last.target == "/file?signature=a%2Fb"
        assert not {*OURS, "cookie", "content-type"} & elsewhere.last.headers.keys()
        assert (api.last.body, elsewhere.last.body) == (b"a body of ours", b"")


def test_a_redirect_at_the_api_keeps_the_bearer(call, api):
    api.redirect("/rest/v1.0/old", "new?a=b")
    assert call("old", "--company", "7", "-H", "X-Own: 1").out == BODY
    assert api.last.target == "/rest/v1.0/new?a=b"
    assert all(name in api.last.headers for name in OURS)


def test_the_bearer_does_not_come_back_with_a_redirect_that_leads_home(call, api, elsewhere):
    api.accepts = lambda _: True
    api.redirect("/rest/v1.0/old", f"{elsewhere.url}/x")
    elsewhere.always(b"", 302, Location=f"{api.url}/rest/v1.0/new")
    api.redirect("/rest/v1.0/new", "newer")
    call("old", "--company", "7")
    assert api.last.path == "/rest/v1.0/newer"
    assert [bool(set(OURS) & seen.headers.keys()) for seen in api.requests] == [True, False, False]


def test_five_redirects_are_followed_and_no_more(call, api):
    api.always(b"", 302, Location="again")
    called = call("x", code=5)
    assert len(api.requests) == 6
    assert "more than 5" in called.err


def test_a_redirect_of_a_call_that_writes_is_not_followed(call, api, elsewhere):
    api.always(b"moved", 307, Location=f"{elsewhere.url}/x")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        called = call("x", "-X", method, code=5)
        assert called.out == b"moved"
        assert "redirect (307)" in called.err
    assert elsewhere.requests == []


def test_an_odd_redirect_is_refused(call, api, elsewhere):
    host = elsewhere.host
    for location in (
        *(f"http://joe:hush@{host}/x", f"\\\\{host}\\x", f"ftp://{host}/x", f"http://{host}:x/"),
        # urljoin resolves dots by itself: what is left of them is what was encoded.
        *("file:///etc/passwd", "http://[::1", "/rest/v1.0/%2e%2e/x", "../../../x"),
    ):
        api.always(b"", 302, Location=location)
        call("x", code=5)
    assert elsewhere.requests == []


def test_what_could_lead_elsewhere_is_refused_before_anything_is_sent(stranger, api, elsewhere):
    host, own = elsewhere.host, api.host
    for path in (f"http://{host}/x", f"//{host}/x", f"http://{own}@{host}/x", f"x\r\nHost: {host}"):
        assert stranger("--", path, code=2).out == b""
    assert (api.requests, elsewhere.requests) == ([], [])


def test_a_next_page_elsewhere_is_refused_after_what_came_before(call, api, elsewhere):
    host, own = elsewhere.host, api.host
    links = [
        *(
            f"<http://{host}/rest/v1.0/projects?page=2>",
            f"<//{host}/x>",
            f"</\\{host}/x>",
            f"<https://{own}/x>",
        ),
        *(f"<http://joe@{own}/x>", f"<http://{own}@{host}/x>", "<javascript:alert(1)>"),
    ]
    for link in links:
        api.always(b"[1]", Link=f'{link}; rel="next"')
        called = call("projects", "--paginate", code=5)
        assert called.out == b"[1]"
        assert "next page was not followed" in called.err
    assert (len(api.requests), elsewhere.requests) == (len(links), [])


def test_a_next_page_that_another_cloud_names_is_refused(call, api, elsewhere):
    api.pages([1], [2])
    api.redirect("/rest/v1.0/list", f"{elsewhere.url}/x")
    elsewhere.always(b"[1]", Link=f"<{api.url}/rest/v1.0/projects>; rel=next")
    call("list", "--paginate", code=5)
    assert len(api.requests) == 1


def test_another_clouds_401_costs_no_refresh(call, api, elsewhere):
    api.always(b"", 302, Location=f"{elsewhere.url}/x")
    elsewhere.always(b"no", 401)
    called = call("x", code=5)
    assert call.provider.count("/oauth/token") == 0
    assert elsewhere.url in called.err
