"""What is in force as far as it can be found out: a broken setting is noted and left out.

Refuses to guess in place of a broken one: whoever would send something looks at the faults first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from procore_cli.config.config_file import Config, load_config
from procore_cli.config.private_files import require_folder
from procore_cli.config.settings import Asked, LoadConfig, Settings, load_settings
from procore_cli.errors import ConfigurationError, DataFolderError, ProcoreLoginError, StorageError

DATA_FOLDER = "data folder"
# The variables whose values are checked; an error names the one that it is about.
_CHECKED = (
    "PROCORE_CLIENT_ID",
    "PROCORE_CLIENT_SECRET",
    "PROCORE_LOGIN_DB",
    "PROCORE_REDIRECT_URI",
    "PROCORE_LOGIN_URL",
    "PROCORE_API_URL",
    "PROCORE_LOGIN_STORE",
    "PROCORE_COMPANY_ID",
    "PROCORE_ACCESS_TOKEN",
)


@dataclass(frozen=True)
class InForce:
    """The settings that could be read, what config.toml says, and each fault by the name of its setting."""

    settings: Settings
    config: Config
    faults: Mapping[str, ProcoreLoginError]


class _Remembering:
    """Loads config.toml, and keeps what it says."""

    def __init__(self, load: LoadConfig) -> None:
        self.config = Config()
        self._load = load

    def __call__(self, data_folder: Path, report: Callable[[str], None]) -> Config:
        self.config = self._load(data_folder, report)
        return self.config


def load_in_force(asked: Asked, environ: Mapping[str, str], warn: Callable[[str], None]) -> InForce:
    """Load the settings, one fault after another left out. Raises UnknownEnvironmentError (2)."""
    variables, faults = dict(environ), dict[str, ProcoreLoginError]()
    for load in (load_config, _load_client_ids, _load_nothing):
        remembering = _Remembering(load)
        culprit: str | None = ""
        while culprit is not None:
            outcome = _attempt(asked, variables, warn, remembering)
            if isinstance(outcome, Settings):
                return InForce(_with_folder(outcome, faults), remembering.config, faults)
            culprit = _find_culprit(outcome, variables)
            faults.setdefault(culprit or "config", outcome)
            variables.pop(culprit or "", None)
    raise next(iter(faults.values()))


def _attempt(
    asked: Asked, variables: Mapping[str, str], warn: Callable[[str], None], load: LoadConfig
) -> Settings | ProcoreLoginError:
    try:
        return load_settings(asked, variables, warn, load)
    except (ConfigurationError, StorageError) as error:
        return error


def _with_folder(settings: Settings, faults: dict[str, ProcoreLoginError]) -> Settings:
    """The settings; without a data folder, with one in which there can be nothing, and a fault."""
    try:
        require_folder(settings.home)
    except DataFolderError as error:
        faults[DATA_FOLDER] = error
        return replace(settings, home=Path(os.devnull, "none"))
    return settings


def _find_culprit(error: ProcoreLoginError, variables: Mapping[str, str]) -> str | None:
    return next((name for name in _CHECKED if variables.get(name) and name in error.message), None)


def _load_client_ids(data_folder: Path, report: Callable[[str], None]) -> Config:
    config = load_config(data_folder, report)
    apps = {name: app._replace(redirect_uri=None) for name, app in config.apps.items()}
    return config._replace(apps=apps, store=None)


def _load_nothing(_data_folder: Path, _report: Callable[[str], None]) -> Config:
    return Config()
