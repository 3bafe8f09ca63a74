"""Whose certificates are believed: the CA file that was named, else the operating system's store.

Never certifi's list, and never nobody's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.errors import CaFileError

if TYPE_CHECKING:
    from ssl import SSLContext


def new_system_context() -> SSLContext:
    """A TLS context over the operating system's CA store."""
    import ssl

    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def read_ca_bundle(path: str) -> SSLContext:
    """A TLS context over a PEM file, or a folder of them as OpenSSL hashes it. Raises CaFileError."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if Path(path).is_dir():
            # OpenSSL says nothing of a folder that it cannot read.
            next(Path(path).iterdir(), None)
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise _unusable(path, "it holds no certificate in PEM form") from None
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        raise _unusable(path, os.strerror(number).lower() if number else "it is not a path") from None
    return context


def _unusable(path: str, reason: str) -> CaFileError:
    return CaFileError(
        f"The CA file that REQUESTS_CA_BUNDLE names cannot be used: {path}: {reason}.",
        "Point REQUESTS_CA_BUNDLE to a file of PEM certificates, or unset it.",
    )
