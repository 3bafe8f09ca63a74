"""The version, the variables and `config.toml`."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import procore_cli
from procore_cli.cli.doctor.context import (
    DATA_FOLDER,
    PRETEND,
    Check,
    DoctorContext,
    failed,
    fine,
    unchecked,
    warning,
)
from procore_cli.cli.doctor.network import host_and_port
from procore_cli.cli.doctor.sign_in import mask
from procore_cli.config.config_file import CONFIG_NAME
from procore_cli.config.private_files import is_foreign
from procore_cli.config.urls import find_origin
from procore_cli.config.variables import is_handed_over, list_unknown


def check_version(_case: DoctorContext) -> Iterator[Check]:
    """The versions, and where the program is installed."""
    place = Path(procore_cli.__file__).parent
    yield fine(
        "version",
        f"procore-login {procore_cli.__version__} in {place}; Python {platform.python_version()}"
        f" ({sys.executable}); {platform.system()} {platform.release()} {platform.machine()}",
    )


_PROXIES = ("https_proxy", "http_proxy", "all_proxy")
_IGNORED_IN_DEMO = ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET")
Describe = Callable[[DoctorContext, str], str]


def check_variables(context: DoctorContext) -> Iterator[Check]:
    """A line for each that is set; those that no setting of ours depends on are not looked at."""
    present = {name: value for name, value in context.environ.items() if value}
    lines = list(_list_lines(context, present))
    yield from lines or [fine("variables", "none that this program heeds is set")]


def _list_lines(context: DoctorContext, present: Mapping[str, str]) -> Iterator[Check]:
    for name, describe in _KNOWN.items():
        if name in present:
            yield _check(context, name, describe(context, present[name]), present)
    yield from _list_proxies(present)
    for name in list_unknown(present):
        yield warning(
            f"variable {name}",
            "is not one that this program knows; it is ignored.",
            f"Correct its name, or unset it: unset {name}",
        )


def _check(context: DoctorContext, name: str, words: str, present: Mapping[str, str]) -> Check:
    fault = context.in_force.faults.get(name)
    if fault is not None:
        return failed(f"variable {name}", fault)
    if context.settings.is_demo and _is_ignored_in_demo(name, present):
        return fine(f"variable {name}", "set; ignored in demo")
    if name == "PROCORE_ACCESS_TOKEN" and not is_handed_over(present):
        return warning(f"variable {name}", words, f"If that is not meant: unset {name}")
    return fine(f"variable {name}", words)


def _is_ignored_in_demo(name: str, present: Mapping[str, str]) -> bool:
    is_url = name == "PROCORE_API_URL" and "PROCORE_LOGIN_URL" not in present
    return is_url or name in _IGNORED_IN_DEMO


def _list_proxies(present: Mapping[str, str]) -> Iterator[Check]:
    for lower in _PROXIES:
        name = lower if lower in present else lower.upper()
        if name in present:
            yield fine(f"variable {name}", _describe_proxy(present[name]))
    for name in ("no_proxy", "NO_PROXY"):
        if name in present:
            yield fine(f"variable {name}", "set: the hosts that it lists are reached without a proxy")


def _describe_proxy(value: str) -> str:
    try:
        place = host_and_port(value if "://" in value else f"http://{value}")
    except ValueError:
        return "set (it is not a URL)"
    login = " with a user name" if "@" in value else ""
    return f"the proxy {place}{login}; loopback never goes through it"


def _environment(context: DoctorContext, _value: str) -> str:
    if context.settings.sources["environment"] == "PROCORE_ENV":
        over = context.in_force.config.environment
        return f"{context.name}" + (
            f"; wins over config.toml's {over}" if over and over != context.name else ""
        )
    return "set; --env wins over it"


def _client_id(context: DoctorContext, value: str) -> str:
    stored = context.in_force.config.app(context.name).client_id
    over = "; wins over config.toml's" if stored and stored != value else ""
    return f"{value}{over}"


def _redirect(context: DoctorContext, _value: str) -> str:
    stored = context.in_force.config.app(context.name).redirect_uri
    text = context.settings.redirect_uri.text
    over = "; wins over config.toml's" if stored and stored != text else ""
    return text.partition("?")[0] + over


def _company(context: DoctorContext, value: str) -> str:
    stored = context.in_force.config.app(context.name).company
    over = f"; wins over config.toml's {stored}" if stored and str(stored) != value else ""
    return f"{context.settings.company or 'set, not for this environment'}{over}"


def _store(context: DoctorContext, _value: str) -> str:
    over = context.in_force.config.store
    wins = f"; wins over config.toml's {over}" if over and over != context.settings.store else ""
    return f"{context.settings.store}{wins}"


def _token(context: DoctorContext, _value: str) -> str:
    if is_handed_over(context.environ):
        return "set by procore-login exec; our commands use the kept tokens instead"
    return (
        "set: whoami, token, api and exec use it in place of the kept tokens, and refresh nothing;"
        " signup, signin, refresh and signout ignore it."
    )


_KNOWN: Mapping[str, Describe] = {
    "PROCORE_ENV": _environment,
    "PROCORE_CLIENT_ID": _client_id,
    "PROCORE_CLIENT_SECRET": lambda _case, _value: "set; wins over the kept client secret",
    "PROCORE_REDIRECT_URI": _redirect,
    "PROCORE_COMPANY_ID": _company,
    "PROCORE_LOGIN_URL": lambda context, _: (
        f"signing in at {find_origin(context.settings.environment.login_url)}"
    ),
    "PROCORE_API_URL": lambda context, _: (
        f"calling the API at {find_origin(context.settings.environment.api_url)}"
    ),
    "PROCORE_LOGIN_HOME": lambda context, _: f"the data folder is {context.settings.folder}",
    "PROCORE_LOGIN_DB": lambda context, _: (
        f"the database of every environment is {context.settings.database}"
    ),
    "PROCORE_LOGIN_STORE": _store,
    "PROCORE_LOGIN_ACCOUNT": lambda _case, value: f"{mask(value)}: as --account; signup and signin ignore it",
    "PROCORE_ACCESS_TOKEN": _token,
    "PROCORE_LOGIN_EXEC": lambda _case, _value: "set: this runs inside procore-login exec",
    "PYTHON_KEYRING_BACKEND": lambda _case, _value: "set: keyring uses the backend that it names",
    "REQUESTS_CA_BUNDLE": lambda context, _: f"{context.settings.ca_bundle}; wins over the system's CA store",
    "BROWSER": lambda _case, _value: "set: it names the browser",
}


def check_environment(context: DoctorContext) -> Iterator[Check]:
    """Which environment is looked at, and who says so."""
    environment, source = context.settings.environment, context.settings.sources["environment"]
    hosts = [find_origin(url) for url in (environment.login_url, environment.api_url) if url]
    where = " and ".join(dict.fromkeys(hosts)) or "an embedded server, started when it is needed"
    by = "by default" if source == "default" else f"from {source}"
    yield fine("environment", f"{environment.name} ({by}): {environment.meaning}; {where}")
    fault = context.in_force.faults.get(PRETEND)
    if fault is not None:
        yield failed(PRETEND, fault)


def check_config(context: DoctorContext) -> Iterator[Check]:
    """Whether config.toml can be read, and what it sets."""
    if DATA_FOLDER in context.in_force.faults:
        yield unchecked("config", "there is no data folder")
        return
    error = context.in_force.faults.get("config")
    path = context.settings.folder / CONFIG_NAME
    if error is not None:
        context.broken.add("config")
        # The message names the file alone; whoever mends it has to find it.
        where = "" if str(path) in error.message else f" It is {path}"
        check = replace(failed("config", error), detail=f"{error.message}{where}")
        is_closed = _is_closed(path)
        yield replace(check, fix=f"chmod 600 {shlex.quote(str(path))}") if is_closed else check
        return
    config = context.in_force.config
    if config.unknown:
        yield warning(
            "config",
            f"{path} has keys that this program does not know: {', '.join(config.unknown)}."
            " They are kept and ignored.",
            f"Correct or remove them in {path}",
        )
    elif path.is_file():
        yield fine("config", f"{path} sets {_list_set(context) or f'nothing for {context.name}'}")
    else:
        yield fine("config", f"{path} is not there; the defaults count")


def _is_closed(path: Path) -> bool:
    """Whether it is a file of ours that we may not read."""
    try:
        return path.is_file() and not is_foreign(path.stat()) and not os.access(path, os.R_OK)
    except PermissionError:
        return False


def _list_set(context: DoctorContext) -> str:
    config = context.in_force.config
    app = config.app(context.name)
    values = {
        "the default environment": config.environment,
        "the store": config.store,
        "the client id": app.client_id,
        "the redirect URI": app.redirect_uri,
        "the company": app.company,
    }
    return ", ".join(name for name, value in values.items() if value)
