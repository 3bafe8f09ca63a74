"""What was called is kept, and no secret with it."""

from __future__ import annotations

from urllib.parse import quote

PROJECTS = "/rest/v1.0/projects"
SECRET = "aB3_-" * 9


def test_what_was_called_can_be_looked_at_and_emptied(program, client):
    program.get(f"{PROJECTS}/7/a%20b.pdf?filters[vendor_id]=1&filters%5Bid%5D=2&view&page=&page=2")
    client.post("/oauth/token", code="secret-code")
    seen = client.control("GET", "calls").json()

    projects, token = seen["calls"]
    assert projects == {
        "method": "GET",
        "path": f"{PROJECTS}/7/a%20b.pdf",
        "query": ["filters[vendor_id]", "filters[id]", "view", "page"],
        "status": 404,
        "company": 22222,
        "bearer": True,
    }
    assert (token["status"], token["company"], token["bearer"], seen["total"]) == (400, None, False, 2)
    assert client.control("DELETE", "calls").status == 204
    assert client.control("GET", "calls").json() == {"total": 0, "calls": []}


def test_a_secret_in_the_wrong_place_is_not_noted(server, speak):
    for target in (
        f"/oauth/authorize?code={SECRET}&access_token={SECRET}",
        f"/rest/v1.0/me?{SECRET}",
        f"/rest/v1.0/me?code=&{SECRET}=",
        "/rest/v1.0/me?code%3Dshort-secret",
        f"/rest/v1.0/me?a=1;code={SECRET}",
        "/oauth/authorize%3Fcode=short-secret",
        "/oauth/authorize;code=short-secret",
        "/oauth/authorize#code=short-secret",
        "/oauth/authorize&code=short-secret",
        f"/oauth/authorize/{SECRET}",
        f"/oauth/authorize/{quote(SECRET.encode().hex())}",
        "/oauth/authorize/" + "".join(f"%{ord(letter):02x}" for letter in SECRET),
        "http://me:short-secret@host/rest/v1.0/me",
        f"/{'x/' * 990}{SECRET}",
    ):
        for method in ("GET", "POST"):
            speak(
                f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n"
                f"Procore-Company-Id: {SECRET}\r\nCookie: {SECRET}\r\n"
                f"Content-Length: 45\r\n\r\n{SECRET}".encode()
            )
        seen = server.calls.list()
        server.calls.clear()

        assert [(call.method, call.company) for call in seen] == [("GET", None), ("POST", None)]
        for secret in (SECRET[:20], SECRET.encode().hex()[:20], "short-secret", "%61%42%33"):
            assert secret not in repr(seen)
