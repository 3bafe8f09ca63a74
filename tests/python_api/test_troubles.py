"""`ProcoreAuth` in many threads and forked processes, and the errors that come out of a call."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from procore_cli import ConfigurationError, ProcoreAuth, ProcoreError, SignInNeededError, UsageMistakeError
from procore_cli.errors import BindingError
from procore_cli.flows import access
from tests.cli import ROOT
from tests.provider import JOE, Answer
from tests.python_api.caller import PATH, end_soon, get, refuse
from tests.signed_in import last_token, refreshes, save_tokens


class WatchedLock:
    """A lock that tells when somebody waits for it."""

    def __init__(self, tell: Callable[[], object]) -> None:
        self._tell = tell
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._tell()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_threads_share_one_refresh_of_an_expired_token(machine, provider, api):
    end_soon(machine, provider)
    auth = ProcoreAuth()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: get(api.url + PATH, auth).status_code, range(8)))
    assert statuses == [200] * 8
    assert refreshes(provider) == 1


def test_threads_that_wait_share_a_failure_and_a_later_call_tries_again(machine, provider, api, monkeypatch):
    end_soon(machine, provider)
    auth, waiters = ProcoreAuth(), threading.Semaphore(0)
    monkeypatch.setattr(auth._find_cache(), "lock", WatchedLock(waiters.release))

    def fail_once_all_wait(_: object) -> Answer:
        assert all(waiters.acquire(timeout=20) for _ in range(5))
        return Answer(503, "")

    provider.script["/oauth/token"] = fail_once_all_wait

    def call(_: int) -> str:
        with pytest.raises(ProcoreError) as caught:
            get(api.url + PATH, auth)
        return caught.value.message

    with ThreadPoolExecutor(6) as pool:
        messages = list(pool.map(call, range(6)))
    waiters.release(5)

    assert len(set(messages)) == 1
    assert refreshes(provider) == 1
    assert call(7) == messages[0]
    assert refreshes(provider) == 2
    assert api.requests == []


def test_nobody_signed_in_is_an_error_of_ours_and_sends_nothing(machine, api):
    machine.run_here("signout")
    with pytest.raises(SignInNeededError, match="production"):
        get(api.url + PATH, ProcoreAuth())
    assert api.requests == []


def test_an_environment_that_cannot_be_called_is_an_error_of_ours():
    with pytest.raises(ConfigurationError, match="PROCORE_LOGIN_URL") as caught:
        get("http://127.0.0.1:1/rest", ProcoreAuth("demo"))
    assert "demo serve" in caught.value.hint
    with pytest.raises(UsageMistakeError, match="sandbx"):
        get("http://127.0.0.1:1/rest", ProcoreAuth("sandbx"))


def test_settings_that_change_under_it_mix_no_two_procores(machine, provider, api, elsewhere, monkeypatch):
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    api.plays[PATH] = refuse(last_token(provider))
    monkeypatch.setenv("PROCORE_API_URL", elsewhere.url)
    assert get(api.url + PATH, auth).status_code == 200
    assert elsewhere.requests == []


def test_tokens_that_were_made_for_another_host_since_want_a_new_one(machine, provider, api):
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    api.plays[PATH] = refuse(last_token(provider))
    save_tokens(provider, machine, JOE)
    with pytest.raises(BindingError) as failure:
        get(api.url + PATH, auth)
    assert f"made for the API URL {provider.url}, but {api.url} is in force" in failure.value.message
    assert failure.value.hint.endswith("make a new ProcoreAuth.")


def test_settings_that_no_token_depends_on_may_change_under_it(machine, provider, api):
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    api.plays[PATH] = refuse(last_token(provider))
    changes = ("--company", "321", "--redirect-uri", "http://localhost:9/other")
    assert machine.run_here("configure", *changes).code == 0
    assert get(api.url + PATH, auth).status_code == 200
    assert refreshes(provider) == 1


def test_after_an_interrupted_refresh_the_token_in_hand_is_used_with_one_warning(
    machine, provider, api, caplog
):
    provider.script["/oauth/token"] = lambda _: Answer(503, "")
    assert machine.run_here("refresh").code == 5
    auth = ProcoreAuth()
    assert [get(api.url + PATH, auth).status_code for _ in range(3)] == [200] * 3
    assert [seen.token for seen in api.requests] == [last_token(provider)] * 3
    assert caplog.text.count("Procore may have ended it") == 1


def test_a_refused_token_of_an_interrupted_refresh_is_not_kept(machine, provider, api):
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    api.plays[PATH] = refuse(last_token(provider))
    provider.script["/oauth/token"] = lambda _: Answer(503, "")
    assert machine.run_here("refresh").code == 5
    with pytest.raises(ProcoreError):
        get(api.url + PATH, auth)


def test_a_thread_that_is_stopped_stops_no_other(machine, provider, api, monkeypatch):
    load, asked, is_stopped = access.load, threading.Event(), threading.Event()

    def stop_the_first(*words: Any) -> Any:
        if not asked.is_set():
            asked.set()
            assert is_stopped.wait(20)
            raise KeyboardInterrupt
        return load(*words)

    monkeypatch.setattr(access, "load", stop_the_first)
    auth = ProcoreAuth()
    monkeypatch.setattr(auth._find_cache(), "lock", WatchedLock(is_stopped.set))
    first, second = (requests.Request("GET", api.url + PATH).prepare() for _ in range(2))

    def call_second() -> str:
        assert asked.wait(20)
        return str(auth(second).headers["Authorization"])

    with ThreadPoolExecutor(2) as pool:
        stopped = pool.submit(auth, first)
        other = pool.submit(call_second)
        assert isinstance(stopped.exception(20), KeyboardInterrupt)
        assert other.result(20) == f"Bearer {last_token(provider)}"


def run(code, machine):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=machine.environ() | {"PYTHONWARNINGS": "ignore"},
        check=False,
    )


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
    ran = run(PROGRAM, machine)
    assert ran.stdout.split() == ["200", "200", "0"], ran.stderr
    assert refreshes(provider) == 0


# What SQLite has locked for another thread at a fork, it would have locked in the child for ever.
FORKS = """
import os, signal, threading, time
from procore_cli import get_token

def hammer():
    token = get_token()
    while not stop:
        token = get_token(refused=token)

# Once, so that no module is half loaded when a process is forked.
get_token(refused=get_token())
stop, children = [], []
threading.Thread(target=hammer).start()
for number in range(40):
    time.sleep(0.002)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        get_token()
        os._exit(0)
    children.append(child)
stop.append(True)
print({os.waitpid(child, 0)[1] for child in children})
"""


def test_children_that_are_forked_while_a_thread_renews_get_their_token(machine, provider):
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    save_tokens(provider, machine, JOE, api_url=machine.variables["PROCORE_API_URL"], store="file")
    ran = run(FORKS, machine)
    assert ran.stdout.strip() == "{0}", ran.stderr
