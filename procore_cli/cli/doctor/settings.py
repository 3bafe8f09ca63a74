"""The version, the variables and `config.toml`."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import procore_cli
from procore_cli.cli.doctor.context import Check, DoctorContext, failed, fine, shown, unchecked, warning
from procore_cli.config.config_file import CONFIG_NAME
from procore_cli.config.urls import find_origin
from procore_cli.config.variables import VARIABLES, find_set, find_unknown, is_handed_over


def check_version(_context: DoctorContext) -> Iterator[Check]:
    """The versions, and where the program is installed."""
    place = Path(procore_cli.__file__).parent
    yield fine(
        f"procore-login {procore_cli.__version__} in {place}; Python {platform.python_version()}"
        f" ({sys.executable}); {platform.system()} {platform.release()} {platform.machine()}",
    )


def check_environment(context: DoctorContext) -> Iterator[Check]:
    """Which environment is looked at, and who says so."""
    environment, source = context.settings.environment, context.settings.sources["environment"]
    hosts = [find_origin(url) for url in (environment.login_url, environment.api_url) if url]
    where = " and ".join(dict.fromkeys(hosts)) or "an embedded server, started when it is needed"
    by = "by default" if source == "default" else f"from {source}"
    yield fine(f"{environment.name} ({by}): {environment.meaning}; {where}")


def check_config(context: DoctorContext) -> Iterator[Check]:
    """Whether config.toml can be read, and what it sets. Raises BrokenConfigError, DataFolderError."""
    if context.settings.home is None:
        yield unchecked("data folder") if context.settings.shared is None else fine("none: no data folder")
        return
    if "config" in context.faults:
        raise context.faults["config"]
    config, path = context.config, context.settings.folder / CONFIG_NAME
    if config.unknown:
        what = f"has keys that this program does not know: {', '.join(config.unknown)}."
        yield warning(f"{path} {what} They are kept and ignored.", f"Correct or remove them in {path}")
    elif path.is_file():
        names = ", ".join(f"the {setting}" for setting, value in _list_kept(context).items() if value)
        yield fine(f"{path} sets {names or f'nothing for {context.name}'}")
    else:
        yield fine(f"{path} is not there; the defaults count")


def _list_kept(context: DoctorContext) -> dict[str, object]:
    """What config.toml says of each setting that it may hold."""
    config, app = context.config, context.config.app(context.name)
    return {
        "environment": config.environment,
        "store": config.store,
        "client id": app.client_id,
        "redirect URI": app.redirect_uri,
        "company": app.company,
    }


# Those whose line is the same whatever they say.
_OTHERS = {
    "PROCORE_LOGIN_ACCOUNT": "set: as --account; signup and signin ignore it",
    "PROCORE_LOGIN_EXEC": "set: this runs inside procore-login exec",
    "PROCORE_LOGIN_KEY": "set: it opens the tokens in a shared database",
    "PROCORE_LOGIN_KEY_FILE": "set: the file in it opens the tokens in a shared database",
    "PYTHON_KEYRING_BACKEND": "set: keyring uses the backend that it names",
    "BROWSER": "set: it names the browser",
}
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


def check_variables(context: DoctorContext) -> Iterator[Check]:
    """A line for each that is set; those that no setting of ours depends on are not looked at."""
    present = find_set(os.environ)
    lines = [
        *(
            _check_variable(context, variable, setting)
            for setting, variable in VARIABLES.items()
            if variable in present and variable not in _OTHERS
        ),
        *(_check_other(context, name, words) for name, words in _OTHERS.items() if name in present),
        *(fine("set: see proxy", f"variable {name}") for name in present if name.upper() in _PROXIES),
    ]
    for name, meant in find_unknown(present).items():
        mend = f"Set {meant} in its place" if meant else "Correct its name"
        fix = f"{mend}, or unset it: `unset {shlex.quote(name)}`"
        lines.append(warning("is not one that this program knows; it is ignored.", fix, f"variable {name}"))
    yield from lines or [fine("none that this program heeds is set")]


def _check_other(context: DoctorContext, variable: str, words: str) -> Check:
    name = f"variable {variable}"
    return failed(context.faults[variable], name) if variable in context.faults else fine(words, name)


def _check_variable(context: DoctorContext, variable: str, setting: str) -> Check:
    name, (value, source) = f"variable {variable}", context.settings.describe()[setting]
    if variable in context.faults:
        return failed(context.faults[variable], name)
    if setting == "access token" and is_handed_over(os.environ):
        return fine("set by procore-login exec; our commands use the kept tokens instead", name)
    if setting == "access token":
        what = (
            "set: whoami, token, api and exec use it in place of the kept tokens, and refresh nothing;"
            " signup, signin, refresh and signout ignore it."
        )
        return warning(what, f"If that is not meant: `unset {variable}`", name)
    if source != variable:
        return fine(f"set; {source} wins over it", name)
    kept, secret = _list_kept(context).get(setting), context.settings.client_secret
    over = f"; wins over config.toml's {shown(kept, secret)}" if kept and str(kept) != value else ""
    return fine(f"{setting}: {shown(value, secret)}{over}", name)
