"""What `import procore_cli` offers a Python program, what it costs, and how it talks."""

import inspect
import os
import subprocess
import sys
import typing
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

import procore_cli
from procore_cli import (
    Accounts,
    ProcoreAuth,
    ProcoreLoginError,
    Profile,
    SignInNeededError,
    UsageMistakeError,
    current_user,
    errors,
    get_token,
    log,
)
from tests.cli import ROOT, Machine
from tests.people import SECOND, THIRD
from tests.provider import JOE
from tests.python_api.caller import end_soon
from tests.signed_in import last_token, refreshes


def run_python(code: str, *options: str, environ: dict[str, str] | None = None) -> list[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ran = subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**plain, **(environ or {})},
    )
    return [*ran.stdout.split(), *([f"stderr: {ran.stderr}"] if ran.stderr else [])]


def test_importing_the_package_loads_nothing_but_itself():
    code = (
        "import sys; before = set(sys.modules); import procore_cli; print(*sorted(set(sys.modules) - before))"
    )
    assert run_python(code, "-S", "-W", "error") == ["procore_cli"]


def test_a_name_that_is_asked_for_loads_neither_requests_nor_keyring_nor_rich():
    code = "import sys; from procore_cli import *; print(*sys.modules)"
    heavy = {"requests", "httpx", "keyring", "rich", "sqlite3", "click", "oauthlib", "logging"}
    assert not heavy & set(run_python(code, "-S", environ={"PYTHONPATH": ":".join(sys.path)}))


def test_every_public_name_is_there_and_listed():
    namespace: dict[str, object] = {}
    exec("from procore_cli import *", namespace)
    assert set(procore_cli.__all__) <= namespace.keys()
    assert set(procore_cli.__all__) <= set(dir(procore_cli))
    assert procore_cli.ProcoreLoginError is errors.ProcoreLoginError
    with pytest.raises(AttributeError, match="no_such_name"):
        procore_cli.no_such_name  # noqa: B018 - asking is the test
    assert (ROOT / "procore_cli" / "py.typed").exists()


def test_the_error_classes_say_what_went_wrong_as_the_exit_codes_do():
    codes = {
        name: cls.exit_code
        for name in procore_cli.__all__
        if isinstance(cls := getattr(procore_cli, name), type) and issubclass(cls, ProcoreLoginError)
    }

    names = ["ProcoreLogin", "UsageMistake", "Configuration", "SignInNeeded", "Procore", "Storage"]
    # A person's own choice is no trouble: a web app tells it from the rest.
    assert codes == {f"{name}Error": code for code, name in enumerate(names, 1)} | {"ConsentDeniedError": 4}


def test_the_signatures_are_typed_and_all_but_the_environment_is_named():
    who = {"env": str | None, "account": str | None, "company": int | str | None}
    assert typing.get_type_hints(get_token) == {**who, "min_ttl": int, "refused": str | None, "return": str}
    assert typing.get_type_hints(current_user) == {**who, "return": Profile}
    for public in (get_token, current_user, ProcoreAuth):
        kinds = [parameter.kind for parameter in inspect.signature(public).parameters.values()]
        assert kinds[0] is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert set(kinds[1:]) == {inspect.Parameter.KEYWORD_ONLY}


def test_each_async_twin_of_accounts_is_typed_as_the_other():
    for name in ("begin", "finish", "sign_out"):
        one, twin = getattr(Accounts, name), getattr(Accounts, f"async_{name}")
        assert typing.get_type_hints(one) == typing.get_type_hints(twin)
        assert inspect.signature(one) == inspect.signature(twin)
        assert inspect.iscoroutinefunction(twin)
    assert typing.get_type_hints(Accounts.auth)["return"] is ProcoreAuth


def test_get_token_gives_the_token_and_renews_it_when_asked_for_more(machine, provider):
    end_soon(machine, provider)
    first, second = get_token(), get_token("production", account=JOE["login"], min_ttl=100)
    assert first == second == last_token(provider)
    assert refreshes(provider) == 1


def test_a_time_or_a_company_that_is_none_is_refused():
    wrong_times: list[Any] = ["x", -1, 1.5, None, True]
    wrong_companies: list[Any] = [0, -1, True, "x", "", 1.5]
    for min_ttl in wrong_times:
        for ask in (get_token, ProcoreAuth):
            with pytest.raises(UsageMistakeError, match="min_ttl"):
                ask(min_ttl=min_ttl)
    for company in wrong_companies:
        with pytest.raises(UsageMistakeError):
            ProcoreAuth(company=company)


def test_an_unknown_environment_is_named_with_the_argument_it_came_from():
    with pytest.raises(UsageMistakeError, match=r"\(from env=\)"):
        get_token("nope")


def test_current_user_is_whoever_procore_says(machine, api):
    api.always(JOE)
    user = current_user()
    assert isinstance(user, Profile)
    assert (user.environment, user.procore_id, user.email, user.name) == ("production", *JOE.values())
    assert user.expires_at.tzinfo is UTC
    assert user.expires_at > datetime.now(UTC)


def test_another_account_can_be_named(shared):
    assert current_user().procore_id == THIRD["id"]
    assert current_user(account=SECOND["login"]).procore_id == SECOND["id"]
    with pytest.raises(UsageMistakeError):
        get_token(account="nobody@example.com")


def test_nobody_signed_in_is_an_error_that_says_what_to_type(monkeypatch):
    for ask in (get_token, current_user):
        with pytest.raises(SignInNeededError, match="sandbox") as caught:
            ask("sandbox")
        assert "procore-login signin --env sandbox" in caught.value.hint


def test_a_token_from_elsewhere_is_handed_on_and_the_log_says_so_once(machine, monkeypatch, caplog):
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")
    assert {get_token(), get_token()} == {"from-elsewhere"}
    said = [record for record in caplog.records if "PROCORE_ACCESS_TOKEN" in record.getMessage()]
    assert [(record.name, record.levelname) for record in said] == [("procore_cli", "WARNING")]
    with pytest.raises(SignInNeededError):
        current_user()


def test_what_comes_from_outside_cannot_forge_a_line_of_the_log(caplog):
    log.LogConsole().warn("one\ntwo \x1b[31m")
    log.LogConsole().trace("not heard")
    assert caplog.messages == ["one\\ntwo \\x1b[31m"]


def test_a_program_without_logging_hears_warnings_on_stderr(machine):
    code = "from procore_cli import get_token; get_token()"
    (said,) = run_python(code, environ=machine.environ() | {"PROCORE_ACCESS_TOKEN": "from-elsewhere"})
    assert "Using the token from PROCORE_ACCESS_TOKEN" in said


def test_processes_share_one_refresh(machine, provider):
    end_soon(machine, provider)
    code = (
        "import os, requests; from procore_cli import ProcoreAuth;"
        "print(requests.get(os.environ['PROCORE_API_URL'] + '/x', auth=ProcoreAuth()).status_code)"
    )
    with ThreadPoolExecutor(2) as pool:
        ran = list(pool.map(lambda _: run_python(code, environ=machine.environ())[0], range(2)))
    assert ran == ["200"] * 2
    assert refreshes(provider) == 1


def test_the_demo_is_called_where_it_runs(tmp_path):
    machine = Machine(tmp_path / "machine", {"PROCORE_ENV": "demo"})
    assert machine.run_here("signup").code == 0
    code = """
import os, requests
from procore_cli import ProcoreAuth, current_user, get_token
url = os.environ["PROCORE_API_URL"] + "/rest/v1.0/me"
print(requests.get(url, auth=ProcoreAuth()).json()["login"], current_user().email)
assert get_token() == os.environ["PROCORE_ACCESS_TOKEN"]
"""
    result = machine.run("exec", "--", sys.executable, "-c", code)
    assert (result.code, result.out, result.err) == (0, f"{JOE['login']} {JOE['login']}\n", "")
