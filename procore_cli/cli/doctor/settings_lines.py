"""config.toml and the environment in force: what they say, and what is wrong with them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from procore_cli.cli.doctor.case import PRETEND, Case
from procore_cli.cli.doctor.check import Check, failed, fine, unchecked, warning
from procore_cli.cli.doctor.in_force import DATA_FOLDER
from procore_cli.config.config_file import CONFIG_NAME
from procore_cli.config.private_files import is_foreign
from procore_cli.config.urls import find_origin


def check_environment(case: Case) -> Iterator[Check]:
    """Which environment is looked at, and who says so."""
    environment, source = case.settings.environment, case.settings.sources["environment"]
    hosts = [find_origin(url) for url in (environment.login_url, environment.api_url) if url]
    where = " and ".join(dict.fromkeys(hosts)) or "an embedded server, started when it is needed"
    by = "by default" if source == "default" else f"from {source}"
    yield fine("environment", f"{environment.name} ({by}): {environment.meaning}; {where}")
    fault = case.in_force.faults.get(PRETEND)
    if fault is not None:
        yield failed(PRETEND, fault)


def check_config(case: Case) -> Iterator[Check]:
    """Whether config.toml can be read, and what it sets."""
    if DATA_FOLDER in case.in_force.faults:
        yield unchecked("config", "there is no data folder")
        return
    error = case.in_force.faults.get("config")
    path = case.settings.folder / CONFIG_NAME
    if error is not None:
        case.broken.add("config")
        # The message names the file alone; whoever mends it has to find it.
        where = "" if str(path) in error.message else f" It is {path}"
        check = replace(failed("config", error), detail=f"{error.message}{where}")
        is_closed = _is_closed(path)
        yield replace(check, fix=f"chmod 600 {shlex.quote(str(path))}") if is_closed else check
        return
    config = case.in_force.config
    if config.unknown:
        yield warning(
            "config",
            f"{path} has keys that this program does not know: {', '.join(config.unknown)}."
            " They are kept and ignored.",
            f"Correct or remove them in {path}",
        )
    elif path.is_file():
        yield fine("config", f"{path} sets {_list_set(case) or f'nothing for {case.name}'}")
    else:
        yield fine("config", f"{path} is not there; the defaults count")


def _is_closed(path: Path) -> bool:
    """Whether it is a file of ours that we may not read."""
    try:
        return path.is_file() and not is_foreign(path.stat()) and not os.access(path, os.R_OK)
    except PermissionError:
        return False


def _list_set(case: Case) -> str:
    config = case.in_force.config
    app = config.app(case.name)
    values = {
        "the default environment": config.environment,
        "the store": config.store,
        "the client id": app.client_id,
        "the redirect URI": app.redirect_uri,
        "the company": app.company,
    }
    return ", ".join(name for name, value in values.items() if value)
