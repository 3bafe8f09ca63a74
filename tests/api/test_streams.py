"""Standard streams: bytes passed on as they come, closed streams, and a reader that has gone."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.api.api_machine import Caller
from tests.api_server import BODY, Reply
from tests.cli import command


def start(call: Caller, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    streams = {"stdout": subprocess.PIPE, **streams}
    return subprocess.Popen(
        [*command(), "api", *arguments], env=call.machine.environ(), stderr=subprocess.PIPE, **streams
    )


def test_a_reader_that_goes_ends_the_run_quietly_and_stops_the_requests(call, api):
    def play(seen: Any) -> Reply:
        page = int(seen.target.partition("=")[2] or 1)
        return Reply(200, b"[%d]\n" % page * 1000, {"Link": f"<x?page={page + 1}>; rel=next"})

    api.play = play
    with start(call, "x", "--paginate") as running:
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
    first = running.stdout.readline()
    first_read.set()
    rest, _ = running.communicate()

    assert (first, rest, running.returncode) == (b"1\n", b"2\n", 0)


def test_a_body_from_a_pipe_is_streamed(call, api):
    running = start(call, "x", "--input", "-", stdin=subprocess.PIPE)
    out, _ = running.communicate(b"b" * 3_000_000)
    assert (out, running.returncode) == (BODY, 0)
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
    no_input = call("x", "-F", "a=@-", closed="stdin", code=2)
    no_output = call("x", "--include", "--output", "/dev/null", closed="stdout", code=6)
    assert "Standard input cannot be read: it is closed." in no_input.err
    assert "Standard output is closed." in no_output.err
    assert api.requests == []


def test_a_body_from_a_file_needs_no_standard_input(call, api, tmp_path):
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "name").write_text("Joe")
    call("x", "--input", str(tmp_path / "b.json"), "-F", f"a=@{tmp_path}/name", closed="stdin")
    assert (api.last.body, api.last.target) == (b"{}", "/rest/v1.0/x?a=Joe")


def test_nobody_is_asked_for_a_company_without_standard_input(call, api):
    api.always({"errors": "App is not connected to this company"}, 403)
    api.plays["/rest/v1.0/companies"] = lambda _: Reply(200, [{"id": 7, "name": "Joe"}])
    called = call("projects", closed="stdin", terminal="out err", code=5)
    assert "  7  Joe" in called.err


def test_a_file_and_silence_need_no_standard_output_and_an_error_is_told_all_the_same(call, api, tmp_path):
    call("x", "--output", str(tmp_path / "f"), closed="stdout")
    call("x", "--silent", closed="stdout")
    assert (tmp_path / "f").read_bytes() == BODY
    api.always({"errors": "odd"}, 422)
    called = call("x", "--output", str(tmp_path / "f"), closed="stdout", code=5)
    assert "422 (odd)" in called.err
    assert "standard output" not in called.err


LARGEST_MIB = 80
# What the kernel counts for the parent would count here too, so the process asks about itself.
PROGRAM = """
import re, resource, sys
from procore_cli.cli import main as cli
code = cli.run(sys.argv[1:])
try:
    kib = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
except OSError:
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print("peak", kib // 1024, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(("form", "piece"), [(("--jsonl",), b"x"), (("--paginate", "--slurp"), rb"\n")])
def test_a_large_text_costs_little_more_memory_than_itself(call, api, form, piece):
    api.always(b'[{"a": "' + piece * (2_000_000 // len(piece)) + b'"}]')
    words = [sys.executable, "-c", PROGRAM, "api", "x", *form]
    ended = subprocess.run(words, env=call.machine.environ(), capture_output=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout) > 2_000_000
    assert int(ended.stderr.rpartition(b"peak ")[2]) < LARGEST_MIB
