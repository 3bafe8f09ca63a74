"""`procore-login api`: what is sent for what was typed, and what comes out."""

import gzip
import json

from tests.api_server import BODY, Reply

V1 = "/rest/v1.0"
# What is typed, with `a body` on standard input, and what is sent: method, target and body.
SENT = [
    ("/rest/v1.0/companies", "GET", f"{V1}/companies", ""),
    ("projects?page=2", "GET", f"{V1}/projects?page=2", ""),
    ("files/a%2Fb", "GET", f"{V1}/files/a%2Fb", ""),
    ("{url}/vapid/projects?a=b", "GET", "/vapid/projects?a=b", ""),
    ("x?a=1 -X get -f b=x&y -F c=true -F d=null", "GET", f"{V1}/x?a=1&b=x%26y&c=true&d=", ""),
    ("x -F x[]=1 -f x[]=2 -X GET", "GET", f"{V1}/x?x%5B%5D=1&x%5B%5D=2", ""),
    ("x --input - -f run=1", "POST", f"{V1}/x?run=1", "a body"),
    (
        "x -f name=7 -F n=7 -F a[]=b -f o[id]=x",
        "POST",
        f"{V1}/x",
        '{"name":"7","n":7,"a":["b"],"o":{"id":"x"}}',
    ),
    (
        "x -f a[][b]=x -F a[][n]=1 --raw-field=a[][b]=y",
        "POST",
        f"{V1}/x",
        '{"a":[{"b":"x","n":1},{"b":"y"}]}',
    ),
    ("x --field a[]=1 -f a[]=2", "POST", f"{V1}/x", '{"a":[1,"2"]}'),
    ("x -F a=@{home}/note -F b=@-", "POST", f"{V1}/x", '{"a":"from a file\\n","b":"a body"}'),
]


def test_what_is_typed_is_sent_with_the_bearer(call, api):
    (call.machine.home / "note").write_text("from a file\n")
    for typed, *expected in SENT:
        words = typed.format(url=api.url, home=call.machine.home).split()
        called = call(*words, stdin=b"a body")
        assert (called.out, called.said) == (BODY, [])
        assert [api.last.method, api.last.target, api.last.body.decode()] == expected
        assert (api.last.token or "").startswith("hush-access-")
        assert api.last.headers.get("content-type") == ("application/json" if expected[2] else None), typed


def test_what_has_no_place_in_a_url_is_quoted(call, api):
    call("v1.1/projects?filters[name]=Joe C")
    assert (
        api.last.target.replace("%5B", "[").replace("%5D", "]") == "/rest/v1.1/projects?filters[name]=Joe%20C"
    )


def test_a_field_is_utf_8(call, api):
    call("x", "-F", "b=@-", stdin="überall".encode())
    assert json.loads(api.last.body) == {"b": "überall"}


def test_an_input_file_is_the_body(call, api, tmp_path):
    (tmp_path / "body").write_bytes(b"\0\1" * 100_000)
    call("x", "-X", "PUT", "--input", str(tmp_path / "body"), "-H", "content-type: image/png")
    assert (api.last.method, api.last.body) == ("PUT", b"\0\1" * 100_000)
    assert api.last.headers["content-type"] == "image/png"
    assert api.last.headers["content-length"] == "200000"


def test_an_endless_standard_input_is_sent_in_chunks(call, api):
    call("x", "--input", "-", stdin=b"x" * 3_000_000)
    assert api.last.body == b"x" * 3_000_000
    assert api.last.headers["transfer-encoding"] == "chunked"


def test_the_company_comes_from_the_option_then_from_what_is_set(call, api):
    other = {"PROCORE_COMPANY_ID": "8"}
    own = ("-H", "procore-company-id: 9")
    for arguments, variables, sent in (
        ((), {}, None),
        ((), other, "8"),
        (("--company", "7"), other, "7"),
        (("--company", "7", *own), {}, "9"),
    ):
        call("x", *arguments, variables=variables)
        assert api.last.company == sent
    assert call.machine.run_here("configure", "--company", "55").code == 0
    call("x")
    assert api.last.company == "55"


def test_include_prints_the_status_line_and_the_headers_first(call, api):
    api.always(BODY, X_Odd="yes")
    head, _, body = call("x", "--include").out.partition(b"\n\n")
    assert head.startswith(b"HTTP/1.1 200 OK\n")
    assert b"X-Odd: yes" in head
    assert body == BODY


def test_silent_prints_nothing_and_head_no_body(call, api):
    assert call("x", "--silent").out == b""
    head = call("x", "-X", "HEAD", "-i").out
    assert b"Content-Length: 23" in head
    assert head.endswith(b"\n\n")


def test_bytes_are_untouched_in_a_pipe_and_unpacked(call, api):
    for body in (b"", b"no line break", b"\xff\x00\x1b[31m", b'{"a":"\\u001b"}\n\n'):
        api.always(body)
        assert call("x").out == body
    api.always(gzip.compress(BODY), Content_Encoding="gzip")
    assert call("x").out == BODY


def test_an_error_prints_its_body_as_it_came_and_its_reason_apart(call, api):
    for status, body, reason in (
        (404, b'{"errors": "Not Found"}\n', "404 (Not Found)"),
        (500, b"<html>oops</html>", "500 (an HTML page)"),
        (304, b"", "304 (an empty body)"),
    ):
        api.always(body, status)
        called = call("x", "--company", "1", code=5)
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
        (Reply(500), (), "Try again later"),
        (Reply(404), (), "Check the path and its ids: GET "),
    ):
        api.in_turn(reply)
        called = call("x", *arguments, code=5)
        assert hint in called.err
        assert ("body on standard output" in called.err) == (hint.startswith("The body"))


SENSELESS = [
    *("--slurp", "--paginate --slurp --jsonl", "--paginate -X POST", "--paginate -f a=b", "-X CONNECT"),
    *("--silent --output f", "--input - -F a=@-", "--input not-there", "-F a=@not-there", "-f novalue"),
    "-f a=1 -f a[b]=2",
]
# A header that is refused, and what is said of it.
HEADERS = {
    "Authorization: Bearer x": "token",
    "Host: x": "Leave it out",
    "Content-Length: 1": "Leave it out",
    "proxy-authorization: x": "",
    "A: b\r\nAuthorization: c": "",
    "A\n: b": "",
    "no colon": "",
    "A: \xfc": "",
}


def test_what_makes_no_sense_is_a_usage_mistake_and_sends_nothing(stranger, api):
    for arguments in SENSELESS:
        assert stranger("x", *arguments.split(), code=2).out == b"", arguments
    for header, said in HEADERS.items():
        called = stranger("x", "-H", header, code=2)
        assert called.out == b"", header
        if said:
            assert [words for words in ("token", "Leave it out") if words in called.err] == [said]
    assert api.requests == []


def test_netrc_is_never_used(call, api):
    (call.machine.home / ".netrc").write_text("machine 127.0.0.1 login joe password hush-netrc\n")
    call("x")
    assert (api.last.token or "").startswith("hush-access-")


def test_debug_shows_the_exchange_without_a_query(call, api):
    err = call("x?name=hush-query", "--debug").err
    assert f"debug: GET {api.url}/rest/v1.0/x 200" in err
    assert "name=" not in err
