"""Sign people in to Procore and keep them signed in; importing this package alone loads nothing else.

For Python programs: `ProcoreAuth` for requests and httpx, `get_token`, `current_user`, `Accounts` for web
apps, and their errors.
"""

# Type checkers take this name for true; importing typing would cost more than all of this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from procore_cli.errors import (
        ConfigurationError,
        ConsentDeniedError,
        ProcoreError,
        ProcoreLoginError,
        SignInNeededError,
        StorageError,
        UsageMistakeError,
    )
    from procore_cli.library.accounts import Accounts
    from procore_cli.library.auth import ProcoreAuth, current_user, get_token
    from procore_cli.library.pages import pages
    from procore_cli.models import Profile

__version__ = "0.1.1"

__all__ = [
    "Accounts",
    "ConfigurationError",
    "ConsentDeniedError",
    "ProcoreAuth",
    "ProcoreError",
    "ProcoreLoginError",
    "Profile",
    "SignInNeededError",
    "StorageError",
    "UsageMistakeError",
    "__version__",
    "current_user",
    "get_token",
    "pages",
]

_PLACES = {
    "Accounts": "library.accounts",
    "ProcoreAuth": "library.auth",
    "get_token": "library.auth",
    "current_user": "library.auth",
    "pages": "library.pages",
    "Profile": "models",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"{__name__}.{_PLACES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
