"""`--output FILE`: the file is there whole or not at all, and looks like any other file of the user's."""

import errno
import os
import signal
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from procore_cli.cli.api_output import FileOutput, saving
from procore_cli.errors import OutputError
from procore_cli.interruption import dying_cleanly
from tests.api_server import ApiServer, Reply
from tests.cli import command
from tests.procore import procore_servers as servers
from tests.terminal import Terminal

DATA = bytes(range(256)) * 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


@pytest.fixture
def api(api: ApiServer) -> ApiServer:
    api.always(DATA, Content_Type="application/pdf")
    return api


def test_the_bytes_go_to_the_file_alone_and_its_mode_is_that_of_any_new_file(call, api, folder):
    before = os.umask(0o027)
    try:
        called = call("file", "-o", str(folder / "plan.pdf"))
    finally:
        os.umask(before)
    assert (called.out, called.said) == (b"", [])
    assert (folder / "plan.pdf").read_bytes() == DATA
    assert list(folder.iterdir()) == [folder / "plan.pdf"]
    assert stat.S_IMODE((folder / "plan.pdf").stat().st_mode) == 0o640


def test_the_head_stays_on_standard_output_and_pages_go_to_the_file(call, api, folder):
    out = call("file", "--include", "--output", str(folder / "f")).out
    assert out.startswith(b"HTTP/1.1 200 OK\n")
    assert (folder / "f").read_bytes() == DATA
    api.pages([1], [2])
    for form, expected in (((), b"[1,2]"), (("--jsonl",), b"1\n2\n"), (("--slurp",), b"[[1],[2]]")):
        call("projects", "--paginate", *form, "--output", str(folder / "f"))
        assert (folder / "f").read_bytes() == expected


def test_heads_on_standard_output_leave_the_list_in_the_file_whole(call, api, folder):
    api.pages([1], [2])
    called = call("projects", "--paginate", "--include", "--output", str(folder / "f"))
    assert called.out.count(b"HTTP/1.1 200") == 2
    assert (folder / "f").read_bytes() == b"[1,2]"


def test_a_failure_leaves_the_former_file_and_nothing_else(call, api, folder):
    (folder / "f").write_bytes(b"former")
    further = {"Link": "<//x/y>; rel=next"}
    for reply in (Reply(404, b"no"), Reply(200, b"half", length=8), Reply(200, b"1", further)):
        api.in_turn(reply)
        called = call("file", "--paginate", "--output", str(folder / "f"), code=5)
        assert called.out == (b"no" if reply.status == 404 else b"")
        assert [path.read_bytes() for path in folder.iterdir()] == [b"former"]


def test_what_a_link_points_to_is_replaced(call, api, folder):
    (folder / "real").write_bytes(b"former")
    (folder / "link").symlink_to("real")
    call("file", "--output", str(folder / "link"))
    assert (folder / "link").is_symlink()
    assert (folder / "real").read_bytes() == DATA


def test_a_device_is_written_to_and_stays_one_and_a_dash_is_standard_output(call, api):
    call("file", "--output", "/dev/null")
    assert Path("/dev/null").is_char_device()
    assert call("file", "--output", "-").out == DATA


def test_a_place_that_cannot_be_written_costs_no_call(call, api, folder):
    for name in ("missing/f", "", "."):
        called = call("file", "-X", "POST", "--output", f"{folder}/{name}", code=6)
        assert "cannot be written" in called.err
    assert api.requests == []
    assert list(folder.iterdir()) == []


def test_a_full_disk_names_the_file_and_leaves_nothing(folder):
    class Full:
        def write(self, _: bytes) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    full = FileOutput(str(folder / "f"), cast(BinaryIO, Full()))
    with pytest.raises(OutputError, match=r"f cannot be written: no space left"), saving(str(folder / "f")):
        full.write(b"x")
    assert list(folder.iterdir()) == []


def test_its_mode_is_that_of_the_file_it_replaces_from_the_first_byte(call, api, folder):
    (folder / "f").touch(0o600)
    drafts: list[int] = []

    def play(_: Any) -> Reply:
        drafts.extend(stat.S_IMODE(path.stat().st_mode) for path in folder.glob(".*.part"))
        return Reply(200, DATA)

    api.play = play
    call("file", "--output", str(folder / "f"))
    assert drafts == [0o600]
    assert stat.S_IMODE((folder / "f").stat().st_mode) == 0o600


def test_a_hangup_ends_the_run_and_leaves_nothing(call, api, folder):
    asked, over = threading.Event(), threading.Event()

    def play(_: Any) -> Reply:
        asked.set()
        over.wait(60)
        return Reply(200, b"late")

    api.play = play
    running = subprocess.Popen(
        [*command(), "api", "file", "--output", str(folder / "f")],
        env=call.machine.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert asked.wait(60)
        assert len(list(folder.iterdir())) == 1
        running.send_signal(signal.SIGHUP)
        _, err = running.communicate()
    finally:
        over.set()

    assert running.returncode == -1
    assert b"Traceback" not in err
    assert list(folder.iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with dying_cleanly():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_a_signal_that_ends_a_download_leaves_a_cursor_and_no_file(stranger, folder, number, code):
    beginning = b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n" + b"x" * 2_000_000
    server = servers.Server(servers.dripping(beginning))
    stranger.machine.variables |= {"PROCORE_API_URL": server.url, "PROCORE_ACCESS_TOKEN": "x"}
    with Terminal(stranger.machine, "api", "file", "--output", str(folder / "f"), term="xterm") as terminal:
        terminal.read_until("/85.8 MiB")
        terminal.send(number)
        ended = terminal.finish()
    server.stop()
    assert ended == code
    assert "Traceback" not in terminal.drawn
    assert terminal.drawn.rindex("\x1b[?25h") > terminal.drawn.rindex("\x1b[?25l")
    assert list(folder.iterdir()) == []
