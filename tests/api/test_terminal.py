"""What a terminal shows of an answer: coloured, escaped, never as it came."""

import json
import re

from procore_cli.cli import api_output
from procore_cli.client import json_pages
from tests.api_server import Reply

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PRETTY = """\
{
  "id": 1.10,
  "name": "Joe [bold]Contractor[/]",
  "tags": [],
  "data": [
    true,
    {
      "a": null
    },
    {}
  ]
}
"""
COMPACT = '{"id":1.10,"name":"Joe [bold]Contractor[/]","tags":[],"data":[true,{"a":null},{}]}'
EVIL = "\x1b]0;owned\x07 \x9b31m \u202egnp.exe \r \u2066x"


def plain(out: bytes) -> str:
    return COLOUR.sub("", out.decode())


def test_json_is_indented_and_coloured_where_that_is_wanted_and_never_wrapped(call, api):
    api.always(COMPACT)
    out = call("x", terminal="out").out
    assert plain(out) == PRETTY
    assert b"\x1b[" in out
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert call("x", terminal="out", variables=variables).out.decode() == PRETTY

    api.always({"a": "x" * 500})
    assert plain(call("x", terminal="out").out).splitlines()[1] == f'  "a": "{"x" * 500}"'


def test_control_and_bidirectional_characters_are_escaped(call, api):
    for kind in ("application/json", "text/plain"):
        api.always(json.dumps([EVIL], ensure_ascii=False).encode(), Content_Type=kind)
        for arguments in ((), ("--jsonl",), ("--paginate", "--slurp")):
            shown = plain(call("x", *arguments, terminal="out").out)
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", shown)
            assert r"\u202egnp.exe" in shown


def test_text_is_escaped_too_and_ends_with_a_line_break(call, api):
    api.always(f"{EVIL}\t\xe9".encode() + b"\xff", Content_Type="text/html; charset=utf-8")
    out = call("x", terminal="out").out.decode()
    assert out == r"\x1b]0;owned\x07 \x9b31m \u202egnp.exe \x0d \u2066x" + "\t\xe9\\xff\n"


def test_headers_are_escaped(call, api):
    api.always("{}", X_Odd="\x1b[31mred")
    out = call("x", "--include", terminal="out", variables={"NO_COLOR": "1"}).out.decode()
    assert r"X-Odd: \x1b[31mred" in out
    assert out.endswith("\n\n{}\n")


def test_an_error_body_is_shown_like_any_other(call, api):
    api.always({"errors": "\x1b[31m"}, 422)
    called = call("x", terminal="out err", code=5)
    assert '"errors": "\\u001b[31m"' in plain(called.out)
    assert r"\x1b[31m" in called.err


def test_what_is_not_text_is_not_shown(call, api):
    for kind, body in (("application/pdf", b"%PDF"), ("text/plain", b"a\0b")):
        api.always(body, Content_Type=kind)
        called = call("x", terminal="out", code=2)
        assert called.out == b""
        assert "--output FILE" in called.err

    api.always(b"\0", 500, Content_Type="application/octet-stream")
    call("x", terminal="out", code=5)


def test_a_large_body_is_shown_as_it_comes(call, api, monkeypatch):
    monkeypatch.setattr(api_output, "LARGEST_DRAWN", 100)
    body = json.dumps(["\xe9" * 100_000, "\u202e"], ensure_ascii=False)
    api.always(body.encode())
    assert call("x", terminal="out").out.decode() == body.replace("\u202e", "\\u202e") + "\n"


def test_items_are_coloured_on_one_line(call, api):
    api.pages([{"a": 1}], [2])
    out = call("projects", "--paginate", "--jsonl", terminal="out").out
    assert plain(out) == '{"a":1}\n2\n'
    assert b"\x1b[" in out


def test_progress_is_drawn_on_a_terminal_alone(call, api):
    api.pages([1, 2], [3, 4])
    drawn, silent, shown = (
        call("projects", "--paginate", terminal=terminal) for terminal in ("err", "", "out err")
    )
    assert "page 2 of 2" in drawn.err
    assert drawn.err.endswith("\r")
    assert drawn.out == b"[1,2,3,4]"
    assert "page" not in silent.err
    assert "page" not in shown.err


def test_progress_of_a_download_counts_bytes_and_leaves_the_terminal_as_it_was(call, api):
    api.always(b"x" * 2_500_000, Content_Type="application/zip")
    err = call("x", terminal="err").err
    assert "/2.4 MiB" in err
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")
    assert err.endswith("\x1b[2K")


def test_a_small_download_and_one_beside_a_pipe_or_a_dumb_terminal_draw_nothing(call, api):
    for size, terminal, variables in (
        (900_000, "err", {}),
        (2_500_000, "", {}),
        (2_500_000, "err", {"TERM": "dumb"}),
    ):
        api.always(b"x" * size, Content_Type="application/zip")
        assert call("x", terminal=terminal, variables=variables).said == []


def test_an_indented_text_says_the_same():
    for text in ("[]", "{}", "[[]]", '"a:[b"', "-1.50e+9", '{"a\\"b":[1,[2,{"c":{}}],null]}', " [ 1 , 2 ] "):
        expected = json.dumps(json.loads(text), indent=2).replace("-1500000000.0", "-1.50e+9")
        assert json_pages.is_json(text)
        assert api_output.draw_json(text, indents=True, colours=False).rstrip("\n") == expected


def test_what_is_not_json_is_known_as_such():
    senseless = ["", "{", "[1,]", "nope", "NaN", "[" * 100_000]
    assert not [text for text in senseless if json_pages.is_json(text)]


def test_a_reply_without_a_type_is_text(call, api):
    api.play = lambda _: Reply(200, b"plain", {"Content-Type": ""})
    assert call("x", terminal="out").out == b"plain\n"
