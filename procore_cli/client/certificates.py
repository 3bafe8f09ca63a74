"""Whose certificates are believed: the operating system's CAs, or a file's; never certifi's, nor nobody's."""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from procore_cli.errors import CaFileError

# As OpenSSL looks for a CA in a folder: by the hash of its name.
_HASHED = re.compile(r"[0-9a-fA-F]{8}\.[0-9]+")


class StoreFault(NamedTuple):
    """What is wrong with the operating system's CA store, for the middle of a sentence, and what to do."""

    words: str
    fix: str


def new_system_context() -> ssl.SSLContext:
    """A TLS context over the operating system's CA store."""
    # Loaded where TLS is spoken: a Procore on loopback needs none.
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def read_ca_bundle(path: str) -> ssl.SSLContext:
    """A TLS context over a PEM file, or a folder of them as OpenSSL hashes it. Raises CaFileError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if reason := _load(context, path, is_folder=Path(path).is_dir()):
        raise CaFileError(
            f"The CA file that REQUESTS_CA_BUNDLE names cannot be used: {path}: {reason}.",
            "Point REQUESTS_CA_BUNDLE to a file of PEM certificates, or unset it.",
        )
    return context


def find_store_faults(environ: Mapping[str, str]) -> list[StoreFault]:
    """Why the system's store may know nobody: it is empty, or `environ` has OpenSSL look elsewhere.

    Only where OpenSSL's store is the system's: macOS and Windows always have one.
    """
    if sys.platform in ("darwin", "win32"):
        return []
    faults = list(_find_wrong_variables(environ))
    if _is_store_empty():
        none = StoreFault(
            "this machine has no CA certificates at all",
            "Install them (Debian and Ubuntu: apt-get update && apt-get install ca-certificates; Alpine:"
            " apk add ca-certificates), or let REQUESTS_CA_BUNDLE name a file of them.",
        )
        faults.insert(0, none)
    return faults


def _find_wrong_variables(environ: Mapping[str, str]) -> Iterator[StoreFault]:
    named = {"SSL_CERT_FILE": [environ.get("SSL_CERT_FILE", "")]}
    named["SSL_CERT_DIR"] = environ.get("SSL_CERT_DIR", "").split(os.pathsep)
    for name, paths in named.items():
        for path in filter(None, paths):
            # OpenSSL passes over what it cannot read, without a word.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if reason := _load(context, path, is_folder=name == "SSL_CERT_DIR"):
                words = f"{name} names {path}, which cannot be used ({reason})"
                yield StoreFault(words, f"Correct {name}, or unset it: `unset {name}`")


def _is_store_empty() -> bool:
    try:
        # truststore looks for the store as a connection begins.
        begun = new_system_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
        folder = ssl.get_default_verify_paths().capath
        # A folder's CAs are read when they are needed.
        paths = list(Path(folder).iterdir()) if folder else []
    except OSError:
        return False
    is_known = begun.context.cert_store_stats()["x509"] > 0
    return not is_known and not any(_HASHED.fullmatch(path.name) and path.exists() for path in paths)


def _load(context: ssl.SSLContext, path: str, *, is_folder: bool) -> str:
    """Have a file or folder of CAs believed; returns why that cannot be, if so."""
    try:
        if is_folder:
            # OpenSSL says nothing of a folder that it cannot read.
            next(Path(path).iterdir(), None)
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        return "it holds no certificate in PEM form"
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        return os.strerror(number).lower() if number else "it is not a path"
    return ""
