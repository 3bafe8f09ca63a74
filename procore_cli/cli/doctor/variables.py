"""The variables that are set, what each does and what it wins over; shows no value that may be secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, failed, fine, warning
from procore_cli.cli.doctor.tokens import mask
from procore_cli.cli.doctor.way_out import host_and_port
from procore_cli.config.settings import is_handed_over, list_unknown
from procore_cli.config.urls import find_origin

_PROXIES = ("https_proxy", "http_proxy", "all_proxy")
_IGNORED_IN_DEMO = ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET")
Describe = Callable[[Case, str], str]


def check_variables(case: Case) -> Iterator[Check]:
    """A line for each that is set; those that no setting of ours depends on are not looked at."""
    present = {name: value for name, value in case.environ.items() if value}
    lines = list(_list_lines(case, present))
    yield from lines or [fine("variables", "none that this program heeds is set")]


def _list_lines(case: Case, present: Mapping[str, str]) -> Iterator[Check]:
    for name, describe in _KNOWN.items():
        if name in present:
            yield _check(case, name, describe(case, present[name]), present)
    yield from _list_proxies(present)
    for name in list_unknown(present):
        yield warning(
            f"variable {name}",
            "is not one that this program knows; it is ignored.",
            f"Correct its name, or unset it: unset {name}",
        )


def _check(case: Case, name: str, words: str, present: Mapping[str, str]) -> Check:
    fault = case.in_force.faults.get(name)
    if fault is not None:
        return failed(f"variable {name}", fault)
    if case.settings.is_demo and _is_ignored_in_demo(name, present):
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


def _environment(case: Case, _value: str) -> str:
    if case.settings.sources["environment"] == "PROCORE_ENV":
        over = case.in_force.config.environment
        return f"{case.name}" + (f"; wins over config.toml's {over}" if over and over != case.name else "")
    return "set; --env wins over it"


def _client_id(case: Case, value: str) -> str:
    stored = case.in_force.config.app(case.name).client_id
    over = "; wins over config.toml's" if stored and stored != value else ""
    return f"{value}{over}"


def _redirect(case: Case, _value: str) -> str:
    stored = case.in_force.config.app(case.name).redirect_uri
    text = case.settings.redirect_uri.text
    over = "; wins over config.toml's" if stored and stored != text else ""
    return text.partition("?")[0] + over


def _company(case: Case, value: str) -> str:
    stored = case.in_force.config.app(case.name).company
    over = f"; wins over config.toml's {stored}" if stored and str(stored) != value else ""
    return f"{case.settings.company or 'set, not for this environment'}{over}"


def _store(case: Case, _value: str) -> str:
    over = case.in_force.config.store
    wins = f"; wins over config.toml's {over}" if over and over != case.settings.store else ""
    return f"{case.settings.store}{wins}"


def _token(case: Case, _value: str) -> str:
    if is_handed_over(case.environ):
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
    "PROCORE_LOGIN_URL": lambda case, _: f"signing in at {find_origin(case.settings.environment.login_url)}",
    "PROCORE_API_URL": lambda case, _: f"calling the API at {find_origin(case.settings.environment.api_url)}",
    "PROCORE_LOGIN_HOME": lambda case, _: f"the data folder is {case.settings.folder}",
    "PROCORE_LOGIN_DB": lambda case, _: f"the database of every environment is {case.settings.database}",
    "PROCORE_LOGIN_STORE": _store,
    "PROCORE_LOGIN_ACCOUNT": lambda _case, value: f"{mask(value)}: as --account; signup and signin ignore it",
    "PROCORE_ACCESS_TOKEN": _token,
    "PROCORE_LOGIN_EXEC": lambda _case, _value: "set: this runs inside procore-login exec",
    "PYTHON_KEYRING_BACKEND": lambda _case, _value: "set: keyring uses the backend that it names",
    "REQUESTS_CA_BUNDLE": lambda case, _: f"{case.settings.ca_bundle}; wins over the system's CA store",
    "BROWSER": lambda _case, _value: "set: it names the browser",
}
