"""What the man page says beside the commands' own help; refuses to know roff and click.

`tests/test_packaging.py` compares it with the variables and exit codes of the program.
"""

from __future__ import annotations

from typing import Final

NAME: Final = "sign in to Procore from the command line, and stay signed in"

DESCRIPTION: Final = """
procore-login signs you in to Procore: you approve once in the browser, and from then on your scripts have
a profile and fresh tokens. An app signs itself in without a browser, as a service account.

Tokens and client secret lie in the operating system's keyring. Where you choose the file store they lie in
files that only you can read, and so do the demo's, which are pretend. A token in PROCORE_ACCESS_TOKEN, and a
service account that nobody signed in (CI), are not stored at all.

Data goes to standard output, talk (progress, links, warnings, errors) to standard error. Only signup and
signin ever open a browser; the other commands end with 4 when a person is needed.

WHO is the e-mail or the Procore id of an account, or service-account. Without --env the environment is that
of PROCORE_ENV, else that of config.toml, else production. Each has its own app, database and tokens:
"""

# Name, meaning.
ENVIRONMENT: Final = (
    ("PROCORE_ENV", "The environment, where --env is silent."),
    (
        "PROCORE_CLIENT_ID, PROCORE_CLIENT_SECRET, PROCORE_REDIRECT_URI",
        "The app, in place of what is configured. An id from here is never paired with another id's secret.",
    ),
    ("PROCORE_COMPANY_ID", "The company that calls are for, or whose service account is meant."),
    (
        "PROCORE_LOGIN_URL, PROCORE_API_URL",
        (
            "Other base URLs: https, or http on this machine alone. Each command names on standard error what"
            " is not the environment's own."
        ),
    ),
    ("PROCORE_LOGIN_HOME", "The data folder."),
    (
        "PROCORE_LOGIN_DB",
        (
            "Another SQLite file, for example the test.db of Procore's tutorial; or a PostgreSQL database"
            " that many machines share: postgresql://USER@HOST/NAME."
        ),
    ),
    (
        "PROCORE_LOGIN_KEY, PROCORE_LOGIN_KEY_FILE",
        "What seals the tokens in a shared database: 32 bytes in base64, of several the first. Or its file.",
    ),
    (
        "PROCORE_LOGIN_STORE",
        "keyring (the default, but for the demo), or file: where tokens and client secret are kept.",
    ),
    ("PROCORE_LOGIN_ACCOUNT", "As --account; signup and signin ignore it."),
    (
        "PROCORE_ACCESS_TOKEN",
        (
            "A token from elsewhere, for whoami, token, api and exec. It is neither stored nor refreshed, and"
            " --account wins over it."
        ),
    ),
    ("PROCORE_LOGIN_EXEC", "Set by exec for its command: which token it handed over. Not for people."),
    ("BROWSER, NO_COLOR, HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE", "As usual. ~/.netrc is never used."),
)

# Path, meaning.
FILES: Final = (
    (
        "~/.local/share/procore-login/",
        (
            "The data folder on Linux, unless XDG_DATA_HOME is set; on macOS"
            " ~/Library/Application Support/procore-login. Only yours to read."
        ),
    ),
    ("config.toml", "In it: the settings. No secret is there."),
    (
        "<environment>.db",
        "In it: who signed in, in the table users of Procore's tutorial, and which tokens exist. No secret.",
    ),
    ("secrets/", "In it: the tokens and client secrets of the file store."),
    ("locks/, demo/", "In it: one lock an account; what the demo's pretend Procore knows."),
)

# Code, meaning.
EXIT_STATUS: Final = (
    (0, "Done."),
    (1, "A bug of procore-login."),
    (2, "Usage, or an unknown environment or account."),
    (3, "Configuration: no client id or secret, refused ones, a bad redirect URI, a broken config.toml."),
    (4, "Somebody has to sign in, for the first time or again."),
    (5, "Procore or the network failed."),
    (6, "Keyring, database or data folder failed, or the output cannot be written."),
    (7, "The port of the redirect URI is not to be had."),
    (126, "exec: the command cannot be started. Otherwise exec ends with the command's own code."),
    (127, "exec: there is no such command."),
    (129, "Ended by SIGHUP."),
    (130, "Ended by Ctrl-C."),
    (143, "Ended by SIGTERM."),
)

SEE_ALSO: Final = """
procore-login COMMAND --help. Procore's documentation is at https://developers.procore.com. README.md,
docs/ and SECURITY.md in the source distribution say how a sign-in works, where tokens are kept, and what
is defended.
"""

BUGS: Final = """
Neither Procore itself nor macOS nor Windows was tried: it is built on Procore's public documentation, and
was run on Linux. This program is not Procore's.

If a command says that it met a bug, run it again with --debug and report what it prints; it holds no
secret.
"""
