"""Options, variables and `config.toml` → one frozen `Settings`; refuses to touch network or keyring.

What wins: an option, then a variable, then `config.toml`, then the default. A variable set to "" is not set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from procore_cli.config.config_file import (
    AppConfig,
    Config,
    check_variables,
    config_source,
    load_config,
    unknown_environment,
)
from procore_cli.config.environments import (
    DEFAULT_ENVIRONMENT,
    DEFAULT_REDIRECT_URI,
    DEMO,
    ENVIRONMENTS,
    MONTHLY,
    PRODUCTION,
)
from procore_cli.config.private_files import find_folder, new_path, require_folder
from procore_cli.config.urls import RedirectUri, find_origin, read_base_url, read_redirect_uri
from procore_cli.errors import ConfigurationError
from procore_cli.models import Environment, StoreName

if TYPE_CHECKING:
    from procore_cli.grants import Binding


# They say something of the environment of `exec` alone.
_OF_ONE_ENVIRONMENT = frozenset({"PROCORE_LOGIN_ACCOUNT", "PROCORE_COMPANY_ID"})
_URLS = frozenset({"PROCORE_LOGIN_URL", "PROCORE_API_URL"})


def without_what_exec_set(environment: str, variables: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that count for `environment`, where `exec` may have handed over another one's."""
    home = ENVIRONMENTS.get(variables.get("PROCORE_ENV", ""))
    if home is None or home.name == environment or not is_handed_over(variables):
        return variables
    dropped = set(_OF_ONE_ENVIRONMENT)
    if home is DEMO:
        dropped |= _URLS
    elif variables.get("PROCORE_API_URL") == home.api_url:
        dropped.add("PROCORE_API_URL")
    return {name: value for name, value in variables.items() if name not in dropped}


def is_handed_over(variables: Mapping[str, str]) -> bool:
    """Whether PROCORE_ACCESS_TOKEN is from `exec`: the store has it too, and keeps it fresh."""
    token, handed_over = variables.get("PROCORE_ACCESS_TOKEN"), variables.get("PROCORE_LOGIN_EXEC")
    return bool(token and handed_over) and new_token_digest(token or "") == (handed_over or "").lower()


def new_token_digest(token: str) -> str:
    """What PROCORE_LOGIN_EXEC says of a token: its SHA-256 in hex."""
    import hashlib

    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


LoadConfig = Callable[[Path, Callable[[str], None]], Config]

_OUR_PREFIX = "PROCORE_LOGIN_"
_OUR_NAMES = frozenset(_OUR_PREFIX + name for name in ("URL", "HOME", "DB", "STORE", "ACCOUNT", "EXEC"))


@dataclass(frozen=True)
class Settings:
    """What is in force for one run of a command."""

    environment: Environment
    redirect_uri: RedirectUri
    client_id: str | None
    client_id_source: str
    client_secret: str | None = field(repr=False)
    company: int | None
    home: Path | None
    named_database: Path | None
    store: StoreName
    account: str | None
    access_token: str | None = field(repr=False)
    ca_bundle: str | None
    own_server: bool
    in_exec: bool
    sources: Mapping[str, str]

    @property
    def is_demo(self) -> bool:
        """Whether the environment is the embedded Procore."""
        return self.environment.name == DEMO.name

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
        return self.named_database or self.folder / f"{environment}.db"

    def binding(self, client_id: str) -> Binding:
        """What a token set that is received now belongs to."""
        from procore_cli.grants import Binding

        return Binding(client_id, self.login_origin, self.api_origin)

    def find_change(self, now: Settings) -> str | None:
        """The first setting that a token depends on and that is another one `now`; None if there is none."""
        pairs = zip(self._grounds_of_token(), now._grounds_of_token(), strict=True)
        return next((name for (name, before), (_, after) in pairs if before != after), None)

    def _grounds_of_token(self) -> tuple[tuple[str, object], ...]:
        return (
            ("the environment", self.environment.name),
            ("the login URL", self.environment.login_url),
            ("the API's URL", self.environment.api_url),
            ("the client id", self.client_id),
            ("the data folder", self.home),
            ("the database", self.named_database),
            ("the store", self.store),
            ("the account", self.account),
            ("PROCORE_ACCESS_TOKEN", self.access_token),
        )

    def at(self, url: str) -> Settings:
        """These settings with the embedded Procore at `url`."""
        return replace(self, environment=self.environment._replace(login_url=url, api_url=url))


class Overrides(NamedTuple):
    """What the command's options say, and which of the variables mean something to it.

    `source` is what the environment is asked for with.
    """

    environment: str | None = None
    account: str | None = None
    heeds_account: bool = True
    heeds_token: bool = True
    source: str = "--env"


def load_settings(
    overrides: Overrides,
    environ: Mapping[str, str],
    warn: Callable[[str], None],
    load: LoadConfig = load_config,
) -> Settings:
    """Find out what is in force; `warn` gets each thing that a person should know of, `load` reads the file.

    Raises UnknownEnvironmentError (2), ConfigurationError (3), DataFolderError (6).
    """
    variables: Mapping[str, str] = {name: value for name, value in environ.items() if value}
    for name in list_unknown(variables):
        warn(f"The variable {name} is not one that this program knows; it is ignored.")
    home = find_folder(variables)
    config = load(home, warn) if home else Config()
    for key in config.unknown:
        warn(f"config.toml: {key} is not a setting of this program; it is kept and ignored.")
    base, source = _find_environment(overrides, variables, config)
    variables = without_what_exec_set(base.name, variables)
    try:
        return _new_settings(overrides, variables, config, base, source, home, warn)
    except ConfigurationError as error:
        raise error.reworded(f"{base.name}: {error.message}") from None


def _new_settings(
    overrides: Overrides,
    variables: Mapping[str, str],
    config: Config,
    base: Environment,
    source: str,
    home: Path | None,
    warn: Callable[[str], None],
) -> Settings:
    demo = base is DEMO
    check_variables(variables, is_demo=demo)
    environment = _apply_urls(base, variables, warn)
    app = config.app(base.name)
    client_id, client_id_source = _find_client_id(base, variables, config)
    redirect, redirect_source = _first(
        ("PROCORE_REDIRECT_URI", variables.get("PROCORE_REDIRECT_URI")),
        (config_source(base.name), app.redirect_uri),
        ("default", DEFAULT_REDIRECT_URI),
    )
    store, store_source = _find_store(demo, variables, config)
    return Settings(
        environment=environment,
        redirect_uri=read_redirect_uri(cast(str, redirect), redirect_source),
        client_id=client_id,
        client_id_source=client_id_source,
        client_secret=None if demo else variables.get("PROCORE_CLIENT_SECRET"),
        company=_find_company(variables, app),
        home=home,
        named_database=_find_named_database(variables),
        store=store,
        account=overrides.account
        or (variables.get("PROCORE_LOGIN_ACCOUNT") if overrides.heeds_account else None),
        access_token=_find_access_token(overrides, variables, warn),
        ca_bundle=variables.get("REQUESTS_CA_BUNDLE"),
        in_exec="PROCORE_LOGIN_EXEC" in variables,
        own_server=demo and "PROCORE_LOGIN_URL" not in variables,
        sources={
            "environment": source,
            "client id": client_id_source,
            "redirect URI": redirect_source,
            "store": store_source,
        },
    )


def _first(*candidates: tuple[str, str | None]) -> tuple[str | None, str]:
    """The first candidate that has a value, as (value, source)."""
    for source, value in candidates:
        if value:
            return value, source
    return None, "nowhere"


def list_unknown(variables: Mapping[str, str]) -> list[str]:
    """The variables that look like ours and are not."""
    return [name for name in sorted(variables) if name.startswith(_OUR_PREFIX) and name not in _OUR_NAMES]


def _find_environment(
    overrides: Overrides, variables: Mapping[str, str], config: Config
) -> tuple[Environment, str]:
    name, source = _first(
        (overrides.source, overrides.environment),
        ("PROCORE_ENV", variables.get("PROCORE_ENV")),
        ("config.toml", config.environment),
        ("default", DEFAULT_ENVIRONMENT),
    )
    if name not in ENVIRONMENTS:
        raise unknown_environment(str(name), source)
    return ENVIRONMENTS[name], source


def _apply_urls(base: Environment, variables: Mapping[str, str], warn: Callable[[str], None]) -> Environment:
    login, api = variables.get("PROCORE_LOGIN_URL"), variables.get("PROCORE_API_URL")
    if base is DEMO:
        if not login:
            return base
        login_url = read_base_url(login, "login URL", "PROCORE_LOGIN_URL")
        api_url = read_base_url(api, "API URL", "PROCORE_API_URL") if api else login_url
        return base._replace(login_url=login_url, api_url=api_url)
    login_url = (
        read_base_url(login, "login URL", "PROCORE_LOGIN_URL", base.login_url) if login else base.login_url
    )
    api_url = read_base_url(api, "API URL", "PROCORE_API_URL", base.api_url) if api else base.api_url
    if find_origin(login_url) != find_origin(base.login_url):
        warn(f"{base.name}: signing in at {login_url} (PROCORE_LOGIN_URL), not at {base.login_url}.")
    if find_origin(api_url) != find_origin(base.api_url):
        warn(f"{base.name}: calling the API at {api_url} (PROCORE_API_URL), not at {base.api_url}.")
    return base._replace(login_url=login_url, api_url=api_url)


def _find_client_id(
    base: Environment, variables: Mapping[str, str], config: Config
) -> tuple[str | None, str]:
    if base is DEMO:
        return None, "the embedded Procore"
    candidates = [
        ("PROCORE_CLIENT_ID", variables.get("PROCORE_CLIENT_ID")),
        (config_source(base.name), config.app(base.name).client_id),
    ]
    if base is MONTHLY:
        # The monthly sandbox takes production's credentials.
        production = config.app(PRODUCTION.name).client_id
        candidates.append((config_source(PRODUCTION.name), production))
    return _first(*candidates)


def _find_store(demo: bool, variables: Mapping[str, str], config: Config) -> tuple[StoreName, str]:
    name, source = _first(
        ("PROCORE_LOGIN_STORE", variables.get("PROCORE_LOGIN_STORE")),
        # The embedded Procore's tokens are pretend: no keyring needed.
        ("the embedded Procore", "file" if demo else None),
        ("config.toml", config.store),
        ("default", "keyring"),
    )
    return cast(StoreName, name), source


def _find_company(variables: Mapping[str, str], app: AppConfig) -> int | None:
    text = variables.get("PROCORE_COMPANY_ID")
    if text is None:
        return app.company
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text)):
        raise ConfigurationError(
            "PROCORE_COMPANY_ID is not the id of a company.",
            "Set it to the company's id, for example 123.",
            setting="company",
            source="PROCORE_COMPANY_ID",
        )
    return int(text)


def _find_named_database(variables: Mapping[str, str]) -> Path | None:
    chosen = variables.get("PROCORE_LOGIN_DB")
    return new_path(chosen, "PROCORE_LOGIN_DB") if chosen else None


def _find_access_token(
    overrides: Overrides, variables: Mapping[str, str], warn: Callable[[str], None]
) -> str | None:
    token = variables.get("PROCORE_ACCESS_TOKEN")
    if not token or is_handed_over(variables):
        return None
    if not overrides.heeds_token:
        warn("PROCORE_ACCESS_TOKEN is set; this command does not use it.")
    if not overrides.heeds_token or overrides.account:
        return None
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError(
            "PROCORE_ACCESS_TOKEN holds a character that a token cannot have.",
            "Set it to the token alone, without spaces or line breaks.",
            setting="access token",
            source="PROCORE_ACCESS_TOKEN",
        )
    return token
