"""`ProcoreAuth` in a process that was forked while threads of its parent were at work."""

import subprocess
import sys

from tests.cli import ROOT
from tests.signed_in import refreshes

# The parent's thread never gets its token, for which it holds a lock; the other one is held here.
PROGRAM = """
import os, signal, threading, requests
from procore_cli import ProcoreAuth
from procore_cli.flows import access

def call():
    return requests.get(os.environ["PROCORE_API_URL"] + "/x", auth=auth, timeout=20).status_code

def load_never(*words, **more):
    at_work.set()
    threading.Event().wait()

at_work, load, auth = threading.Event(), access.load, ProcoreAuth()
access.load = load_never
threading.Thread(target=call, daemon=True).start()
assert at_work.wait(20)
access.load = load
auth._lock.acquire()
child = os.fork()
if child == 0:
    signal.alarm(20)
    print(call(), call(), flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def test_a_forked_child_calls_whatever_its_parents_threads_hold(machine, provider):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=machine.environ() | {"PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert ran.stdout.split() == ["200", "200", "0"], ran.stderr
    assert refreshes(provider) == 0
