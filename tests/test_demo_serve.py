"""`demo serve` and `demo reset`, as their users run them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from procore_cli.cli.commands import demo as serving
from procore_cli.console import Console
from procore_cli.demo.server import DemoServer
from tests.cli import Machine, browser
from tests.signed_in import sign_in

WORD = "set" if os.name == "nt" else "export"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


class Serving:
    """A `demo serve` that runs, with its variables set on the machine."""

    def __init__(self, process: subprocess.Popen[str], printed: str) -> None:
        self.process, self.printed = process, printed
        self.variables = dict(line.removeprefix(f"{WORD} ").split("=", 1) for line in printed.splitlines())
        self.url = self.variables["PROCORE_LOGIN_URL"]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and the rest of stdout and all of stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err


def ask(url: str, data: object = None, **headers: str) -> tuple[int, Any]:
    """GET, or POST with JSON."""
    method = "GET" if data is None else "POST"
    reply = requests.request(method, url, json=data, headers=headers, timeout=60)
    return reply.status_code, reply.json()


@pytest.fixture
def serve(machine: Machine) -> Iterator[Callable[..., Any]]:
    @contextmanager
    def run(*options: str) -> Iterator[Serving]:
        process = machine.start("demo", "serve", "--port", "0", *options)
        try:
            assert process.stdout is not None
            serving = Serving(process, "".join(process.stdout.readline() for _ in range(5)))
            machine.variables |= serving.variables
            yield serving
        finally:
            process.kill()
            process.communicate()

    return run


def test_it_prints_the_variables_for_a_shell_at_once_and_nothing_else_on_stdout(serve):
    with serve("--quiet") as serving:
        ask(f"{serving.url}/rest/v1.0/me")
        code, rest = serving.end()
        script = f"{serving.printed}echo $PROCORE_ENV $PROCORE_LOGIN_URL $PROCORE_API_URL"
        script += " $PROCORE_CLIENT_ID $PROCORE_CLIENT_SECRET"
        shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", serving.url)
    urls = f"{serving.url} {serving.url}"
    assert shell.stdout == f"demo {urls} pretend-client-id pretend-client-secret\n"
    assert code == 0
    # --quiet lists no requests.
    assert not [word for word in ("export", "Traceback", "GET /rest") if word in rest]


def test_the_variables_come_as_json_for_programs_and_ctrl_c_ends_it_with_130(machine):
    process = machine.start("demo", "serve", "--port", "0", "--json")
    try:
        variables = json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert variables["PROCORE_ENV"] == "demo"
    assert variables["PROCORE_API_URL"] == variables["PROCORE_LOGIN_URL"]
    assert process.returncode == 130
    assert "Traceback" not in err


def test_other_commands_work_against_it_and_start_no_server_of_their_own(serve, machine):
    with serve() as serving:
        signed_in = machine.run_here("signin", "--json", "--browser", browser())
        whoami = machine.run_here("whoami", "--json")
        token = machine.run_here("token")
        _, me = ask(f"{serving.url}/rest/v1.0/me", Authorization=f"Bearer {token.out.strip()}")
        _, seen = ask(f"{serving.url}/demo/calls")

    assert signed_in.code == 0, signed_in.err
    assert whoami.json["email"] == "joecontractor@procore.com"
    assert me["id"] == 11111
    assert [call["path"] for call in seen["calls"]].count("/rest/v1.0/me") >= 3


def test_the_options_reach_the_server_and_its_list_holds_no_secret_and_no_control_character(serve, tmp_path):
    seed = tmp_path / "seed.json"
    response = {"method": "GET", "path": "/rest/v1.0/me", "status": 503, "times": 1}
    seed.write_text(json.dumps({"companies": [{"id": 7, "name": "Seven"}], "responses": [response]}))
    with serve("--seed", str(seed), "--expires-in", "30") as serving:
        _, tokens = ask(f"{serving.url}/demo/sign-in", {})
        header = f"Bearer {tokens['access_token']}"
        statuses = [ask(f"{serving.url}/rest/v1.0/me", Authorization=header)[0] for _ in range(2)]
        _, companies = ask(f"{serving.url}/rest/v1.0/companies", Authorization=header)
        ask(f"{serving.url}/rest/v1.0/me?token={tokens['access_token']}")
        with socket.create_connection(("127.0.0.1", int(serving.url.rpartition(":")[2])), timeout=60) as raw:
            raw.sendall(b"GET /\x1b[2Jx HTTP/1.0\r\n\r\n")
            while raw.recv(4096):
                pass
        _, log = serving.end()

    assert (tokens["expires_in"], statuses) == (30, [503, 200])
    assert [company["id"] for company in companies] == [7]
    assert re.search(r"^\d\d:\d\d:\d\d 503 GET /rest/v1\.0/me$", log, re.MULTILINE)
    assert "404 GET /\\x1b[2Jx" in log
    assert tokens["access_token"] not in log


def test_what_cannot_be_used_is_said_before_anything_runs(machine):
    for options, code, words in (
        (["--expires-in", "0"], 2, "from 1 to"),
        (["--port", "65536"], 2, "65535"),
        (["--seed", "missing.json"], 3, "missing.json"),
        (["nonsense"], 2, "takes no argument here"),
    ):
        result = machine.run_here("demo", "serve", *options)

        assert result.code == code
        assert words in result.err
        assert "Hint: " in result.err
    reset = machine.run_here("demo", "reset")
    assert (reset.code, "nothing to forget" in reset.err) == (0, True)
    assert not machine.data.exists()
    assert {"serve", "reset"} <= set(machine.run_here("demo").out.split())


def test_reset_forgets_the_demo_and_a_new_sign_up_is_new(machine):
    first = machine.run_here("signup", "--env", "demo", "--json")
    kept = [*(machine.data / "secrets").iterdir()]
    reset = machine.run_here("demo", "reset")
    left = [*(machine.data / "secrets").iterdir(), *machine.data.glob("demo*")]
    whoami = machine.run_here("whoami", "--env", "demo")
    offline = machine.run_here("whoami", "--env", "demo", "--offline")
    again = machine.run_here("signup", "--env", "demo", "--json")

    assert first.json["signed_up"] is True
    assert kept
    assert left == []
    assert (reset.code, reset.out) == (0, "")
    assert "forgot 1 signed-in account" in reset.err
    assert (whoami.code, offline.code) == (4, 4)
    assert "procore-login signin --env demo" in whoami.err
    assert again.json == first.json | {"expires_at": again.json["expires_at"]}


def test_reset_leaves_other_environments_alone_even_in_a_database_that_they_share(machine, provider):
    machine.variables["PROCORE_LOGIN_DB"] = str(machine.home / "test.db")
    machine.run_here("signup", "--env", "demo")
    machine.point_at(provider)
    assert sign_in(machine).code == 0
    reset = machine.run_here("demo", "reset")

    assert reset.code == 0, reset.err
    assert machine.run_here("whoami", "--offline", "--env", "demo").code == 4
    assert machine.run_here("whoami", "--json", "--env", "production").json["procore_id"] == 11111


def test_reset_mends_a_demo_whose_files_are_broken_and_touches_no_shared_one(machine):
    machine.run_here("signup", "--env", "demo")
    (machine.data / "demo" / "procore.db").write_bytes(b"not a database" * 100)
    (machine.data / "demo.db").write_bytes(b"not a database" * 100)

    assert machine.run_here("demo", "reset").code == 0
    assert machine.run_here("signup", "--env", "demo").code == 0
    shared = machine.home / "test.db"
    shared.write_bytes(b"not a database" * 100)
    machine.variables["PROCORE_LOGIN_DB"] = str(shared)
    assert machine.run_here("demo", "reset").code == 6
    assert shared.read_bytes() == b"not a database" * 100


@pytest.mark.parametrize("trouble", ["no keyring", "no locks"])
def test_reset_keeps_the_list_of_what_a_keyring_keeps_and_a_later_one_deletes_it(machine, trouble):
    machine.variables["PROCORE_LOGIN_STORE"] = "keyring"
    machine.run_here("signup", "--env", "demo")
    kept = [*machine.keyring.iterdir()]
    locks, aside = machine.data / "locks", machine.data / "aside"
    if trouble == "no keyring":
        machine.variables["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    else:
        locks.rename(aside)
        locks.symlink_to(aside)
    first = machine.run_here("demo", "reset")
    was_kept = (machine.data / "demo.db").exists()
    if trouble == "no keyring":
        del machine.variables["PYTHON_KEYRING_BACKEND"]
    else:
        locks.unlink()
        aside.rename(locks)
    second = machine.run_here("demo", "reset")

    assert (bool(kept), was_kept) == (True, True)
    code, said = (0, "could not be deleted") if trouble == "no keyring" else (6, "symbolic link")
    assert (first.code, said in first.err, second.code) == (code, True, 0)
    assert [*machine.keyring.iterdir()] == []
    assert not (machine.data / "demo.db").exists()


def test_reset_keeps_a_database_that_another_version_made(machine):
    machine.run_here("signup", "--env", "demo")
    with closing(sqlite3.connect(machine.data / "demo.db")) as db, db:
        db.execute("UPDATE procore_login_meta SET value = 9999 WHERE key = 'schema_version'")
    result = machine.run_here("demo", "reset")

    assert result.code == 6
    assert (machine.data / "demo.db").exists()
    assert (machine.data / "demo" / "procore.db").exists()


def test_a_server_that_was_killed_leaves_the_next_one_its_port_and_its_state(serve, machine):
    with serve() as killed:
        _, tokens = ask(f"{killed.url}/demo/sign-in", {})
        port = killed.url.rpartition(":")[2]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=10):
            killed.process.kill()
            killed.process.communicate(timeout=60)
            with serve("--port", port) as again:
                code, me = ask(f"{again.url}/rest/v1.0/me", Authorization=f"Bearer {tokens['access_token']}")

    assert again.url == killed.url
    assert (code, me["id"]) == (200, 11111)


def test_a_port_that_is_taken_is_7_and_in_place_of_the_usual_one_another_is_used(
    machine, monkeypatch, capsys
):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        refused = machine.run_here("demo", "serve", "--port", str(taken))
        monkeypatch.setattr(serving, "USUAL_PORT", taken)
        with serving._start(partial(DemoServer, machine.data, time.time), None, Console()) as server:
            assert not server.url.endswith(f":{taken}")

    assert f"Port {taken} is taken" in capsys.readouterr().err
    assert (refused.code, refused.out, str(taken) in refused.err) == (7, "", True)
