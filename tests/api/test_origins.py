"""The bearer stays at the API origin: a second server never learns it, whatever names that server."""

from tests.api.api_machine import assert_ended
from tests.api.api_server import Reply, pages

OURS = ("authorization", "procore-company-id", "x-own")


def test_a_redirect_to_another_cloud_is_followed_without_anything_of_ours(call, api, elsewhere):
    own = ("--company", "7", "-H", "X-Own: 1", "-H", "Cookie: a=b")
    for status in (301, 302, 303, 307, 308):
        api.always(b"", status, Location=f"{elsewhere.url}/file?signature=a%2Fb#part")
        called = call("file", *own, "-X", "GET", "--input", "-", stdin=b"a body of ours")
        assert_ended(called)
        assert called.out == b"from elsewhere"
        assert elsewhere.last.target == "/file?signature=a%2Fb"
        assert not {*OURS, "cookie", "content-type"} & elsewhere.last.headers.keys()
        assert (api.last.body, elsewhere.last.body) == (b"a body of ours", b"")


def test_a_redirect_at_the_api_keeps_the_bearer(call, api):
    api.plays["/rest/v1.0/old"] = lambda _: Reply(302, b"", {"Location": "new?a=b"})
    api.plays["/rest/v1.0/new"] = lambda _: Reply(200, b"new")
    called = call("old", "--company", "7", "-H", "X-Own: 1")
    assert called.out == b"new"
    assert all(name in api.last.headers for name in OURS)


def test_the_bearer_does_not_come_back_with_a_redirect_that_leads_home(call, api, elsewhere):
    api.accepts = lambda _: True
    api.plays["/rest/v1.0/old"] = lambda _: Reply(302, b"", {"Location": f"{elsewhere.url}/x"})
    api.plays["/rest/v1.0/new"] = lambda _: Reply(200, b"new")
    elsewhere.always(b"", 302, Location=f"{api.url}/rest/v1.0/new")
    assert_ended(call("old", "--company", "7"))
    assert not set(OURS) & api.last.headers.keys()


def test_five_redirects_are_followed_and_no_more(call, api):
    api.always(b"", 302, Location="again")
    called = call("x")
    assert_ended(called, 5)
    assert len(api.requests) == 6
    assert "more than 5" in called.err


def test_a_redirect_of_a_call_that_writes_is_not_followed(call, api, elsewhere):
    api.always(b"moved", 307, Location=f"{elsewhere.url}/x")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        called = call("x", "-X", method)
        assert_ended(called, 5)
        assert called.out == b"moved"
        assert "redirect (307)" in called.err
    assert elsewhere.requests == []


def test_an_odd_redirect_is_refused(call, api, elsewhere):
    host = elsewhere.url.removeprefix("http://")
    for location in (
        f"http://joe:hush@{host}/x",
        f"\\\\{host}\\x",
        f"ftp://{host}/x",
        "file:///etc/passwd",
        "http://[::1",
        f"http://{host}:x/",
        # urljoin resolves dots by itself: what is left of them is what was encoded.
        "/rest/v1.0/%2e%2e/x",
        "../../../x",
    ):
        api.always(b"", 302, Location=location)

        assert_ended(call("x"), 5)
    assert elsewhere.requests == []


def test_what_could_lead_elsewhere_is_refused_before_anything_is_sent(stranger, api, elsewhere):
    host, own = elsewhere.url.removeprefix("http://"), api.url.removeprefix("http://")
    for path in (f"http://{host}/x", f"//{host}/x", f"http://{own}@{host}/x", f"x\r\nHost: {host}"):
        called = stranger("--", path)
        assert_ended(called, 2)
        assert called.out == b""
    assert (api.requests, elsewhere.requests) == ([], [])


def test_a_next_page_elsewhere_is_refused_after_what_came_before(call, api, elsewhere):
    host, own = elsewhere.url.removeprefix("http://"), api.url.removeprefix("http://")
    links = [
        f"<http://{host}/rest/v1.0/projects?page=2>",
        f"<//{host}/x>",
        f"</\\{host}/x>",
        f"<http://joe@{own}/x>",
        f"<http://{own}@{host}/x>",
        f"<https://{own}/x>",
        "<javascript:alert(1)>",
    ]
    for link in links:
        api.always(b"[1]", Link=f'{link}; rel="next"')

        called = call("projects", "--paginate")

        assert_ended(called, 5)
        assert called.out == b"[1]"
        assert "next page was not followed" in called.err
    assert (len(api.requests), elsewhere.requests) == (len(links), [])


def test_a_next_page_that_another_cloud_names_is_refused(call, api, elsewhere):
    pages(api, [1], [2])
    api.plays["/rest/v1.0/list"] = lambda _: Reply(302, b"", {"Location": f"{elsewhere.url}/x"})
    elsewhere.always(b"[1]", Link=f"<{api.url}/rest/v1.0/projects>; rel=next")
    called = call("list", "--paginate")
    assert_ended(called, 5)
    assert len(api.requests) == 1


def test_another_clouds_401_costs_no_refresh(call, api, elsewhere):
    api.always(b"", 302, Location=f"{elsewhere.url}/x")
    elsewhere.always(b"no", 401)
    called = call("x")
    assert_ended(called, 5)
    assert call.provider.count("/oauth/token") == 0
    assert elsewhere.url in called.err
