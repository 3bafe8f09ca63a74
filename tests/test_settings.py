"""Which setting wins, and what is said about it."""

import hashlib
import io
import os
from pathlib import Path
from typing import cast

import pytest

from procore_cli.config import private_files
from procore_cli.config.settings import Overrides, Settings, find_default_environment, load_settings
from procore_cli.console import Console
from procore_cli.errors import ConfigurationError, ProcoreLoginError, UnknownEnvironmentError
from procore_cli.log import heard_by
from procore_cli.models import Binding

EMPTY = "PROCORE_ENV PROCORE_LOGIN_URL PROCORE_LOGIN_DB PROCORE_CLIENT_ID"


class World:
    """A data folder, variables and the warnings that came of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._console = Console(io.StringIO())

    @property
    def warnings(self) -> list[str]:
        said = cast(io.StringIO, self._console.stream).getvalue()
        return [line.removeprefix("Warning: ") for line in said.splitlines()]

    def configure(self, text: str) -> None:
        private_files.save_bytes(self.folder / "config.toml", text.encode())

    def load(self, asked: Overrides = Overrides(), **variables: str) -> Settings:  # noqa: B008 - frozen
        environ = {"PROCORE_LOGIN_HOME": str(self.folder), **variables}
        with heard_by(self._console):
            return load_settings(asked, environ)


@pytest.fixture
def world(tmp_path: Path) -> World:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return World(folder)


def test_without_anything_it_is_production_and_the_tutorials_redirect_uri(world, own_world):
    # A variable that is empty is not set.
    for variables in ({}, dict.fromkeys((*EMPTY.split(), "PROCORE_LOGIN_NONSENSE"), "")):
        settings = world.load(**variables)
        assert settings.environment.name == "production"
        assert settings.environment.login_url == "https://login.procore.com"
        assert settings.environment.api_url == "https://api.procore.com"
        assert settings.redirect_uri.text == "http://localhost:4567/callback"
        assert settings.database == world.folder / "production.db"
        assert (settings.store, settings.client_id, world.warnings) == ("keyring", None, [])
    folder = load_settings(Overrides(), {}).folder
    assert (folder.name, own_world in folder.parents) == ("procore-login", True)


def test_option_beats_variable_beats_config_and_an_unknown_environment_exits_2_wherever_it_is_named(world):
    world.configure('environment = "federal"')
    assert world.load().environment.name == "federal"
    assert world.load(PROCORE_ENV="monthly").environment.name == "monthly"
    assert world.load(Overrides("sandbox"), PROCORE_ENV="monthly").environment.name == "sandbox"
    for asked, variables in ((Overrides("sandbx"), {}), (Overrides(), {"PROCORE_ENV": "sandbx"})):
        with pytest.raises(UnknownEnvironmentError, match="sandbx") as caught:
            world.load(asked, **variables)
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("config", "variables", "name"),
    [
        ("", {}, "production"),
        ('environment = "sandbox"', {}, "sandbox"),
        ('environment = "sandbox"', {"PROCORE_ENV": "demo"}, "demo"),
        ("environment = [", {}, ""),
        # What a command of exec says is typed outside of it.
        ("", {"PROCORE_ENV": "demo", "PROCORE_LOGIN_EXEC": "0" * 64}, ""),
    ],
)
def test_commands_in_hints_know_the_environment_that_is_in_force_where_they_are_typed(
    world, config, variables, name
):
    (world.folder / "config.toml").write_text(config)
    assert find_default_environment({"PROCORE_LOGIN_HOME": str(world.folder), **variables}) == name


def test_variables_win_over_config_for_the_app_and_monthly_takes_productions_id(world):
    world.configure(
        '[environments.production]\nclient_id = "filed"\nredirect_uri = "http://localhost:9/"\ncompany = 1'
    )
    filed = world.load()
    varied = world.load(
        PROCORE_CLIENT_ID="varied", PROCORE_REDIRECT_URI="http://localhost:10/", PROCORE_COMPANY_ID="2"
    )
    assert (filed.client_id, filed.redirect_uri.port, filed.company) == ("filed", 9, 1)
    assert filed.sources["client id"] == "config.toml [environments.production]"
    assert (varied.client_id, varied.redirect_uri.port, varied.company) == ("varied", 10, 2)
    assert varied.sources["client id"] == "PROCORE_CLIENT_ID"
    assert world.load(Overrides("monthly")).client_id == "filed"
    assert world.load(Overrides("sandbox")).client_id is None


def test_each_base_url_that_differs_gets_a_line_and_two_at_one_origin_share_theirs(world):
    world.load(PROCORE_LOGIN_URL="https://login.procore.com:443/")
    assert world.warnings == []
    settings = world.load(
        PROCORE_LOGIN_URL="https://login.example.com/", PROCORE_API_URL="http://127.0.0.1:8080"
    )
    assert settings.environment.login_url == "https://login.example.com"
    assert settings.binding("id") == Binding("id", "https://login.example.com", "http://127.0.0.1:8080")
    login, api = world.warnings
    assert "https://login.example.com" in login
    assert "http://127.0.0.1:8080" in api
    world.load(
        PROCORE_LOGIN_URL="https://proxy.example.com", PROCORE_API_URL="https://PROXY.example.com:443/"
    )
    (both,) = world.warnings[2:]
    assert "API at https://proxy.example.com (PROCORE_LOGIN_URL, PROCORE_API_URL)." in both


def test_an_id_or_secret_that_cannot_be_one_is_refused_by_name_and_not_shown(world):
    for name in ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET"):
        for value in ("hush ", " hush", "hush\n", "hu\x1bsh", "hush\udcff", "hush\u00a0", " ", "hush" * 2000):
            with pytest.raises(ConfigurationError, match=name) as caught:
                world.load(**{name: value})
            assert caught.value.exit_code == 3
            assert "hush" not in caught.value.message + caught.value.hint
            # The demo has an app of its own, and does not look at them.
            assert world.load(Overrides("demo"), **{name: value}).client_id is None


NO_DATABASE = r"PROCORE_LOGIN_DB is neither a path nor a URL"
NO_STORE = r'PROCORE_LOGIN_STORE .*"cache\.example/0"'


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PROCORE_LOGIN_DB", "mysql://joe:hush@db.example/x", NO_DATABASE),
        ("PROCORE_LOGIN_DB", "PostgreSQL://db.example/x?password=hush", NO_DATABASE),
        ("PROCORE_LOGIN_DB", '"postgresql://joe:hush@db.example/x"', NO_DATABASE),
        ("PROCORE_LOGIN_DB", " POSTGRES://joe:hush@db.example", NO_DATABASE),
        ("PROCORE_LOGIN_DB", "postgresql+psycopg:joe:hush@db.example", NO_DATABASE),
        ("PROCORE_LOGIN_DB", "sqlite:///hush.db", NO_DATABASE),
        ("PROCORE_LOGIN_DB", "file:hush.db", NO_DATABASE),
        ("PROCORE_LOGIN_DB", "host=db.example password=hush dbname=x", NO_DATABASE),
        ("PROCORE_LOGIN_DB", "dbname = x password=hush", NO_DATABASE),
        ("PROCORE_LOGIN_STORE", "redis://joe:hush@cache.example/0", NO_STORE),
        ("PROCORE_LOGIN_STORE", "redis://joe:hu@sh@cache.example/0#hush", NO_STORE),
    ],
)
def test_a_url_is_no_database_and_no_store_and_its_password_not_repeated(world, name, value, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        world.load(**{name: value})
    assert caught.value.exit_code == 3
    assert "hu" not in caught.value.message + caught.value.hint


def test_a_path_is_a_database_and_a_secret_may_hold_a_space_inside(world):
    for value in ("test.db", "C:/test.db", "./a://b", "/a/file:b", "files.db", "hosts=1.db"):
        assert world.load(PROCORE_LOGIN_DB=value).database == Path(value).absolute()
    assert world.load(PROCORE_CLIENT_SECRET="a b").client_secret == "a b"


OF = "[environments.production]"
MISTAKES: tuple[tuple[str, dict[str, str], str, str], ...] = (
    ("", {"PROCORE_ENV": "prod"}, "environment", "PROCORE_ENV"),
    ("", {"PROCORE_CLIENT_ID": "a b"}, "client id", "PROCORE_CLIENT_ID"),
    ("", {"PROCORE_CLIENT_SECRET": " hush"}, "client secret", "PROCORE_CLIENT_SECRET"),
    ("", {"PROCORE_REDIRECT_URI": "nonsense"}, "redirect URI", "PROCORE_REDIRECT_URI"),
    ("", {"PROCORE_COMPANY_ID": "12a"}, "company", "PROCORE_COMPANY_ID"),
    ("", {"PROCORE_COMPANY_ID": "0"}, "company", "PROCORE_COMPANY_ID"),
    ("", {"PROCORE_COMPANY_ID": "\u0663"}, "company", "PROCORE_COMPANY_ID"),
    ("", {"PROCORE_LOGIN_STORE": "cloud"}, "store", "PROCORE_LOGIN_STORE"),
    ("", {"PROCORE_LOGIN_URL": "nonsense"}, "login URL", "PROCORE_LOGIN_URL"),
    ("", {"PROCORE_API_URL": "http://example.com"}, "API URL", "PROCORE_API_URL"),
    ("", {"PROCORE_LOGIN_DB": "sqlite:x"}, "database", "PROCORE_LOGIN_DB"),
    ("", {"PROCORE_LOGIN_DB": "~nobody-of-that-name/x"}, "", "PROCORE_LOGIN_DB"),
    ("", {"PROCORE_LOGIN_HOME": "~nobody-of-that-name/x"}, "", "PROCORE_LOGIN_HOME"),
    ("", {"PROCORE_ACCESS_TOKEN": "hu sh"}, "access token", "PROCORE_ACCESS_TOKEN"),
    ("", {"PROCORE_ACCESS_TOKEN": "line\nbreak"}, "access token", "PROCORE_ACCESS_TOKEN"),
    ('store = "cloud"', {}, "store", "config.toml"),
    ("store = 5", {}, "", "config.toml"),
    ('[environments.sandbox]\nclient_id = "a b"', {}, "client id", "config.toml [environments.sandbox]"),
    ("[environments.sandbox]\ncompany = -1", {}, "company", "config.toml [environments.sandbox]"),
    (f'{OF}\nredirect_uri = "nonsense"', {}, "redirect URI", f"config.toml {OF}"),
)


def test_an_error_says_which_setting_is_wrong_and_who_set_it(world):
    wrong = []
    for config, variables, setting, source in MISTAKES:
        world.configure(config)
        with pytest.raises(ProcoreLoginError) as caught:
            world.load(**variables)
        found = caught.value
        code = {"prod": 2, "~nobody-of-that-name/x": 6}.get("".join(variables.values()), 3)
        if (found.setting, found.source, found.exit_code) != (setting, source, code):
            wrong.append((config, variables, found))
        if any(name not in found.message for name in variables if name != "PROCORE_ENV"):
            wrong.append((config, variables, found))
    assert not wrong, wrong


def test_the_demo_ignores_the_app_of_other_environments_and_starts_a_server_unless_a_url_is_named(world):
    app = {"PROCORE_CLIENT_ID": "x", "PROCORE_CLIENT_SECRET": "y"}
    settings = world.load(Overrides("demo"), **app, PROCORE_API_URL="https://api.example.com")
    assert (settings.own_server, settings.client_id, settings.client_secret) == (True, None, None)
    assert settings.environment.api_url == ""
    assert settings.binding("id") == Binding("id", "demo", "demo")
    assert settings.at("http://127.0.0.1:5").environment.api_url == "http://127.0.0.1:5"
    elsewhere = {"PROCORE_LOGIN_URL": "http://127.0.0.1:5"}
    alone = world.load(Overrides("demo"), **elsewhere)
    both = world.load(Overrides("demo"), **elsewhere, PROCORE_API_URL="http://127.0.0.1:6")
    assert (alone.own_server, alone.environment.api_url) == (False, "http://127.0.0.1:5")
    assert both.environment.api_url == "http://127.0.0.1:6"
    assert world.warnings == []


def test_the_demo_keeps_its_tokens_in_files_unless_asked_and_what_is_unknown_is_named(world):
    world.configure('store = "keyring"')
    assert world.load(Overrides("demo")).store == "file"
    assert world.load(Overrides("demo"), PROCORE_LOGIN_STORE="keyring").store == "keyring"
    assert world.load(PROCORE_LOGIN_STORE="file").store == "file"
    assert world.warnings == []
    world.configure("colour = 1")
    world.load(PROCORE_LOGIN_STROE="file", PROCORE_OTHER="fine")
    assert len(world.warnings) == 2
    for name in ("PROCORE_LOGIN_STROE", "colour"):
        assert sum(name in line for line in world.warnings) == 1


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PROCORE_TOKEN": "x"}, ["PROCORE_TOKEN", "Did you mean PROCORE_ACCESS_TOKEN?"]),
        ({"PROCORE_ENVIRONMENT": "demo"}, ["PROCORE_ENVIRONMENT", "Did you mean PROCORE_ENV?"]),
        ({"PROCORE_LOGIN_STOR": "file"}, ["PROCORE_LOGIN_STOR", "Did you mean PROCORE_LOGIN_STORE?"]),
        ({"PROCORE_TOKEN": "x", "PROCORE_ACCESS_TOKEN": "y"}, []),
        ({"PROCORE_LOGO": "x"}, []),
    ],
)
def test_a_variable_that_people_take_for_ours_is_named_with_ours(world, variables, said):
    world.load(**variables)
    assert len(world.warnings) == bool(said)
    assert [words for words in said if words not in world.warnings[0]] == []


@pytest.mark.parametrize(
    ("uid", "variables", "is_said"),
    [
        (0, {"SUDO_USER": "joe"}, True),
        (0, {"SUDO_USER": "root"}, False),
        (0, {}, False),
        (1000, {"SUDO_USER": "joe"}, False),
        (0, {"SUDO_USER": "joe", "PROCORE_LOGIN_HOME": "/srv/procore"}, False),
    ],
)
def test_root_under_sudo_is_told_whose_data_folder_is_in_force(
    tmp_path, monkeypatch, uid, variables, is_said
):
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    console = Console(io.StringIO())
    with heard_by(console):
        load_settings(Overrides(), {"HOME": str(tmp_path), **variables})
    said = cast(io.StringIO, console.stream).getvalue()
    data = tmp_path / ".local/share/procore-login"
    assert (f"the data folder is {data}, whatever joe's is" in said) is is_said


def test_signing_in_ignores_account_and_token_and_says_so(world):
    settings = world.load(
        Overrides(heeds_account=False, heeds_token=False), PROCORE_LOGIN_ACCOUNT="x", PROCORE_ACCESS_TOKEN="t"
    )
    assert (settings.account, settings.access_token) == (None, None)
    assert len(world.warnings) == 1
    assert "PROCORE_ACCESS_TOKEN" in world.warnings[0]


def test_the_account_option_and_the_store_win_over_a_token_but_a_variable_does_not(world):
    variables = {"PROCORE_ACCESS_TOKEN": "t", "PROCORE_LOGIN_ACCOUNT": "variable"}
    by_option = world.load(Overrides(account="option"), **variables)
    by_variable = world.load(**variables)
    assert (by_option.account, by_option.access_token) == ("option", None)
    assert (by_variable.account, by_variable.access_token) == ("variable", "t")
    # One that exec handed over gives way to the store.
    digest = hashlib.sha256(b"frozen").hexdigest()
    for token, found in (("frozen", None), ("other", "other")):
        assert world.load(PROCORE_ACCESS_TOKEN=token, PROCORE_LOGIN_EXEC=digest).access_token == found
