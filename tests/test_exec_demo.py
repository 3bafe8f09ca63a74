"""`exec --env demo`: the embedded Procore stays up beside the command, which notices nothing of it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.children import TELL, python, start_at_terminal
from tests.cli import Machine, command
from tests.signed_in import assert_ended
from tests.test_exec import read_until

ASK_ME = """
import os, urllib.request
request = urllib.request.Request(os.environ["PROCORE_API_URL"] + "/rest/v1.0/me")
request.add_header("Authorization", "Bearer " + os.environ["PROCORE_ACCESS_TOKEN"])
print(urllib.request.urlopen(request).read().decode())
"""
COUNT_INTERRUPTS = """
import signal, sys
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print("ready", flush=True)
sys.stdin.readline()
sys.exit(10 + len(seen))
"""
TELL_SIGNALS = """
import signal, sys
awaited = {signal.Signals[name] for name in sys.argv[1:]}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
print("ready", flush=True)
for _ in awaited:
    print(signal.Signals(signal.sigwait(awaited)).name, flush=True)
sys.exit(255)
"""


@pytest.fixture
def machine(tmp_path: Path, demo_data: Path) -> Machine:
    machine = Machine(tmp_path / "machine", {"PROCORE_ENV": "demo"})
    shutil.copytree(demo_data, machine.data)
    return machine


def start(machine: Machine, *words: str) -> subprocess.Popen[str]:
    """The command runs and has said that it is ready."""
    process = subprocess.Popen(
        [*command(), "exec", "--", *words],
        env=machine.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    out = process.communicate(timeout=20)[0]
    return process.returncode, out


def test_the_command_can_call_the_embedded_procore_which_ends_with_it(machine: Machine) -> None:
    result = machine.run("exec", "--", *python(ASK_ME + TELL))

    me, told = result.out.splitlines()
    found = json.loads(told)["env"]
    assert_ended(result)
    assert '"joecontractor@procore.com"' in me
    assert found["PROCORE_ENV"] == "demo"
    assert found["PROCORE_LOGIN_URL"] == found["PROCORE_API_URL"]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(found["PROCORE_API_URL"])


def test_commands_of_ours_in_it_use_the_same_procore(machine: Machine) -> None:
    result = machine.run("exec", "--", *command(), "whoami", "--json")

    assert_ended(result)
    assert (result.json["email"], result.err) == ("joecontractor@procore.com", "")


@pytest.mark.parametrize("name", ["INT", "PIPE", "KILL"])
def test_the_death_of_the_command_is_seen_as_it_was(machine: Machine, name: str) -> None:
    result = machine.run("exec", "--", "sh", "-c", f"kill -{name} $$; echo survived")

    assert (result.code, result.out) == (-signal.Signals[f"SIG{name}"], "")


def test_what_is_sent_to_the_program_reaches_the_command(machine: Machine) -> None:
    names = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1"]
    process = start(machine, *python(TELL_SIGNALS, *names))
    for name in names:
        process.send_signal(signal.Signals[name])
        assert process.stdout
        assert process.stdout.readline() == f"{name}\n"

    assert end(process) == (255, "")


def test_a_command_that_dies_of_what_was_sent_takes_the_program_with_it(machine: Machine) -> None:
    process = start(machine, "sh", "-c", "echo ready; exec sleep 60")
    process.terminate()

    assert end(process) == (-signal.SIGTERM, "")


def test_what_is_ignored_before_is_ignored_in_the_command(machine: Machine) -> None:
    ours = " ".join([*command(), "exec", "--", "sh", "-c", "'kill -HUP $$; kill -HUP $PPID; exit 5'"])

    assert subprocess.run(["sh", "-c", f"trap '' HUP; exec {ours}"], env=machine.environ()).returncode == 5


def test_ctrl_c_reaches_the_command_once(machine: Machine) -> None:
    ours, theirs = pty.openpty()
    process = start_at_terminal(machine, theirs, "exec", "--", *python(COUNT_INTERRUPTS))
    os.close(theirs)
    read_until(ours, b"ready")

    os.write(ours, b"\x03")
    read_until(ours, b"^C")
    os.write(ours, b"\n")

    assert process.wait(20) == 11
    os.close(ours)


def test_descriptors_that_were_opened_for_the_command_are_open_in_it(machine: Machine) -> None:
    script = f"exec 7<&0; exec {' '.join(command())} exec -- cat /dev/fd/7"
    done = subprocess.run(
        ["sh", "-c", script], env=machine.environ(), input="through", capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "through")


def test_what_the_command_leaves_behind_does_not_hold_the_program_up(machine: Machine) -> None:
    result = machine.run("exec", "--", "sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!")

    assert result.code == 0
    os.kill(int(result.out), signal.SIGKILL)


def test_where_a_procore_runs_already_the_command_takes_this_process_over(machine: Machine) -> None:
    inner = [*command(), "exec", "--", "sh", "-c", "echo $$"]
    result = machine.run("exec", "--", "sh", "-c", 'echo $$; exec "$@"', "sh", *inner)

    outer_pid, inner_pid = result.out.split()
    assert_ended(result)
    assert inner_pid == outer_pid
