"""Options, variables and `config.toml` → one frozen `Settings`; refuses to touch network or keyring.

What wins: an option, then a variable, then `config.toml`, then the default. A variable set to "" is not set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from procore_cli import log
from procore_cli.config.config_file import (
    CONFIG_NAME,
    Config,
    config_source,
    load_config,
    unknown_environment,
)
from procore_cli.config.environments import (
    DEFAULT_ENVIRONMENT,
    DEFAULT_REDIRECT_URI,
    DEMO,
    ENVIRONMENTS,
)
from procore_cli.config.folders import find_folder, new_path, require_folder, warn_of_sudo
from procore_cli.config.private_files import looking_only
from procore_cli.config.urls import (
    RedirectUri,
    find_origin,
    is_shared_database,
    read_base_url,
    read_redirect_uri,
    warn_of_urls,
)
from procore_cli.config.variables import (
    VARIABLES,
    check_variables,
    find_set,
    find_unknown,
    is_handed_over,
    without_what_exec_set,
)
from procore_cli.errors import ConfigurationError, ProcoreLoginError, errors_in
from procore_cli.models import SERVICE_ACCOUNT, Binding, Environment, StoreName

if TYPE_CHECKING:
    from procore_cli.config.shared_database import SharedDatabase

_DEFAULT = "default"
_EMBEDDED = "the embedded Procore"


class Value(NamedTuple):
    """What a setting says, and who says so: an option, a variable, a part of `config.toml`."""

    value: Any
    source: str


@dataclass(frozen=True)
class Settings:
    """What is in force for one run of a command; `sources` says of each setting, by its name, who says so."""

    environment: Environment
    redirect_uri: RedirectUri
    client_id: str | None
    client_secret: str | None = field(repr=False)
    company: int | None
    home: Path | None
    named_database: Path | None
    shared: SharedDatabase | None
    store: StoreName
    account: str | None
    access_token: str | None = field(repr=False)
    ca_bundle: str | None
    in_exec: bool
    sources: Mapping[str, str]

    @property
    def is_demo(self) -> bool:
        """Whether the environment is the embedded Procore."""
        return self.environment.name == DEMO.name

    @property
    def own_server(self) -> bool:
        """Whether the embedded Procore is to be started here; else it runs elsewhere."""
        return self.sources["login URL"] == _EMBEDDED

    def is_from_variable(self, setting: str) -> bool:
        """Whether a variable says what a setting is, which wins over all that is kept."""
        return self.sources[setting] == VARIABLES[setting]

    @property
    def folder(self) -> Path:
        """The data folder. Raises DataFolderError where there is none to be had."""
        return require_folder(self.home)

    @property
    def login_origin(self) -> str:
        """What token sets and client secrets record as the OAuth server's origin."""
        # The embedded Procore's port changes from run to run.
        return DEMO.name if self.is_demo else find_origin(self.environment.login_url)

    @property
    def api_origin(self) -> str:
        """What token sets record as the API's origin."""
        return DEMO.name if self.is_demo else find_origin(self.environment.api_url)

    @property
    def database(self) -> Path:
        """The SQLite file of the environment in force."""
        return self.find_database(self.environment.name)

    def find_database(self, environment: str) -> Path:
        """The SQLite file of an environment: its own, unless PROCORE_LOGIN_DB names one for all."""
        if self.shared is not None:
            raise AssertionError("there is no file where the database is a shared one")
        return self.named_database or self.folder / f"{environment}.db"

    def binding(self, client_id: str) -> Binding:
        """What a token set that is received now belongs to."""
        return Binding(client_id, self.login_origin, self.api_origin)

    def at(self, url: str) -> Settings:
        """These settings with the embedded Procore at `url`."""
        return replace(self, environment=self.environment._replace(login_url=url, api_url=url))

    def describe(self) -> dict[str, Value]:
        """Each setting, by its name, as people may see it: no secret, no query."""
        own = "its own" if self.is_demo else ""
        file = self.database if not self.shared and (self.named_database or self.home) else "none"
        kept = f"procore-login/{self.environment.name}/client-secret, read when it is needed"
        shown = {
            "environment": self.environment.name,
            "client id": self.client_id or own or "none",
            "client secret": own or ("set" if self.client_secret else kept),
            "redirect URI": self.redirect_uri.text.partition("?")[0],
            "company": self.company or "none",
            "store": self.store,
            "data folder": self.home or "none",
            "database": self.shared.shown if self.shared else file,
            "login URL": self.environment.login_url or "not started yet",
            "API URL": self.environment.api_url or "not started yet",
            "account": self.account or "the current one",
            "access token": "set" if self.access_token else "the account's own",
            "CA": self.ca_bundle or "the system's store",
        }
        return {name: Value(str(text), self.sources[name]) for name, text in shown.items()}


class Overrides(NamedTuple):
    """What the command's options say, and which of the variables mean something to it.

    `source` is what the environment is asked for with.
    """

    environment: str | None = None
    account: str | None = None
    company: int | None = None
    heeds_account: bool = True
    heeds_token: bool = True
    source: str = "--env"


def load_settings(overrides: Overrides, environ: Mapping[str, str]) -> Settings:
    """Find out what is in force, and warn of what a person should know of.

    Raises UnknownEnvironmentError (2), ConfigurationError (3), DataFolderError (6).
    """
    variables = find_set(environ)
    for name, meant in find_unknown(variables).items():
        guess = f" Did you mean {meant}?" if meant else ""
        log.warn(f"The variable {name} is not one that this program knows; it is ignored.{guess}")
    home = find_folder(variables)
    warn_of_sudo(home, variables)
    config = load_config(home)
    for key in config.unknown:
        log.warn(f"{CONFIG_NAME}: {key} is not a setting of this program; it is kept and ignored.")
    settings = read_settings(overrides, variables, home, config)
    warn_of_urls(settings.environment)
    is_foreign = "PROCORE_ACCESS_TOKEN" in variables and not is_handed_over(variables)
    if is_foreign and not overrides.heeds_token:
        log.warn("PROCORE_ACCESS_TOKEN is set; this command does not use it.")
    return settings


def look_at_settings(overrides: Overrides, environ: Mapping[str, str]) -> Settings:
    """As `load_settings`, without a word and without tightening a mode."""
    with looking_only():
        variables = find_set(environ)
        home = find_folder(variables)
        return read_settings(overrides, variables, home, load_config(home))


def read_settings(
    overrides: Overrides, variables: Mapping[str, str], home: Path | None, config: Config
) -> Settings:
    """What is in force where `variables` are set, and `home` is the data folder, whose file says `config`.

    Raises as `load_settings`.
    """
    environment = _first(
        Value(overrides.environment, overrides.source), _find_default_environment(variables, config)
    )
    if environment.value not in ENVIRONMENTS:
        raise unknown_environment(*environment)
    base = ENVIRONMENTS[environment.value]
    heeded = without_what_exec_set(base.name, variables)
    with errors_in(base.name):
        check_variables(heeded, is_demo=base is DEMO)
        found = _find_values(overrides, environment, heeded, config)
        company, database = found["company"].value, found["database"].value
        shared = _find_shared_database(heeded)
        return Settings(
            environment=base._replace(login_url=found["login URL"].value, api_url=found["API URL"].value),
            redirect_uri=read_redirect_uri(*found["redirect URI"]),
            client_id=found["client id"].value,
            client_secret=found["client secret"].value,
            company=company and int(company),
            home=home,
            named_database=new_path(database, "PROCORE_LOGIN_DB") if database and not shared else None,
            shared=shared,
            store=found["store"].value,
            account=found["account"].value,
            access_token=found["access token"].value,
            ca_bundle=found["CA"].value,
            in_exec="PROCORE_LOGIN_EXEC" in heeded,
            sources={name: value.source for name, value in found.items()},
        )


def _find_shared_database(variables: Mapping[str, str]) -> SharedDatabase | None:
    if not is_shared_database(variables.get("PROCORE_LOGIN_DB", "")):
        return None
    # Not at the top: every start would pay for it.
    from procore_cli.config.shared_database import find_shared_database

    return find_shared_database(variables)


def find_default_environment(environ: Mapping[str, str]) -> str:
    """The environment that is in force where no option names one; "" where that cannot be found out."""
    variables = find_set(environ)
    if "PROCORE_LOGIN_EXEC" in variables:
        # What is said in a command of `exec` is typed outside of it, where its variables are not set.
        return ""
    try:
        with looking_only():
            name: str = _find_default_environment(variables, load_config(find_folder(variables))).value
    except ProcoreLoginError:
        return ""
    return name


def _find_default_environment(variables: Mapping[str, str], config: Config) -> Value:
    return _first(
        Value(variables.get("PROCORE_ENV"), "PROCORE_ENV"),
        Value(config.environment, CONFIG_NAME),
        Value(DEFAULT_ENVIRONMENT, _DEFAULT),
    )


def _first(*candidates: Value) -> Value:
    """The first that says something, else the last."""
    return next((each for each in candidates if each.value), candidates[-1])


def _find_values(
    overrides: Overrides, environment: Value, variables: Mapping[str, str], config: Config
) -> dict[str, Value]:
    """Each setting, by its name, as it is written where it comes from."""
    base = ENVIRONMENTS[environment.value]
    app, in_file = config.app(base.name), config_source(base.name)

    def find(setting: str, *others: Value, otherwise: str = _DEFAULT) -> Value:
        variable = VARIABLES[setting]
        return _first(Value(variables.get(variable), variable), *others, Value(None, otherwise))

    store = find(
        "store",
        Value("file" if base is DEMO else None, _EMBEDDED),
        Value(config.store, CONFIG_NAME),
        Value("keyring", _DEFAULT),
    )
    client_id = find("client id", Value(*config.find_client_id(base.name)), otherwise="nowhere")
    client_secret = find("client secret", otherwise=f"the {store.value} store")
    default_redirect_uri = Value(DEFAULT_REDIRECT_URI, _DEFAULT)
    login_url, api_url = _find_urls(base, variables)
    account = find("account") if overrides.heeds_account else Value(None, _DEFAULT)
    database = find("database", otherwise="data folder")
    keeper = "the shared database" if is_shared_database(database.value or "") else f"the {store.value} store"
    return {
        "environment": environment,
        "client id": Value(None, _EMBEDDED) if base is DEMO else client_id,
        "client secret": Value(None, _EMBEDDED) if base is DEMO else client_secret,
        "redirect URI": find("redirect URI", Value(app.redirect_uri, in_file), default_redirect_uri),
        "company": _first(
            Value(overrides.company, "--company"), find("company", Value(app.company, in_file))
        ),
        "store": store,
        "data folder": find("data folder"),
        "database": database,
        "login URL": login_url,
        "API URL": api_url,
        "account": _normal(_first(Value(overrides.account, "--account"), account)),
        "access token": _find_access_token(overrides, variables, keeper),
        "CA": find("CA"),
    }


def _normal(account: Value) -> Value:
    """`service-account` in either case, as e-mails are taken."""
    is_service = str(account.value).strip().casefold() == SERVICE_ACCOUNT
    return Value(SERVICE_ACCOUNT, account.source) if is_service else account


def _find_urls(base: Environment, variables: Mapping[str, str]) -> tuple[Value, Value]:
    """The login URL and the API's."""
    own = _EMBEDDED if base is DEMO else base.name
    login, api = Value(base.login_url, own), Value(base.api_url, own)
    if text := variables.get("PROCORE_LOGIN_URL"):
        login_url = read_base_url(text, "login URL", "PROCORE_LOGIN_URL", base.login_url)
        login = Value(login_url, "PROCORE_LOGIN_URL")
        api = login if base is DEMO else api
    # The embedded Procore's API is where it is itself.
    if login.value and (text := variables.get("PROCORE_API_URL")):
        api = Value(read_base_url(text, "API URL", "PROCORE_API_URL", base.api_url), "PROCORE_API_URL")
    return login, api


def _find_access_token(overrides: Overrides, variables: Mapping[str, str], kept: str) -> Value:
    token = variables.get("PROCORE_ACCESS_TOKEN")
    if not token:
        return Value(None, kept)
    # What exec hands over where nothing is stored is that very account's, and its secret is withheld.
    is_own = overrides.account == SERVICE_ACCOUNT == variables.get("PROCORE_LOGIN_ACCOUNT")
    is_outdone = overrides.account and not (is_own and "PROCORE_CLIENT_SECRET" not in variables)
    if is_outdone or not overrides.heeds_token or is_handed_over(variables):
        reason = "--account wins over it" if is_outdone and overrides.heeds_token else "not used here"
        return Value(None, f"{kept}; PROCORE_ACCESS_TOKEN is set, {reason}")
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError(
            "PROCORE_ACCESS_TOKEN holds a character that a token cannot have.",
            "Set it to the token alone, without spaces or line breaks.",
            setting="access token",
            source="PROCORE_ACCESS_TOKEN",
        )
    return Value(token, "PROCORE_ACCESS_TOKEN")
