"""`Accounts`: people sign up, in and out of a web app, in any of its workers; nobody becomes current."""

import asyncio
import base64
import itertools
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
import trio

from procore_cli import (
    Accounts,
    ConfigurationError,
    ConsentDeniedError,
    ProcoreAuth,
    ProcoreError,
    SignInNeededError,
    StorageError,
    UsageMistakeError,
)
from procore_cli.errors import GrantRefusedError, OtherFolderError, SignInNotBegunError, UnknownAccountError
from procore_cli.storage import web_key
from procore_cli.storage.inspection import list_strays
from procore_cli.storage.opening import Storage
from procore_cli.storage.web_key import new_key_service
from tests.cli import ROOT, Machine
from tests.people import SECOND, THIRD, People
from tests.provider import JOE, Answer
from tests.python_api.caller import REDIRECT_URI, browse, live_on


@pytest.fixture
def machine(tmp_path: Path, people: People, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine on which a web app runs, and nobody has signed in."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(people)
    live_on(machine, monkeypatch)
    return machine


@pytest.fixture
def accounts(machine: Machine) -> Accounts:
    return Accounts()


def sign_in(accounts: Accounts, people: People, person=JOE):
    people.person = person
    begin = accounts.begin(REDIRECT_URI)
    return accounts.finish(browse(begin.url), begin.kept)


def ask_me(people: People, auth: ProcoreAuth):
    with requests.Session() as session:
        return session.get(f"{people.url}/rest/v1.0/me", auth=auth, timeout=20).json()


def test_the_first_sign_in_signs_up_and_each_leaves_one_pair_of_tokens(accounts, people):
    assert sign_in(accounts, people) == (1, *JOE.values(), True)
    assert sign_in(accounts, people, THIRD) == (2, *THIRD.values(), True)
    again = sign_in(accounts, people)
    assert (again.id, again.procore_id, again.email, again.name) == (1, *JOE.values())
    assert not again.signed_up
    assert [people.count_alive(person) for person in (JOE, THIRD)] == [2, 2]


def test_nobody_becomes_current_and_whoever_is_stays_so(accounts, machine, people):
    sign_in(accounts, people)
    assert machine.run_here("whoami", "--offline").code == 4
    people.sign_in(machine, SECOND)
    sign_in(accounts, people)
    assert machine.run_here("whoami", "--offline", "--json").json["procore_id"] == SECOND["id"]
    assert machine.run_here("token", "--account", JOE["login"]).code == 0


def test_a_sign_in_begins_without_a_word_to_procore_and_keeps_no_secret(accounts, machine, people):
    begin = accounts.begin(REDIRECT_URI)
    assert people.connections == 0
    query = parse_qs(urlsplit(begin.url).query)
    assert query["redirect_uri"] == [REDIRECT_URI]
    assert query["code_challenge_method"] == ["S256"]
    assert accounts.begin(REDIRECT_URI).kept != begin.kept
    accounts.finish(browse(begin.url), begin.kept)
    (verifier,) = [r.form["code_verifier"] for r in people.requests if "code_verifier" in r.form]
    assert len(verifier) == 43
    (key,) = [text.split()[-1] for text in machine.kept() if "web-sign-in-key" in text]
    content = base64.urlsafe_b64decode(begin.kept.split(".")[1] + "==").decode()
    assert json.loads(content)[::2] == [query["state"][0], REDIRECT_URI]
    for secret in (verifier, key, base64.urlsafe_b64encode(bytes.fromhex(key)).decode().rstrip("=")):
        assert secret not in begin.kept + content + begin.url


def test_no_verifier_is_made_without_the_key(machine):
    challenges = set()
    with mock.patch("procore_cli.client.oauth.new_state", return_value="s" * 32):
        for environment in ("production", "sandbox", "production"):
            url = Accounts(environment).begin(REDIRECT_URI).url
            challenges.add(parse_qs(urlsplit(url).query)["code_challenge"][0])
    assert len(challenges) == 2


def change(url: str, *more: tuple[str, str], without: str = "") -> str:
    pairs = [(name, value) for name, value in parse_qsl(urlsplit(url).query) if name != without]
    return f"{url.partition('?')[0]}?{urlencode([*pairs, *more])}"


def test_the_callback_is_taken_as_every_framework_has_it(accounts, people):
    for write in (
        str,
        lambda url: url.removeprefix("https://app.example.com"),
        lambda url: url.replace("https://app.example.com", "http://127.0.0.1:8000"),
        lambda url: f"?{urlsplit(url).query}",
        lambda url: change(url, ("utm", "1"), ("utm", "2")) + "#top",
    ):
        begin = accounts.begin(REDIRECT_URI)
        assert accounts.finish(write(browse(begin.url)), begin.kept).id == 1


def alter(kept: str, part: int) -> str:
    """A text that was kept, with another end of one of its parts."""
    parts = kept.split(".")
    parts[part] = parts[part][:-2] + ("AA" if parts[part][-2:] != "AA" else "BB")
    return ".".join(parts)


REFUSED = {
    "no kept text": lambda url, kept: (url, None),
    "an empty one": lambda url, kept: (url, ""),
    "none of ours": lambda url, kept: (url, "a.b.c"),
    "one that is no text for a cookie": lambda url, kept: (url, "1.\ud800.\xfc"),
    "another version": lambda url, kept: (url, "2" + kept[1:]),
    "a forged content": lambda url, kept: (url, alter(kept, 1)),
    "a forged signature": lambda url, kept: (url, alter(kept, 2)),
    "one without a signature": lambda url, kept: (url, kept.rpartition(".")[0] + "."),
    "one of another sign-in": lambda url, kept: (url, Accounts().begin(REDIRECT_URI).kept),
    "one of another environment": lambda url, kept: (url, Accounts("sandbox").begin(REDIRECT_URI).kept),
    "no state": lambda url, kept: (change(url, without="state"), kept),
    "an empty state": lambda url, kept: (change(url, ("state", ""), without="state"), kept),
    "a doubled state": lambda url, kept: (change(url, ("state", "x")), kept),
    "a doubled code": lambda url, kept: (change(url, ("code", "x")), kept),
    "no code": lambda url, kept: (change(url, without="code"), kept),
    "a code and an error": lambda url, kept: (change(url, ("error", "access_denied")), kept),
    "a foreign refusal": lambda url, kept: (f"{REDIRECT_URI}?error=access_denied&state=x", kept),
    "no parameters": lambda url, kept: (REDIRECT_URI, kept),
    "no address": lambda url, kept: ("https://[", kept),
}


def try_to_finish(accounts: Accounts, callback: str, kept: str | None) -> str:
    try:
        accounts.finish(callback, kept)
    except SignInNotBegunError as error:
        return f"{error} {error.hint}"
    return "taken"


def test_what_answers_no_sign_in_of_this_browser_is_refused_without_saying_why(accounts, people):
    said = {}
    for name, spoil in REFUSED.items():
        begin = accounts.begin(REDIRECT_URI)
        said[name] = try_to_finish(accounts, *spoil(browse(begin.url), begin.kept))
    one = "This callback answers no sign-in to production that this browser began in the last ten minutes."
    assert set(said.values()) == {f"{one} Begin the sign-in again."}, said
    assert people.count("/oauth/token") == 0


def test_a_sign_in_has_ten_minutes_and_no_clock_that_was_set_gives_it_more(accounts):
    for later_s, is_taken in ((0, True), (595, True), (602, False), (-3, True), (-60, False)):
        begin = accounts.begin(REDIRECT_URI)
        callback = browse(begin.url)
        with mock.patch("time.time", return_value=time.time() + later_s):
            assert (try_to_finish(accounts, callback, begin.kept) == "taken") == is_taken, later_s


def test_a_key_that_is_gone_or_damaged_ends_what_was_begun_and_is_made_anew(accounts, machine, people):
    for spoil in (lambda path: path.unlink(), lambda path: path.write_text("a\nb\nnonsense")):
        begin = accounts.begin(REDIRECT_URI)
        callback = browse(begin.url)
        (path,) = [p for p in machine.keyring.iterdir() if new_key_service("production") in p.read_text()]
        spoil(path)
        for _ in range(2):
            assert try_to_finish(accounts, callback, begin.kept) != "taken"
            accounts.begin(REDIRECT_URI)
    assert sign_in(accounts, people).id == 1


def test_a_store_that_keeps_no_key_is_an_error_before_anybody_goes_to_procore(accounts, monkeypatch):
    for fault in ("forget-write", "locked", "fail-at-write"):
        monkeypatch.setenv("TEST_KEYRING_FAULT", fault)
        with pytest.raises(StorageError):
            accounts.begin(REDIRECT_URI)


def test_a_refusal_at_procore_has_an_error_of_its_own_and_keeps_nothing(accounts, machine, people):
    begin = accounts.begin(REDIRECT_URI)
    people.deny = True
    with pytest.raises(ConsentDeniedError, match="denied") as caught:
        accounts.finish(browse(begin.url), begin.kept)
    assert (caught.value.exit_code, caught.value.hint) == (4, "Begin the sign-in again.")
    assert not (machine.data / "production.db").exists()


def test_a_callback_that_is_loaded_again_uses_its_code_once(accounts, people):
    begin = accounts.begin(REDIRECT_URI)
    callback = browse(begin.url)
    accounts.finish(callback, begin.kept)
    with pytest.raises(GrantRefusedError, match="used once") as caught:
        accounts.finish(callback, begin.kept)
    assert caught.value.hint == "Begin the sign-in again."
    assert people.count_alive() == 2


def test_a_redirect_uri_that_procore_would_not_take_and_a_missing_app_are_said_at_once(
    accounts, machine, monkeypatch
):
    for bad in ("http://app.example.com/callback", "callback", "", "https://app.example.com/#x"):
        with pytest.raises(ConfigurationError, match="redirect_uri="):
            accounts.begin(bad)
    monkeypatch.delenv("PROCORE_CLIENT_SECRET")
    with pytest.raises(ConfigurationError, match="no client secret"):
        accounts.begin(REDIRECT_URI)
    with pytest.raises(UsageMistakeError, match=r"sandbx.*env="):
        Accounts("sandbx").begin(REDIRECT_URI)
    monkeypatch.delenv("PROCORE_LOGIN_URL")
    with pytest.raises(ConfigurationError, match="PROCORE_LOGIN_URL is not set"):
        Accounts("demo").begin(REDIRECT_URI)


def damage_database(machine: Machine) -> None:
    (machine.data / "production.db").write_bytes(b"no database")


def lose_the_keyring(_: Machine) -> None:
    os.environ["TEST_KEYRING_FAULT"] = "fail-at-write"


@pytest.mark.parametrize("spoil", [damage_database, lose_the_keyring])
def test_tokens_that_cannot_be_kept_are_ended_at_procore(accounts, machine, people, spoil, monkeypatch):
    monkeypatch.setenv("TEST_KEYRING_FAULT", "")
    people.script["/rest/v1.0/me"] = lambda _: spoil(machine)
    with pytest.raises(StorageError):
        sign_in(accounts, people)
    assert people.count_alive() == 0
    monkeypatch.setenv("TEST_KEYRING_FAULT", "")
    assert machine.run_here("token", "--account", "11111").code != 0


def test_a_name_that_is_no_whole_text_can_be_shown(accounts, people):
    user = sign_in(accounts, people, {"id": 5, "login": "half\ud800@example.com", "name": "\udc00"})
    assert (user.email, user.name) == ("half?@example.com", "?")


def test_tokens_of_nobody_known_are_ended_at_procore(accounts, people):
    for answer, kind in ((Answer(401, {}), SignInNeededError), (Answer(503, ""), ProcoreError)):
        people.script["/rest/v1.0/me"] = lambda _, answer=answer: answer
        with pytest.raises(kind):
            sign_in(accounts, people)
        assert people.count_alive() == 0


def test_workers_finish_what_others_began(machine, people):
    workers = Accounts(), Accounts("production")
    begun = [worker.begin(REDIRECT_URI) for worker in workers * 2]
    callbacks = []
    for begin, person in zip(begun, (JOE, SECOND, THIRD, JOE), strict=True):
        people.person = person
        callbacks.append(browse(begin.url))
    owners = itertools.cycle(reversed(workers))
    people.person = JOE
    with ThreadPoolExecutor(4) as pool:
        finished = list(pool.map(lambda w, c, b: w.finish(c, b.kept), owners, callbacks, begun))
    assert {user.id for user in finished} == {1}
    assert sum(user.signed_up for user in finished) == 1
    assert people.count_alive() == 2


BEGIN = f"from procore_cli import Accounts; print(*Accounts().begin({REDIRECT_URI!r}))"


@pytest.mark.parametrize("store", ["keyring", "file"])
def test_processes_that_begin_at_once_make_one_key(machine, people, store, monkeypatch):
    monkeypatch.setenv("PROCORE_LOGIN_STORE", store)
    machine.variables["PROCORE_LOGIN_STORE"] = store
    starting = [machine.start("-c", BEGIN, program=[sys.executable]) for _ in range(6)]
    accounts, rows = Accounts(), set()
    for process in starting:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        url, kept = out.split()
        rows.add(accounts.finish(browse(url), kept).id)
    assert rows == {1}
    assert list_strays(machine.data, []) == []


def test_while_one_makes_the_key_another_waits_for_it(machine, monkeypatch):
    both, random = threading.Barrier(2), os.urandom

    def wait_for_the_other(count: int) -> bytes:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return random(count)

    monkeypatch.setattr(web_key, "os", SimpleNamespace(urandom=wait_for_the_other))
    with ThreadPoolExecutor(2) as pool:
        stores = [Storage(machine.data, "production", "file") for _ in range(2)]
        keys = set(pool.map(lambda store: store.web_key.load(), stores))
    assert len(keys) == 1


LOOKS = """
import sys
from procore_cli import Accounts
from tests.python_api.caller import REDIRECT_URI, browse

accounts, looks = Accounts(), []
accounts.begin(REDIRECT_URI)
sys.addaudithook(lambda event, words: looks.append(str(words[0])) if event.endswith("dir") else None)
for _ in range(2):
    begin = accounts.begin(REDIRECT_URI)
    user = accounts.finish(browse(begin.url), begin.kept)
accounts.sign_out(user.id)
print([place for place in looks if place.endswith("secrets")])
"""


def test_nobody_looks_at_the_files_of_all_the_others(machine, people):
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    out, err = machine.start("-c", LOOKS, program=[sys.executable]).communicate(timeout=120)
    assert out.strip() == "[]", err


FORKED = """
import os, signal, sys
from procore_cli import Accounts

accounts = Accounts()
begin = accounts.begin(sys.argv[1])
print(begin.url, flush=True)
callback = sys.stdin.readline().strip()
child = os.fork()
if child == 0:
    signal.alarm(60)
    user = accounts.finish(callback, begin.kept)
    accounts.sign_out(user.id)
    print(user.id, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def test_a_worker_that_was_forked_finishes_what_its_parent_began(machine, people):
    with subprocess.Popen(
        [sys.executable, "-c", FORKED, REDIRECT_URI],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=machine.environ(),
    ) as running:
        assert running.stdout is not None
        callback = browse(running.stdout.readline().strip())
        out, _ = running.communicate(f"{callback}\n", timeout=120)
    assert out.split() == ["1", "0"]
    assert people.count_alive() == 0


def test_calls_are_made_for_the_user_that_is_named_whoever_is_current(accounts, machine, people, monkeypatch):
    first, second = (sign_in(accounts, people, person) for person in (SECOND, THIRD))
    people.sign_in(machine, JOE)
    monkeypatch.setenv("PROCORE_LOGIN_ACCOUNT", JOE["login"])
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")
    for user, person in ((first, SECOND), (second, THIRD)):
        auth = accounts.auth(user.id)
        assert isinstance(auth, ProcoreAuth)
        for each in (auth, pickle.loads(pickle.dumps(auth))):
            assert ask_me(people, each) == person
        assert auth.api_url == people.url


def test_a_call_names_the_company_that_it_is_for(accounts, people, monkeypatch):
    user = sign_in(accounts, people)
    monkeypatch.setenv("PROCORE_COMPANY_ID", "5")
    for company, sent in ((None, "5"), (7, "7"), ("9", "9")):
        ask_me(people, accounts.auth(user.id, company=company))
        assert people.requests[-1].company == sent
    with pytest.raises(UsageMistakeError):
        accounts.auth(user.id, company="nine")


def test_a_row_that_is_not_there_is_nobodys(accounts, people):
    sign_in(accounts, people)
    unknown = (2, 0, -1, 2**63, "1", "joecontractor@procore.com", None, True)
    for row in unknown:
        for use in (lambda row: ask_me(people, accounts.auth(row)), accounts.sign_out):
            with pytest.raises(UnknownAccountError):
                use(row)
    assert people.count_alive() == 2


def test_a_double_of_a_row_is_the_same_person(accounts, machine, people):
    user = sign_in(accounts, people)
    machine.sql("INSERT INTO users (procore_id, email) VALUES (11111, 'old@example.com'), (NULL, 'x')")
    assert ask_me(people, accounts.auth(user.id + 1)) == JOE
    with pytest.raises(UnknownAccountError):
        accounts.sign_out(user.id + 2)


def test_a_sign_out_ends_the_tokens_of_one_user_and_a_second_one_does_nothing(
    accounts, machine, people, caplog
):
    first, second = (sign_in(accounts, people, person) for person in (SECOND, THIRD))
    auth = accounts.auth(first.id)
    ask_me(people, auth)
    accounts.sign_out(first.id)
    sent = len(people.requests)
    accounts.sign_out(first.id)
    assert len(people.requests) == sent
    assert [people.count_alive(person) for person in (SECOND, THIRD)] == [0, 2]
    assert len(machine.sql("SELECT * FROM users")) == 2
    with pytest.raises(SignInNeededError):
        ask_me(people, accounts.auth(first.id))
    assert ask_me(people, accounts.auth(second.id)) == THIRD
    assert [message for message in caplog.messages if "_URL" not in message] == []
    assert sign_in(accounts, people, SECOND).id == first.id


def test_who_was_refused_at_procore_is_signed_out_all_the_same(accounts, people):
    user = sign_in(accounts, people)
    people.refuse_person(JOE)
    people.expire()
    auth = accounts.auth(user.id)
    with pytest.raises(SignInNeededError):
        ask_me(people, auth)
    accounts.sign_out(user.id)


def test_a_sign_out_that_procore_does_not_hear_of_counts_here(accounts, machine, people):
    user = sign_in(accounts, people)
    people.script["/oauth/revoke"] = lambda _: Answer(503, "")
    with pytest.raises(ProcoreError, match="deleted here, but not revoked"):
        accounts.sign_out(user.id)
    accounts.sign_out(user.id)
    assert machine.run_here("token", "--account", JOE["login"]).code == 4


def test_tokens_in_another_data_folder_are_not_ours_to_end(accounts, machine, people, tmp_path, monkeypatch):
    monkeypatch.setenv("PROCORE_LOGIN_STORE", "file")
    monkeypatch.setenv("PROCORE_LOGIN_DB", str(tmp_path / "shared.db"))
    user = sign_in(accounts, people)
    monkeypatch.setenv("PROCORE_LOGIN_HOME", str(tmp_path / "other"))
    with pytest.raises(OtherFolderError):
        accounts.sign_out(user.id)
    assert people.count_alive() == 2


def test_the_environment_is_that_of_the_first_call(accounts, machine, people, monkeypatch):
    user = sign_in(accounts, people)
    # A worker's first call may be of either kind.
    other = Accounts()
    assert ask_me(people, other.auth(user.id)) == JOE
    monkeypatch.setenv("PROCORE_ENV", "sandbox")
    for each in (accounts, other):
        assert ask_me(people, each.auth(user.id)) == JOE
        assert sign_in(each, people).id == user.id
    assert not (machine.data / "sandbox.db").exists()


@pytest.mark.parametrize("run", [asyncio.run, lambda work: trio.run(lambda: work)], ids=["asyncio", "trio"])
def test_an_event_loop_signs_people_in_and_out(accounts, people, run):
    async def walk():
        begin = await accounts.async_begin(REDIRECT_URI)
        user = await accounts.async_finish(browse(begin.url), begin.kept)
        await accounts.async_sign_out(user.id)
        return user

    assert run(walk()) == (1, *JOE.values(), True)
    assert people.count_alive() == 0


def test_a_finish_that_is_cancelled_is_finished(accounts, machine, people):
    async def leave():
        begin = await accounts.async_begin(REDIRECT_URI)
        finishing = asyncio.ensure_future(accounts.async_finish(browse(begin.url), begin.kept))
        await asyncio.sleep(0)
        finishing.cancel()

    asyncio.run(leave())
    for thread in threading.enumerate():
        if thread.name == "procore-login":
            thread.join(60)
    assert machine.run_here("token", "--account", JOE["login"]).code == 0
    assert people.count_alive() == 2


def test_the_file_store_is_warned_of_once(accounts, people, monkeypatch, caplog):
    monkeypatch.setenv("PROCORE_LOGIN_STORE", "file")
    for _ in range(2):
        sign_in(accounts, people)
    assert caplog.text.count("are kept in files") == 1
