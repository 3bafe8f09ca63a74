"""Standard streams: bytes passed on as they come, closed streams, and a reader that has gone."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.api_machine import Caller, assert_ended
from tests.api.api_server import ApiServer, Reply
from tests.cli import command


def start(call: Caller, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    streams = {"stdout": subprocess.PIPE, **streams}
    return subprocess.Popen(
        [*command(), "api", *arguments], env=call.machine.environ(), stderr=subprocess.PIPE, **streams
    )


def endless(api: ApiServer) -> Callable[[Any], Reply]:
    def play(seen: Any) -> Reply:
        page = int(seen.target.partition("=")[2] or 1)
        return Reply(200, b"[%d]\n" % page * 1000, {"Link": f"<x?page={page + 1}>; rel=next"})

    return play


def test_a_reader_that_goes_ends_the_run_quietly_and_stops_the_requests(call, api):
    api.play = endless(api)
    with start(call, "x", "--paginate") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == b"[1]\n"
        running.stdout.close()
        err = running.stderr.read()
    asked = len(api.requests)
    assert running.returncode == 0, err
    assert err.count(b"\n") == 2, err
    assert b"Error" not in err
    assert len(api.requests) == asked < 1000


@pytest.mark.parametrize(("status", "form", "code"), [(200, ("--jsonl",), 0), (500, (), 5)])
def test_a_reader_that_has_enough_is_no_failure_and_an_error_is_told_all_the_same(
    call, api, status, form, code
):
    api.always(["x" * 100] * 10_000, status)
    with start(call, "x", *form) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        err = running.stderr.read()
    assert running.returncode == code
    assert (b"Error: production: Procore answered 500" in err) is (code == 5)
    assert b"Traceback" not in err


def test_a_line_is_there_before_the_answer_is_whole(call, api):
    first_read = threading.Event()

    def play(seen: Any) -> Reply:
        if "=" in seen.target:
            assert first_read.wait(20)
            return Reply(200, b"[2]")
        return Reply(200, b"[1]", {"Link": "<x?page=2>; rel=next"})

    api.play = play
    running = start(call, "x", "--paginate", "--jsonl")
    assert running.stdout is not None
    first = running.stdout.readline()
    first_read.set()
    rest, _ = running.communicate()

    assert (first, rest, running.returncode) == (b"1\n", b"2\n", 0)


def test_a_body_from_a_pipe_is_streamed(call, api):
    api.always(b"ok")
    running = start(call, "x", "--input", "-", stdin=subprocess.PIPE)
    out, _ = running.communicate(b"b" * 3_000_000)
    assert (out, running.returncode) == (b"ok", 0)
    assert api.last.body == b"b" * 3_000_000


@pytest.mark.parametrize(
    ("closed", "code", "said"),
    [("<&-", 2, b"Standard input cannot be read: it is closed."), (">&-", 6, b"Standard output is closed.")],
)
def test_a_stream_that_is_needed_and_closed_is_said_and_nothing_is_sent(call, api, closed, code, said):
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command(), "api", "x", "--input", "-"],
        env=call.machine.environ(),
        capture_output=True,
        input=b"body",
        check=False,
    )
    assert ended.returncode == code
    assert said in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert api.requests == []


def test_a_field_that_is_read_and_a_head_that_is_shown_need_their_streams(call, api):
    no_input = call("x", "-F", "a=@-", closed="stdin")
    no_output = call("x", "--include", "--output", "/dev/null", closed="stdout")
    assert_ended(no_input, 2)
    assert "Standard input cannot be read: it is closed." in no_input.err
    assert_ended(no_output, 6)
    assert "Standard output is closed." in no_output.err
    assert api.requests == []


def test_a_body_from_a_file_needs_no_standard_input(call, api, tmp_path):
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "name").write_text("Joe")
    api.always("[]")
    called = call("x", "--input", str(tmp_path / "b.json"), "-F", f"a=@{tmp_path}/name", closed="stdin")
    assert_ended(called)
    assert called.out == b"[]"
    assert (api.last.body, api.last.target) == (b"{}", "/rest/v1.0/x?a=Joe")


def test_nobody_is_asked_for_a_company_without_standard_input(call, api):
    api.always({"errors": "App is not connected to this company"}, 403)
    api.plays["/rest/v1.0/companies"] = lambda _: Reply(200, [{"id": 7, "name": "Joe"}])
    called = call("projects", closed="stdin", terminal="out err")
    assert_ended(called, 5)
    assert "  7  Joe" in called.err


def test_a_file_and_silence_need_no_standard_output(call, api, tmp_path):
    api.always("[]")
    assert_ended(call("x", "--output", str(tmp_path / "f"), closed="stdout"))
    assert_ended(call("x", "--silent", closed="stdout"))
    assert (tmp_path / "f").read_bytes() == b"[]"


def test_an_error_is_told_where_its_body_cannot_be(call, api, tmp_path):
    api.always({"errors": "odd"}, 422)
    called = call("x", "--output", str(tmp_path / "f"), closed="stdout")
    assert_ended(called, 5)
    assert "422 (odd)" in called.err
    assert "standard output" not in called.err
