"""What every store of accounts and tokens gives: the local one in files, and PostgreSQL."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from procore_cli.config.shared_database import SharedDatabase
from procore_cli.errors import (
    AmbiguousAccountError,
    AnswerLostError,
    GrantRefusedError,
    NotSignedInError,
    ProcoreLoginError,
    RefreshRefusedError,
    TokenRefusedError,
    UnknownAccountError,
    UnreachableError,
)
from procore_cli.grants import TokenSet
from procore_cli.models import Account, Choice, Me
from procore_cli.storage.opening import Storage
from procore_cli.storage.refresh import Refresh
from procore_cli.storage.store import Held
from tests.store.store_world import BINDING, JOE, SECOND, sending

LIFE_S = 5400
KEY = base64.b64encode(bytes(range(32))).decode()


@dataclass
class Scene:
    """A machine; each `run` is another run of the program on it."""

    home: Path
    shared: SharedDatabase | None
    sql: Callable[..., object]

    def run(self) -> Storage:
        return Storage(self.home, "production", "file", shared=self.shared)

    def new_tokens(self, number: int, life_s: int = LIFE_S) -> TokenSet:
        end = int(self.run().tokens.now()) + life_s
        return TokenSet(f"access-{number}", f"refresh-{number}", end, BINDING, life_s)

    def sign_in(self, number: int = 1, me: Me = JOE, company: int | None = None) -> Account:
        return self.run().tokens.save_signin(self.new_tokens(number), me, company).account

    def load(self, account: Account) -> Held:
        held = self.run().tokens.load(account)
        assert held is not None
        return held

    def find_token(self, account: Account) -> str:
        return self.load(account).tokens.access_token

    def refresh(self, account: Account, exchange: Callable[[TokenSet], TokenSet], **options: object) -> Held:
        run = self.run()
        seen = options.get("seen") or self.load(account)
        discarded = options.get("discarded", [])
        return Refresh(
            *(run.accounts, run.tokens, account, sending(exchange), discarded.append, lambda work: work())  # type: ignore[attr-defined]
        ).run(seen, options.get("reason", "asked"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server() -> Iterator[object]:
    from tests.postgres.servers import running_server

    with running_server() as server:
        yield server


@pytest.fixture(params=["local", pytest.param("postgres", marks=pytest.mark.postgres)])
def scene(request: pytest.FixtureRequest, own_world: Path) -> Iterator[Scene]:
    home = own_world / "procore-login"
    if request.param == "local":
        from tests.store.store_world import run_sql

        Storage(home, "production", "file").accounts.list_known()
        yield Scene(home, None, lambda statement: run_sql(home / "production.db", statement))
        return
    from procore_cli.storage.postgres import schema
    from procore_cli.storage.postgres.connection import PostgresDatabase

    server = request.getfixturevalue("server")
    name = server.new_database()
    shared = SharedDatabase(server.url(name), KEY, None)
    schema.init(PostgresDatabase(shared))
    yield Scene(home, shared, lambda statement: server.run(statement, database=name))
    server.drop_database(name)


def answer(tokens: TokenSet) -> Callable[[TokenSet], TokenSet]:
    return lambda _: tokens


def raising(error: ProcoreLoginError) -> Callable[[TokenSet], TokenSet]:
    def exchange(_: TokenSet) -> TokenSet:
        raise error

    return exchange


def test_a_sign_in_is_kept_and_current_and_the_next_one_tells_what_it_replaces(scene: Scene):
    first = scene.run().tokens.save_signin(scene.new_tokens(1), JOE)
    assert (first.is_new, first.former, first.switched_from) == (True, None, None)
    again = scene.run().tokens.save_signin(scene.new_tokens(2), JOE)
    assert (again.is_new, again.former and again.former.access_token) == (False, "access-1")
    assert again.account.user == first.account.user
    run = scene.run()
    assert run.accounts.find_current() == again.account
    assert run.accounts.look(again.account).is_signed_in
    assert scene.find_token(again.account) == "access-2"


def test_a_sign_in_says_who_was_current_unless_it_leaves_that_alone(scene: Scene):
    joe = scene.sign_in()
    aside = scene.run().tokens.save_signin(scene.new_tokens(2), SECOND, makes_current=False)
    assert aside.switched_from is None
    assert scene.run().accounts.find_current() == joe
    other = scene.run().tokens.save_signin(scene.new_tokens(3), SECOND)
    assert other.switched_from == joe
    assert scene.run().accounts.find_current() == other.account


def test_switching_takes_whoever_is_signed_in(scene: Scene):
    joe, second = scene.sign_in(), scene.sign_in(2, SECOND)
    assert scene.run().accounts.switch(joe)
    assert scene.run().accounts.find_current() == joe
    scene.run().tokens.sign_out(second)
    assert not scene.run().accounts.switch(second)
    assert scene.run().accounts.find_current() == joe


def test_a_sign_out_hands_over_the_tokens_and_leaves_the_row(scene: Scene):
    joe = scene.sign_in()
    left = scene.run().tokens.sign_out(joe)
    assert (left.was_live, left.tokens and left.tokens.refresh_token) == (True, "refresh-1")
    assert scene.run().tokens.clean(joe, left)
    run = scene.run()
    assert run.tokens.load(joe) is None
    assert run.tokens.peek(joe) is None
    assert run.tokens.clean_free()
    assert run.accounts.find_current() is None
    assert [each.account for each in run.accounts.list_known()] == [joe]
    assert isinstance(run.accounts.new_not_signed_in_error(joe), NotSignedInError)
    assert not scene.run().tokens.sign_out(joe).was_live


def test_a_refresh_replaces_the_tokens_once(scene: Scene):
    joe = scene.sign_in()
    first = scene.load(joe)
    renewed = scene.refresh(joe, answer(scene.new_tokens(2)))
    assert renewed.tokens.access_token == scene.find_token(joe) == "access-2"
    assert renewed.generation == scene.load(joe).generation != first.generation
    # Whoever saw the former ones takes these.
    never = raising(AssertionError("sent"))  # type: ignore[arg-type]
    assert scene.refresh(joe, never, seen=first).tokens.access_token == "access-2"
    assert scene.run().tokens.claim(joe, first, "due") is None


def test_an_answer_without_a_refresh_token_keeps_the_one_that_was_sent(scene: Scene):
    joe = scene.sign_in()
    new = scene.new_tokens(2)
    bare = TokenSet(new.access_token, None, None, BINDING)
    assert scene.refresh(joe, answer(bare)).tokens.refresh_token == "refresh-1"
    assert scene.load(joe).tokens.expires_at is None


def test_many_at_once_ask_once(scene: Scene):
    joe = scene.sign_in()
    seen, calls, found = scene.load(joe), [], []
    new = scene.new_tokens(2)

    def exchange(tokens: TokenSet) -> TokenSet:
        calls.append(tokens.refresh_token)
        return new

    def refresh() -> None:
        found.append(scene.refresh(joe, exchange, seen=seen, reason="due").tokens.access_token)

    threads = [threading.Thread(target=refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (calls, found) == (["refresh-1"], ["access-2"] * 8)


def test_sign_ins_of_one_person_at_once_make_one_row(scene: Scene):
    start = threading.Barrier(6)

    def sign_in() -> None:
        start.wait()
        scene.sign_in()

    threads = [threading.Thread(target=sign_in) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scene.sql("SELECT count(*) FROM users") == [(1,)]
    assert scene.find_token(scene.run().accounts.list_known()[0].account) == "access-1"


def test_a_refused_token_is_never_sent_again(scene: Scene):
    joe = scene.sign_in()
    with pytest.raises(RefreshRefusedError):
        scene.refresh(joe, raising(GrantRefusedError("The grant is invalid.")))
    run = scene.run()
    assert run.tokens.load(joe) is None
    assert [each.account.user for each in run.accounts.list_known() if each.is_refused] == [joe.user]
    assert isinstance(run.accounts.new_not_signed_in_error(joe), RefreshRefusedError)
    assert scene.find_token(scene.sign_in(2)) == "access-2"
    assert scene.run().accounts.look(joe).account.failure is None


@pytest.mark.parametrize(
    ("error", "is_doubtful"), [(UnreachableError("No way."), False), (AnswerLostError("Lost."), True)]
)
def test_a_failure_is_told_to_those_who_wait_and_tried_again_by_others(
    scene: Scene, error: ProcoreLoginError, is_doubtful: bool
):
    joe = scene.sign_in()
    seen = scene.load(joe)
    with pytest.raises(type(error)):
        scene.refresh(joe, raising(error))
    assert scene.load(joe).may_be_revoked is is_doubtful
    with pytest.raises(type(error), match=error.message):
        scene.refresh(joe, raising(AssertionError("sent")), seen=seen)  # type: ignore[arg-type]
    assert scene.refresh(joe, answer(scene.new_tokens(2))).tokens.access_token == "access-2"
    assert not scene.load(joe).may_be_revoked


def test_after_an_interruption_a_refusal_says_so(scene: Scene):
    joe = scene.sign_in()
    with pytest.raises(AnswerLostError):
        scene.refresh(joe, raising(AnswerLostError("Lost.")))
    with pytest.raises(RefreshRefusedError, match="was interrupted; signing in again mends that"):
        scene.refresh(joe, raising(GrantRefusedError("The grant is invalid.")))


def test_a_refresh_under_way_does_not_undo_a_sign_out(scene: Scene):
    joe = scene.sign_in()
    new, discarded = scene.new_tokens(2), []

    def exchange(_: TokenSet) -> TokenSet:
        scene.run().tokens.sign_out(joe)
        return new

    with pytest.raises(NotSignedInError):
        scene.refresh(joe, exchange, discarded=discarded)
    assert discarded == [new]
    assert scene.run().tokens.load(joe) is None


def test_service_accounts_are_kept_one_an_app_and_company(scene: Scene):
    joe = scene.sign_in()
    ours, theirs = scene.sign_in(2, JOE, 77), scene.sign_in(3, JOE, 78)
    assert len({joe.key, ours.key, theirs.key}) == 3
    assert scene.sign_in(4, JOE, 77).key == ours.key
    assert [scene.find_token(each) for each in (joe, ours, theirs)] == ["access-1", "access-4", "access-3"]
    accounts = scene.run().accounts
    assert [each.key for each in accounts.list_services(BINDING.client_id)] == [ours.key, theirs.key]
    assert accounts.list_services("another-app") == []
    found = accounts.find_service(Choice(BINDING.client_id, 78, is_exact=True))
    assert found is not None
    assert found.key == theirs.key
    assert accounts.find_named("11111").key == joe.key
    current = accounts.find_current()
    assert current is not None
    assert current.key == ours.key


def test_a_service_accounts_new_tokens_are_refused_once_a_minute(scene: Scene):
    service = scene.sign_in(1, JOE, 77)
    scene.refresh(service, answer(scene.new_tokens(2)), reason="refused")
    with pytest.raises(TokenRefusedError, match="two new tokens within a minute"):
        scene.refresh(service, answer(scene.new_tokens(3)), reason="refused")
    assert scene.refresh(service, answer(scene.new_tokens(3))).tokens.access_token == "access-3"
    with pytest.raises(AnswerLostError):
        scene.refresh(service, raising(AnswerLostError("Lost.")))
    assert not scene.load(service).may_be_revoked


def test_an_account_is_named_by_id_or_by_e_mail_in_either_case(scene: Scene):
    joe = scene.sign_in()
    strasse = scene.sign_in(2, Me(33333, "Straße@example.com", None))
    twin = scene.sign_in(3, Me(44444, "JoeContractor@procore.com", None))
    accounts = scene.run().accounts
    named = {who: accounts.find_named(who).key for who in ("11111", " 44444 ", "STRASSE@example.com")}
    assert named == {"11111": joe.key, " 44444 ": twin.key, "STRASSE@example.com": strasse.key}
    with pytest.raises(AmbiguousAccountError, match=r"joecontractor@procore\.com \(11111\)"):
        accounts.find_named("joecontractor@procore.com")
    for unknown in ("nobody@example.com", "5", "9" * 19, "9" * 40, "", "%", "\0", "\ud800"):
        with pytest.raises(UnknownAccountError):
            accounts.find_named(unknown)


def test_of_doubled_rows_the_lowest_id_counts_and_other_rows_are_nobody(scene: Scene):
    scene.sql("INSERT INTO users (id, procore_id, email) VALUES (7, 11111, 'old@example.com')")
    scene.sql("INSERT INTO users (id, procore_id, email) VALUES (9, 11111, 'new@example.com')")
    scene.sql("INSERT INTO users (id, procore_id, email) VALUES (8, 55555, 'stranger@example.com')")
    scene.sql("INSERT INTO users (id, procore_id, email) VALUES (10, NULL, 'none@example.com')")
    scene.sql("INSERT INTO users (id, procore_id, email) VALUES (11, 0, 'zero@example.com')")
    accounts = scene.run().accounts
    assert [each.account.user.id for each in accounts.list_strangers()] == [7, 8]
    saved = scene.run().tokens.save_signin(scene.new_tokens(1), JOE)
    assert (saved.is_new, saved.account.user.id) == (False, 7)
    accounts = scene.run().accounts
    assert [each.account.user.id for each in accounts.list_known()] == [7]
    assert [each.account.user.id for each in accounts.list_strangers()] == [8]
    assert [(user.id, user.email) for user in accounts.list_people(5)] == [
        (7, JOE.login),
        (8, "stranger@example.com"),
    ]
    assert [accounts.find_row(row) and accounts.find_row(row).id for row in (7, 9, 10, 11, 12, 2**70)] == [
        7,
        7,
        None,
        None,
        None,
        None,
    ]  # type: ignore[union-attr]
    assert accounts.find_named("stranger@example.com").user.id == 8


def test_accounts_are_listed_in_pages(scene: Scene):
    for number in range(1, 6):
        scene.sign_in(number, Me(number, f"p{number}@example.com", None))
    scene.run().tokens.sign_out(scene.run().accounts.find_named("3"))
    accounts, seen, after = scene.run().accounts, [], 0
    while page := accounts.list_known(after, 2):
        assert len(page) <= 2
        seen += [(each.account.user.procore_id, each.is_signed_in, each.is_current) for each in page]
        after = page[-1].account.user.id
    assert seen == [(number, number != 3, number == 5) for number in range(1, 6)]


def test_what_me_says_now_is_remembered(scene: Scene):
    joe = scene.sign_in()
    new = Me(JOE.id, "joe@example.com", "Joe \0\ud800 C.")
    known = scene.run().accounts.remember(joe, new)
    assert known.user == joe.user._replace(email="joe@example.com")
    listed = scene.run().accounts.list_known()[0].account
    assert listed.user == known.user
    assert (listed.name or "").startswith("Joe ")
    assert scene.find_token(known) == "access-1"


def test_an_app_is_known_once_somebody_signed_in_with_it(scene: Scene):
    accounts = scene.run().accounts
    assert not accounts.knows_app(BINDING.client_id, BINDING.login_origin)
    scene.sign_in()
    accounts.remember_app(BINDING.client_id, BINDING.login_origin)
    assert accounts.knows_app(BINDING.client_id, BINDING.login_origin)
    assert not accounts.knows_app("another-app", BINDING.login_origin)


def test_the_key_of_web_sign_ins_is_the_same_for_every_run(scene: Scene):
    key = scene.run().web_key.load()
    assert scene.run().web_key.load() == key
    assert scene.run().web_key.list() == [key]


def test_the_store_is_proved(scene: Scene):
    scene.run().tokens.prove()
    assert scene.run().accounts.list_known() == []
