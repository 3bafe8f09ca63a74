"""Bytes on their way: passed on as they come, given up when the reader has gone."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from tests.api.api_machine import Caller
from tests.api.api_server import ApiServer, Reply
from tests.cli import command


def start(call: Caller, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*command(), "api", *arguments], env=call.machine.environ(), stderr=subprocess.PIPE, **streams
    )


def endless(api: ApiServer) -> Callable[[Any], Reply]:
    def play(seen: Any) -> Reply:
        page = int(seen.target.partition("=")[2] or 1)
        return Reply(200, b"[%d]\n" % page * 1000, {"Link": f"<x?page={page + 1}>; rel=next"})

    return play


def test_a_reader_that_goes_ends_the_run_quietly_and_stops_the_requests(call: Caller, api: ApiServer) -> None:
    api.play = endless(api)
    running = start(call, "x", "--paginate", stdout=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stdout.readline() == b"[1]\n"
    running.stdout.close()
    err = running.stderr.read() if running.stderr else b""
    code = running.wait(20)
    asked = len(api.requests)
    if running.stderr:
        running.stderr.close()

    assert code == 0, err
    assert err.count(b"\n") == 2, err
    assert b"Error" not in err
    assert len(api.requests) == asked < 1000


def test_a_line_is_there_before_the_answer_is_whole(call: Caller, api: ApiServer) -> None:
    first_read = threading.Event()

    def play(seen: Any) -> Reply:
        if "=" in seen.target:
            assert first_read.wait(20)
            return Reply(200, b"[2]")
        return Reply(200, b"[1]", {"Link": "<x?page=2>; rel=next"})

    api.play = play
    running = start(call, "x", "--paginate", "--jsonl", stdout=subprocess.PIPE)
    assert running.stdout is not None
    first = running.stdout.readline()
    first_read.set()
    rest, _ = running.communicate(timeout=20)

    assert (first, rest, running.returncode) == (b"1\n", b"2\n", 0)


def test_a_closed_standard_output_is_an_error(call: Caller, api: ApiServer) -> None:
    api.always(b"x")
    running = start(call, "x", preexec_fn=lambda: os.close(1))
    _, err = running.communicate(timeout=20)

    assert running.returncode == 6
    assert b"Standard output" in err


def test_a_body_from_a_pipe_is_streamed(call: Caller, api: ApiServer) -> None:
    api.always(b"ok")
    running = start(call, "x", "--input", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = running.communicate(b"b" * 3_000_000, timeout=20)

    assert (out, running.returncode) == (b"ok", 0)
    assert api.last.body == b"b" * 3_000_000
