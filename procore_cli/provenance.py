"""Where each setting came from, as `--debug` says it; never a secret's value, a password or a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from procore_cli.config.settings import Overrides, Settings, without_what_exec_set
from procore_cli.errors import ProcoreLoginError

_DEFAULT = "default"


def describe(settings: Settings, overrides: Overrides, environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each setting: its name, what is in force, and who says so."""
    name = settings.environment.name
    present = {key: value for key, value in environ.items() if value}
    heeded = without_what_exec_set(name, present)
    yield _line("environment", name, settings.sources["environment"])
    yield _line("client id", _client_id(settings), settings.client_id_source)
    yield _client_secret(settings)
    yield _line("redirect URI", _without_query(settings.redirect_uri.text), settings.sources["redirect URI"])
    yield _company(settings, heeded)
    yield _line("store", settings.store, settings.sources["store"])
    yield _line("data folder", str(settings.home or "none"), _source("PROCORE_LOGIN_HOME", present))
    database = settings.database if settings.named_database or settings.home else "none"
    yield _line("database", str(database), _source("PROCORE_LOGIN_DB", present, "data folder"))
    own = "the embedded Procore" if settings.is_demo else name
    for what, url, variable in (
        ("login URL", settings.environment.login_url, "PROCORE_LOGIN_URL"),
        ("API URL", settings.environment.api_url, "PROCORE_API_URL"),
    ):
        is_heeded = not settings.own_server and variable in heeded
        yield _line(what, url or "not started yet", variable if is_heeded else own)
        yield _proxy(what, url, environ)
    yield _account(settings, overrides)
    yield _line("access token", *_access_token(settings, overrides, present))
    yield _line("CA", settings.ca_bundle or "the system's store", _source("REQUESTS_CA_BUNDLE", present))
    ignored = sorted(present.keys() - heeded.keys())
    if ignored:
        yield f"ignored, since exec set them for {present['PROCORE_ENV']}: {', '.join(ignored)}"


def describe_program() -> str:
    """The program, the Python and the system that run."""
    import platform
    import sys

    from procore_cli import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"procore-login {__version__}, Python {python} ({platform.python_implementation()}), {system}"


def _line(what: str, value: str, source: str) -> str:
    return f"setting: {what} = {value} (from {source})"


def _source(variable: str, present: Mapping[str, str], otherwise: str = _DEFAULT) -> str:
    return variable if variable in present else otherwise


def _client_id(settings: Settings) -> str:
    return settings.client_id or ("its own" if settings.is_demo else "none")


def _client_secret(settings: Settings) -> str:
    if settings.is_demo:
        return _line("client secret", "its own", "the embedded Procore")
    if settings.client_secret:
        return _line("client secret", "set", "PROCORE_CLIENT_SECRET")
    entry = f"procore-login/{settings.environment.name}/client-secret"
    return _line("client secret", f"{entry}, read when it is needed", f"the {settings.store} store")


def _company(settings: Settings, heeded: Mapping[str, str]) -> str:
    if settings.company is None:
        return _line("company", "none", _DEFAULT)
    config = f"config.toml [environments.{settings.environment.name}]"
    return _line("company", str(settings.company), _source("PROCORE_COMPANY_ID", heeded, config))


def _account(settings: Settings, overrides: Overrides) -> str:
    if settings.account is None:
        return _line("account", "the current one", _DEFAULT)
    return _line("account", settings.account, "--account" if overrides.account else "PROCORE_LOGIN_ACCOUNT")


def _access_token(settings: Settings, overrides: Overrides, present: Mapping[str, str]) -> tuple[str, str]:
    if settings.access_token:
        return "set", "PROCORE_ACCESS_TOKEN"
    if "PROCORE_ACCESS_TOKEN" not in present:
        return "the account's own", f"the {settings.store} store"
    reason = "--account wins over it" if overrides.account and overrides.heeds_token else "not used here"
    return "the account's own", f"the {settings.store} store; PROCORE_ACCESS_TOKEN is set, {reason}"


def _proxy(what: str, url: str, environ: Mapping[str, str]) -> str:
    from procore_cli.client.transport import find_proxy

    if not url:
        return _line(f"proxy for the {what}", "none", "loopback")
    try:
        proxy = find_proxy(url, environ)
    except ProcoreLoginError as error:
        return f"setting: proxy for the {what} cannot be used: {error.message}"
    if proxy is None:
        return _line(f"proxy for the {what}", "none", _DEFAULT)
    names = (name for base in (f"{urlsplit(url).scheme}_proxy", "all_proxy") for name in (base, base.upper()))
    source = next(name for name in names if environ.get(name, "").strip())
    return _line(f"proxy for the {what}", _host_of(proxy), source)


def _host_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _without_query(url: str) -> str:
    return url.partition("?")[0]
