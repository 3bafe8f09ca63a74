"""Which app signs in, and that no secret or token is paired with a stranger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from procore_cli.config.environments import MONTHLY, PRODUCTION
from procore_cli.config.settings import Overrides, Settings, load_settings
from procore_cli.errors import BindingError, MissingCredentialsError
from procore_cli.flows.credentials import check_tokens, find_app, is_kept_for
from procore_cli.models import Binding
from procore_cli.storage.files import ClientSecrets, StoredSecret
from procore_cli.storage.opening import new_stores


@dataclass
class World:
    """Settings over a data folder, with client secrets in files."""

    folder: Path

    def settings(self, environment: str, **variables: str) -> Settings:
        environ = {"PROCORE_LOGIN_HOME": str(self.folder), **variables}
        return load_settings(Overrides(environment), environ)

    def secrets(self, environment: str) -> ClientSecrets:
        stores = new_stores(self.folder)
        return ClientSecrets(stores, "file", environment)

    def keep(self, environment: str, client_id: str, origin: str) -> None:
        self.secrets(environment).save(client_id, origin, "hush")

    def find(self, environment: str, **variables: str) -> tuple[str, str]:
        app = find_app(self.settings(environment, **variables), self.secrets(environment))
        return app.client_id, app.client_secret


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "data")


def test_variables_are_enough(world: World) -> None:
    found = world.find("production", PROCORE_CLIENT_ID="id", PROCORE_CLIENT_SECRET="secret")

    assert found == ("id", "secret")


def test_a_kept_secret_goes_with_its_own_id(world: World) -> None:
    world.keep("production", "id", "https://login.procore.com")

    assert world.find("production", PROCORE_CLIENT_ID="id") == ("id", "hush")


def test_an_id_from_a_variable_never_gets_the_secret_of_another(world: World) -> None:
    world.keep("production", "id", "https://login.procore.com")

    with pytest.raises(BindingError) as caught:
        world.find("production", PROCORE_CLIENT_ID="other")

    assert caught.value.exit_code == 3
    assert "id" in caught.value.message
    assert "other" in caught.value.message
    assert "PROCORE_CLIENT_ID" in caught.value.hint


def test_a_kept_secret_is_not_sent_to_another_host(world: World) -> None:
    world.keep("production", "id", "https://login.procore.com")

    with pytest.raises(BindingError, match=r"https://login\.example\.com"):
        world.find("production", PROCORE_CLIENT_ID="id", PROCORE_LOGIN_URL="https://login.example.com")


def test_monthly_may_use_productions_secret(world: World) -> None:
    world.keep("production", "id", "https://login.procore.com")

    assert world.find("monthly", PROCORE_CLIENT_ID="id") == ("id", "hush")


def test_monthlys_own_secret_comes_first(world: World) -> None:
    world.keep("production", "id", "https://login.procore.com")
    world.keep("monthly", "mine", "https://login-sandbox-monthly.procore.com")

    assert world.find("monthly", PROCORE_CLIENT_ID="mine") == ("mine", "hush")


@pytest.mark.parametrize(
    ("environment", "kept_for"),
    [("monthly", "https://login.example.com"), ("sandbox", "https://login.procore.com")],
)
def test_no_other_pair_of_hosts_shares_a_secret(world: World, environment: str, kept_for: str) -> None:
    world.keep("production", "id", kept_for)

    with pytest.raises((BindingError, MissingCredentialsError)):
        world.find(environment, PROCORE_CLIENT_ID="id")


def test_monthly_at_another_host_does_not_get_productions_secret(world: World) -> None:
    world.keep("production", "id", "https://login.procore.com")

    with pytest.raises(BindingError):
        world.find("monthly", PROCORE_CLIENT_ID="id", PROCORE_LOGIN_URL="https://login.example.com")


def test_production_at_monthlys_host_does_not_get_productions_secret(world: World) -> None:
    world.keep("production", "id", "https://login.procore.com")

    with pytest.raises(BindingError, match=r"https://login-sandbox-monthly\.procore\.com"):
        world.find(
            "production",
            PROCORE_CLIENT_ID="id",
            PROCORE_LOGIN_URL="https://login-sandbox-monthly.procore.com",
        )


def test_a_variable_that_names_another_environments_host_is_not_said_to_be_unset(world: World) -> None:
    world.keep("production", "id", "https://login.example.com")
    named = "https://login-sandbox.procore.com"

    with pytest.raises(BindingError) as of_variable:
        world.find("production", PROCORE_CLIENT_ID="id", PROCORE_LOGIN_URL=named)
    with pytest.raises(BindingError) as of_none:
        world.find("production", PROCORE_CLIENT_ID="id")

    assert "(see PROCORE_LOGIN_URL)" in of_variable.value.message
    assert "(PROCORE_LOGIN_URL is not set)" in of_none.value.message


def test_monthlys_own_secret_is_not_lent_from_host_to_host(world: World) -> None:
    world.keep("monthly", "id", "https://login.procore.com")

    with pytest.raises(BindingError):
        world.find("monthly", PROCORE_CLIENT_ID="id")


def test_monthly_does_not_get_the_secret_of_another_app_of_production(world: World) -> None:
    world.keep("production", "id", "https://login.procore.com")

    with pytest.raises(BindingError, match="PROCORE_CLIENT_ID"):
        world.find("monthly", PROCORE_CLIENT_ID="other")


@pytest.mark.parametrize(
    ("environment", "start"),
    [
        ("production", "The kept client secret of production"),
        ("monthly", "monthly: The kept client secret of"),
    ],
)
def test_a_refusal_names_the_environment_in_force_once(world: World, environment: str, start: str) -> None:
    world.keep("production", "id", "https://login.procore.com")

    with pytest.raises(BindingError) as refused:
        world.find(environment, PROCORE_CLIENT_ID="other")

    assert str(refused.value.happened_in(environment)).startswith(f"{start} ")


def test_the_demo_has_an_app_of_its_own(world: World) -> None:
    client_id, secret = world.find("demo", PROCORE_CLIENT_ID="id", PROCORE_CLIENT_SECRET="secret")

    assert client_id.startswith("pretend")
    assert secret.startswith("pretend")


BOUND = Binding("id", "https://login.procore.com", "https://api.procore.com")


def test_tokens_of_the_app_and_hosts_in_force_pass(world: World) -> None:
    check_tokens(world.settings("production", PROCORE_CLIENT_ID="id"), BOUND)


@pytest.mark.parametrize(
    ("made_for", "setting"),
    [
        (BOUND._replace(client_id="other"), "PROCORE_CLIENT_ID"),
        (BOUND._replace(login_origin="https://login.example.com"), "PROCORE_LOGIN_URL"),
        (BOUND._replace(api_origin="https://api.example.com"), "PROCORE_API_URL"),
    ],
)
def test_tokens_of_another_app_or_host_are_refused_by_name(
    world: World, made_for: Binding, setting: str
) -> None:
    with pytest.raises(BindingError) as caught:
        check_tokens(world.settings("production", PROCORE_CLIENT_ID="id"), made_for)

    assert setting in caught.value.hint


@pytest.mark.parametrize(
    "same",
    [
        "https://login.procore.com/",
        "https://login.procore.com:443",
        "https://LOGIN.Procore.com",
        "HTTPS://login.procore.com",
    ],
)
def test_an_origin_is_the_same_however_it_is_written(world: World, same: str) -> None:
    world.keep("production", "id", "https://login.procore.com")

    check_tokens(world.settings("production", PROCORE_CLIENT_ID="id", PROCORE_LOGIN_URL=same), BOUND)
    assert world.find("production", PROCORE_CLIENT_ID="id", PROCORE_LOGIN_URL=same) == ("id", "hush")


@pytest.mark.parametrize("other", ["https://login.procore.com:8443", "https://login.procore.com."])
def test_an_origin_with_another_port_or_name_is_another(world: World, other: str) -> None:
    settings = world.settings("production", PROCORE_CLIENT_ID="id", PROCORE_LOGIN_URL=other)

    with pytest.raises(BindingError):
        check_tokens(settings, BOUND)


def test_tokens_pass_where_no_app_is_in_force(world: World) -> None:
    check_tokens(world.settings("production"), BOUND)


def test_the_demo_records_its_name_in_place_of_both_origins(world: World) -> None:
    settings = world.settings("demo").at("http://127.0.0.1:5")

    assert settings.binding("pretend") == Binding("pretend", "demo", "demo")


@pytest.mark.parametrize("url", ["https://login.procore.com", "http://localhost.example.com"])
def test_the_demos_app_and_tokens_stay_on_this_machine(world: World, url: str) -> None:
    settings = world.settings("demo").at(url)

    for attempt in (
        lambda: check_tokens(settings, settings.binding("pretend")),
        lambda: find_app(settings, world.secrets("demo")),
    ):
        with pytest.raises(BindingError, match="PROCORE_LOGIN_URL") as caught:
            attempt()
        assert url in caught.value.message


def test_demo_tokens_are_bound_to_the_demo_whatever_its_port(world: World) -> None:
    settings = world.settings("demo").at("http://127.0.0.1:5")

    check_tokens(settings, settings.at("http://127.0.0.1:6").binding("pretend"))
    with pytest.raises(BindingError):
        check_tokens(settings, BOUND)


@pytest.mark.parametrize(
    ("login_url", "fits"),
    [(MONTHLY.login_url, True), ("http://127.0.0.1:18991", False), (PRODUCTION.login_url, False)],
)
def test_productions_secret_is_lent_to_the_monthly_sandboxs_own_host_alone(
    tmp_path: Path, login_url: str, fits: bool
) -> None:
    environ = {"PROCORE_LOGIN_HOME": str(tmp_path), "PROCORE_LOGIN_URL": login_url}
    settings = load_settings(Overrides("monthly"), environ)
    stored = StoredSecret(PRODUCTION.name, "client", PRODUCTION.login_url, "hush")

    assert is_kept_for(settings, stored, "client") is fits
    assert not is_kept_for(settings, stored, "another")
