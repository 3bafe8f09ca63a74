"""`procore-login api`: what is sent for what was typed, and what comes out."""

from __future__ import annotations

import json

from tests.api.api_machine import assert_ended
from tests.api.api_server import Reply

BODY = b'{"id": 1,  "odd": 1.10}'


def test_a_path_becomes_a_get_with_the_bearer(call, api):
    api.always(BODY)
    for typed, target in (
        ("/rest/v1.0/companies", "/rest/v1.0/companies"),
        ("projects?page=2", "/rest/v1.0/projects?page=2"),
        ("v1.1/projects?filters[name]=Joe C", "/rest/v1.1/projects?filters%5Bname%5D=Joe%20C"),
        ("files/a%2Fb", "/rest/v1.0/files/a%2Fb"),
    ):
        called = call(typed)
        assert_ended(called)
        assert (called.out, called.said) == (BODY, [])
        assert (api.last.method, api.last.target) in (("GET", target), ("GET", unquoted(target)))
        assert api.last.headers["authorization"].startswith("Bearer hush-access-")


def unquoted(target: str) -> str:
    return target.replace("%5B", "[").replace("%5D", "]")


def test_a_full_url_at_the_api_is_called_as_it_is(call, api):
    api.always(BODY)
    assert_ended(call(f"{api.url}/vapid/projects?a=b"))
    assert api.last.target == "/vapid/projects?a=b"


def test_fields_are_posted_as_a_json_object(call, api):
    api.always(BODY, 201)
    called = call("projects", "-f", "name=7", "-F", "count=7", "-F", "tags[]=a", "-f", "owner[id]=x")
    assert_ended(called)
    assert api.last.method == "POST"
    assert api.last.headers["content-type"] == "application/json"
    assert json.loads(api.last.body) == {"name": "7", "owner": {"id": "x"}, "count": 7, "tags": ["a"]}


def test_fields_of_an_explicit_get_are_its_query(call, api):
    api.always(BODY)
    assert_ended(call("projects?a=1", "-X", "get", "-f", "b=x&y", "-F", "c=true", "-F", "d=null"))
    assert (api.last.method, api.last.target) == ("GET", "/rest/v1.0/projects?a=1&b=x%26y&c=true&d=")
    assert api.last.body == b""


def test_fields_beside_an_input_are_the_query(call, api):
    api.always(BODY)
    assert_ended(call("projects", "--input", "-", "-f", "run=1", stdin=b"[1]"))
    assert (api.last.method, api.last.target, api.last.body) == ("POST", "/rest/v1.0/projects?run=1", b"[1]")


def test_fields_keep_the_order_in_which_they_were_typed(call, api):
    api.always(BODY)
    assert_ended(call("x", "-f", "a[][b]=x", "-F", "a[][n]=1", "--raw-field=a[][b]=y", "--field", "a[][n]=2"))
    assert json.loads(api.last.body) == {"a": [{"b": "x", "n": 1}, {"b": "y", "n": 2}]}
    assert_ended(call("x", "-F", "x[]=1", "-f", "x[]=2", "-X", "GET"))
    assert api.last.target.endswith("?x%5B%5D=1&x%5B%5D=2")


def test_a_field_may_come_from_a_file_or_standard_input(call, api, tmp_path):
    (tmp_path / "note").write_text("from a file\n")
    api.always(BODY)
    assert_ended(call("x", "-F", f"a=@{tmp_path}/note", "-F", "b=@-", stdin="überall".encode()))
    assert json.loads(api.last.body) == {"a": "from a file\n", "b": "überall"}


def test_an_input_file_is_the_body(call, api, tmp_path):
    (tmp_path / "body").write_bytes(b"\0\1" * 100_000)
    api.always(BODY)
    assert_ended(call("x", "-X", "PUT", "--input", str(tmp_path / "body"), "-H", "content-type: image/png"))
    assert (api.last.method, api.last.body) == ("PUT", b"\0\1" * 100_000)
    assert api.last.headers["content-type"] == "image/png"
    assert api.last.headers["content-length"] == "200000"


def test_an_endless_standard_input_is_sent_in_chunks(call, api):
    api.always(BODY)
    assert_ended(call("x", "--input", "-", stdin=b"x" * 3_000_000))
    assert api.last.body == b"x" * 3_000_000
    assert api.last.headers["transfer-encoding"] == "chunked"


def test_the_company_comes_from_the_option_then_from_what_is_set(call, api):
    api.always(BODY)
    other = {"PROCORE_COMPANY_ID": "8"}

    def named(*arguments: str, variables: dict[str, str] | None = None) -> str | None:
        assert_ended(call("x", *arguments, variables=variables))
        return api.last.headers.get("procore-company-id")

    assert named() is None
    assert named(variables=other) == "8"
    assert named("--company", "7", variables=other) == "7"
    assert named("--company", "7", "-H", "procore-company-id: 9") == "9"
    assert call.machine.run_here("configure", "--company", "55").code == 0
    assert named() == "55"


def test_include_prints_the_status_line_and_the_headers_first(call, api):
    api.always(BODY, X_Odd="yes")
    head, _, body = call("x", "--include").out.partition(b"\n\n")
    assert head.startswith(b"HTTP/1.1 200 OK\n")
    assert b"X-Odd: yes" in head
    assert body == BODY


def test_silent_prints_nothing(call, api):
    api.always(BODY)
    called = call("x", "--silent")
    assert_ended(called)
    assert called.out == b""


def test_head_prints_no_body_and_include_its_headers(call, api):
    api.always(BODY)
    called = call("x", "-X", "HEAD", "-i")
    assert_ended(called)
    assert b"Content-Length: 23" in called.out
    assert called.out.endswith(b"\n\n")


def test_bytes_are_untouched_in_a_pipe(call, api):
    for body in (b"", b"no line break", b"\xff\x00\x1b[31m", b'{"a":"\\u001b"}\n\n'):
        api.always(body)
        assert call("x").out == body


def test_an_error_prints_its_body_as_it_came_and_its_reason_apart(call, api):
    for status, body, reason in (
        (404, b'{"errors": "Not Found"}\n', "404 (Not Found)"),
        (500, b"<html>oops</html>", "500 (an HTML page)"),
        (304, b"", "304 (an empty body)"),
    ):
        api.always(body, status)
        called = call("x", "--company", "1")
        assert_ended(called, 5)
        assert called.out == body
        assert f"Error: production: Procore answered {reason}." in called.err
        assert "Hint: " in called.err


def test_a_hint_names_a_body_that_is_there_alone(call, api):
    for reply, arguments, hint in (
        (Reply(422, {"errors": "odd"}), (), "The body on standard output says"),
        (Reply(422), (), "--include shows the headers"),
        (Reply(422, {"errors": "odd"}), ("--silent",), "without --silent"),
        (Reply(422, {"errors": "odd"}), ("-X", "HEAD"), "--include shows the headers"),
        (Reply(304), ("-H", "If-None-Match: x"), "Nothing has changed"),
    ):
        api.in_turn(reply)
        called = call("x", *arguments)
        assert_ended(called, 5)
        assert hint in called.err
        assert ("body on standard output" in called.err) == (hint.startswith("The body"))


OWN_HEADERS = ("Host: x", "Content-Length: 1", "Authorization: Bearer x")
SENSELESS = [
    ("x", "--slurp"),
    ("x", "--paginate", "--slurp", "--jsonl"),
    ("x", "--paginate", "-X", "POST"),
    ("x", "--paginate", "-f", "a=b"),
    ("x", "--silent", "--output", "f"),
    ("x", "--input", "-", "-F", "a=@-"),
    ("x", "--input", "not-there"),
    ("x", "-F", "a=@not-there"),
    ("x", "-f", "novalue"),
    ("x", "-f", "a=1", "-f", "a[b]=2"),
    ("x", "-X", "CONNECT"),
    ("x", "-H", "Authorization: Bearer x"),
    ("x", "-H", "Host: x"),
    ("x", "-H", "Content-Length: 1"),
    ("x", "-H", "proxy-authorization: x"),
    ("x", "-H", "A: b\r\nAuthorization: c"),
    ("x", "-H", "A\n: b"),
    ("x", "-H", "no colon"),
    ("x", "-H", "A: \xfc"),
]


def test_what_makes_no_sense_is_a_usage_mistake_and_sends_nothing(stranger, api):
    for arguments in SENSELESS:
        called = stranger(*arguments)
        assert_ended(called, 2)
        assert called.out == b"", arguments
        if arguments[-1] in OWN_HEADERS:
            assert ("Leave it out", "token")["Authorization" in arguments[-1]] in called.err
            assert ("token", "Leave it out")["Authorization" in arguments[-1]] not in called.err
    assert api.requests == []


def test_netrc_is_never_used(call, api):
    (call.machine.home / ".netrc").write_text("machine 127.0.0.1 login joe password hush-netrc\n")
    api.always(BODY)
    assert_ended(call("x"))
    assert api.last.headers["authorization"].startswith("Bearer hush-access-")


def test_debug_shows_the_exchange_without_a_query(call, api):
    api.always(BODY)
    called = call("x?name=hush-query", "--debug")
    assert f"debug: GET {api.url}/rest/v1.0/x 200" in called.err
    assert "name=" not in called.err
    assert "hush" not in called.err


def test_a_compressed_answer_is_unpacked(call, api):
    import gzip

    api.play = lambda _: Reply(200, gzip.compress(BODY), {"Content-Encoding": "gzip"})
    assert call("x").out == BODY
