"""Which app signs in, and that no secret or token is paired with a stranger."""

from __future__ import annotations

from pathlib import Path

import pytest

from procore_cli.config.environments import MONTHLY, PRODUCTION, SANDBOX
from procore_cli.config.settings import Overrides, Settings, load_settings
from procore_cli.errors import BindingError, MissingCredentialsError
from procore_cli.flows.credentials import check_tokens, find_app, is_kept_for
from procore_cli.models import Binding
from procore_cli.storage.files import ClientSecrets, StoredSecret
from procore_cli.storage.opening import new_stores

HOME, MONTHLY_HOME, OTHER = PRODUCTION.login_url, MONTHLY.login_url, "https://login.example.com"
BOUND = Binding("id", HOME, "https://api.procore.com")
KEPT = ("production", "id", HOME)
SAME = [f"{HOME}/", f"{HOME}:443", "https://LOGIN.Procore.com", "HTTPS://login.procore.com"]


def settings(folder: Path, environment: str, **variables: str) -> Settings:
    return load_settings(Overrides(environment), {"PROCORE_LOGIN_HOME": str(folder), **variables})


def secrets(folder: Path, environment: str) -> ClientSecrets:
    return ClientSecrets(new_stores(folder), "file", environment)


def find(folder: Path, environment: str, client_id: str, url: str) -> tuple[str, str]:
    variables = {"PROCORE_CLIENT_ID": client_id, "PROCORE_LOGIN_URL": url}
    app = find_app(settings(folder, environment, **variables), secrets(folder, environment))
    return app.client_id, app.client_secret


def test_variables_are_enough_and_the_demo_has_an_app_of_its_own(tmp_path: Path) -> None:
    given = {"PROCORE_CLIENT_ID": "id", "PROCORE_CLIENT_SECRET": "secret"}
    app, demo = (
        find_app(settings(tmp_path, name, **given), secrets(tmp_path, name))
        for name in ("production", "demo")
    )
    assert (app.client_id, app.client_secret) == ("id", "secret")
    assert demo.client_id.startswith("pretend")
    assert demo.client_secret.startswith("pretend")


@pytest.mark.parametrize(
    ("kept", "environment", "client_id", "url", "found"),
    [
        *(([KEPT], "production", "id", url, "hush-production") for url in ("", *SAME)),
        # The monthly sandbox may use production's, at its own host and for the same app.
        ([KEPT], "monthly", "id", "", "hush-production"),
        ([KEPT, ("monthly", "mine", MONTHLY_HOME)], "monthly", "mine", "", "hush-monthly"),
    ],
)
def test_a_kept_secret_goes_with_its_own_id_and_host(
    tmp_path: Path, kept: list[tuple[str, str, str]], environment: str, client_id: str, url: str, found: str
) -> None:
    for of, kept_id, origin in kept:
        secrets(tmp_path, of).save(kept_id, origin, f"hush-{of}")
    assert find(tmp_path, environment, client_id, url) == (client_id, found)


@pytest.mark.parametrize(
    ("kept", "environment", "client_id", "url", "words"),
    [
        (KEPT, "production", "other", "", ["id", "other", "PROCORE_CLIENT_ID"]),
        (KEPT, "production", "id", OTHER, [OTHER]),
        (KEPT, "production", "id", f"{HOME}:8443", [f"{HOME}:8443"]),
        (KEPT, "production", "id", MONTHLY_HOME, [MONTHLY_HOME]),
        (KEPT, "monthly", "id", OTHER, [OTHER]),
        (KEPT, "monthly", "other", "", ["PROCORE_CLIENT_ID"]),
        (("production", "id", OTHER), "monthly", "id", "", []),
        (KEPT, "sandbox", "id", "", []),
        (("monthly", "id", HOME), "monthly", "id", "", []),
        # Whether the variable is set is said as it is.
        (("production", "id", OTHER), "production", "id", SANDBOX.login_url, ["(see PROCORE_LOGIN_URL)"]),
        (("production", "id", OTHER), "production", "id", "", ["(PROCORE_LOGIN_URL is not set)"]),
    ],
)
def test_no_other_app_or_host_gets_a_kept_secret(
    tmp_path: Path, kept: tuple[str, str, str], environment: str, client_id: str, url: str, words: list[str]
) -> None:
    of, kept_id, origin = kept
    secrets(tmp_path, of).save(kept_id, origin, "hush")
    with pytest.raises((BindingError, MissingCredentialsError)) as refused:
        find(tmp_path, environment, client_id, url)
    assert refused.value.exit_code == 3
    said = f"{refused.value.message} {refused.value.hint}"
    assert [word for word in words if word not in said] == []
    assert "hush" not in said


def test_a_refusal_names_the_environment_in_force_once(tmp_path: Path) -> None:
    secrets(tmp_path, "production").save("id", HOME, "hush")
    for environment, start in (
        ("production", "The kept client secret of production"),
        ("monthly", "monthly: The kept client secret of"),
    ):
        with pytest.raises(BindingError) as refused:
            find(tmp_path, environment, "other", "")
        assert str(refused.value.happened_in(environment)).startswith(f"{start} ")


def test_tokens_of_the_app_and_hosts_in_force_pass(tmp_path: Path) -> None:
    for url in ("", *SAME):
        urls = {
            "PROCORE_LOGIN_URL": url,
            "PROCORE_API_URL": url.replace("login", "api").replace("LOGIN", "Api"),
        }
        check_tokens(settings(tmp_path, "production", PROCORE_CLIENT_ID="id", **urls), BOUND)
    # Where no app is in force, none is another.
    check_tokens(settings(tmp_path, "production"), BOUND)


@pytest.mark.parametrize(
    ("made_for", "setting"),
    [
        (BOUND._replace(client_id="other"), "PROCORE_CLIENT_ID"),
        (BOUND._replace(login_origin=OTHER), "PROCORE_LOGIN_URL"),
        (BOUND._replace(login_origin=f"{HOME}:8443"), "PROCORE_LOGIN_URL"),
        (BOUND._replace(login_origin=f"{HOME}."), "PROCORE_LOGIN_URL"),
        (BOUND._replace(api_origin="https://api.example.com"), "PROCORE_API_URL"),
    ],
)
def test_tokens_of_another_app_or_host_are_refused_by_name(
    tmp_path: Path, made_for: Binding, setting: str
) -> None:
    with pytest.raises(BindingError) as caught:
        check_tokens(settings(tmp_path, "production", PROCORE_CLIENT_ID="id"), made_for)
    assert setting in caught.value.hint


@pytest.mark.parametrize("url", [HOME, "http://localhost.example.com"])
def test_the_demos_app_and_tokens_stay_on_this_machine(tmp_path: Path, url: str) -> None:
    elsewhere = settings(tmp_path, "demo").at(url)
    for attempt in (
        lambda: check_tokens(elsewhere, elsewhere.binding("pretend")),
        lambda: find_app(elsewhere, secrets(tmp_path, "demo")),
    ):
        with pytest.raises(BindingError, match="PROCORE_LOGIN_URL") as caught:
            attempt()
        assert url in caught.value.message


def test_demo_tokens_are_bound_to_the_demo_whatever_its_port(tmp_path: Path) -> None:
    demo = settings(tmp_path, "demo").at("http://127.0.0.1:5")
    assert demo.binding("pretend") == Binding("pretend", "demo", "demo")
    check_tokens(demo, demo.at("http://127.0.0.1:6").binding("pretend"))
    with pytest.raises(BindingError):
        check_tokens(demo, BOUND)


def test_productions_secret_is_lent_to_the_monthly_sandboxs_own_host_alone(tmp_path: Path) -> None:
    stored = StoredSecret(PRODUCTION.name, "client", HOME, "hush")
    for login_url, fits in ((MONTHLY_HOME, True), ("http://127.0.0.1:18991", False), (HOME, False)):
        monthly = settings(tmp_path, "monthly", PROCORE_LOGIN_URL=login_url)
        assert is_kept_for(monthly, stored, "client") is fits
        assert not is_kept_for(monthly, stored, "another")
