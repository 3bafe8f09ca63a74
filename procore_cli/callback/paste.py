"""The address that the browser ended on, pasted by a person at a terminal.

Refuses to read where reading could stop the process, and never repeats what was pasted.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from urllib.parse import SplitResult, parse_qsl, urlsplit

from procore_cli import log
from procore_cli.callback.authorization_response import Pairs
from procore_cli.config.environments import AUTHORIZE_PATH
from procore_cli.config.urls import RedirectUri
from procore_cli.threads import start

LONGEST_PASTE = 64 * 1024
# What Linux keeps of a line on a terminal in canonical mode, its newline left out; the rest is dropped.
CUT_LENGTH = 4095
# macOS takes nothing beyond these, not even Enter: the person deletes a few before the line ends.
_CUT_LENGTH_MACOS = 1024
# What else may have taken room beside a line that was cut.
_NEAR_CUT = 32
_POLL_S = 0.05
_MARKS = ("\x1b[200~", "\x1b[201~")
_WRAPPING = " \t\r\n<>\"'`\u2018\u2019\u201c\u201d"


class PasteError(ValueError):
    """What was pasted cannot be used; a sentence says why, without repeating it (none for an empty line)."""


def can_paste(stdin_fd: int) -> bool:
    """Whether `stdin_fd` is a terminal that we can read without being stopped (POSIX.1, section 11.1.4)."""
    if not os.isatty(stdin_fd):
        return False
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(stdin_fd) == os.getpgrp()
    except OSError as error:
        # Not our controlling terminal: nobody's job control can stop us there.
        return error.errno == errno.ENOTTY


def read_pasted(text: str, redirect: RedirectUri) -> Pairs:
    """Turn a pasted address into its parameters, decoded, in order (RFC 6749, section 4.1.2).

    The query counts, or the fragment where there is no query, as at the listener. For the OOB redirect URI
    a bare code gives `[("code", code)]`, without a state. Raises PasteError.
    """
    if len(text) > LONGEST_PASTE:
        raise PasteError("That is too long for an address.")
    address = _unwrap(text)
    if not address:
        raise PasteError("")
    if any(char.isspace() or not char.isprintable() for char in address):
        raise PasteError("That has a space or a character in it that no address has.")
    if redirect.is_oob and "://" not in address and not address.startswith(redirect.text):
        if not address.isascii():
            raise PasteError("That has a character in it that no code has.")
        return [("code", address)]
    parts = _read_address(address, redirect)
    pairs = _read_parameters(parts.query or parts.fragment)
    if not (redirect.is_oob or any(name == "state" for name, _ in pairs)):
        raise PasteError("There is no state= in that.")
    return pairs


def _unwrap(text: str) -> str:
    for mark in _MARKS:
        text = text.replace(mark, "")
    return text.strip(_WRAPPING)


def _read_address(address: str, redirect: RedirectUri) -> SplitResult:
    scheme = redirect.text.partition(":")[0].lower()
    is_whole = "://" in address.partition("?")[0].partition("#")[0]
    try:
        # Browsers hide http:// in the address bar, so a part that was selected by hand may lack it.
        parts = urlsplit(address if is_whole or redirect.is_oob else f"{scheme}://{address}")
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        found = (parts.scheme, parts.hostname, port, parts.path or "/")
    except ValueError:
        raise PasteError("That is no address.") from None
    if redirect.is_oob:
        return parts
    if found != (scheme, redirect.host, redirect.port, redirect.path) or "@" in parts.netloc:
        if parts.path == AUTHORIZE_PATH:
            raise PasteError("That is the link to open, not the page at the end.")
        if parts.scheme == "https" and found[1:] == (redirect.host, redirect.port, redirect.path):
            raise PasteError("That is the right page by https: change https to http in it.")
        raise PasteError("That is the address of another page." if "/" in address else "That is no address.")
    return parts


def _read_parameters(encoded: str) -> Pairs:
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise PasteError("What stands behind the ? in that cannot be read.") from None
    if not any(name in ("code", "error") for name, _ in pairs):
        raise PasteError("There is no code= in that.")
    return pairs


class Paster:
    """A thread that reads lines from a terminal until a pasted address is accepted, or until it is stopped.

    `fd` must have passed `can_paste`. `offer` takes the parameters and says whether they belong to this
    sign-in.
    """

    def __init__(self, fd: int, redirect: RedirectUri, offer: Callable[[Pairs], bool]) -> None:
        self._fd = fd
        self._redirect = redirect
        self._offer = offer
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="paste", daemon=True)

    def start(self) -> None:
        """Begin to read. Raises NoThreadError."""
        start(self._thread)

    def stop(self) -> None:
        """End the reading, within a tenth of a second; may be called more than once."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        if sys.platform != "win32":
            # With it blocked in this thread, a read from the background fails with EIO and stops nobody.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN})
        rest = b""
        while not self._stopped.is_set():
            data = self._read_some()
            *lines, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")
            if any(self._is_accepted(line) for line in lines):
                return
            if len(rest) > LONGEST_PASTE:
                rest = b""

    def _read_some(self) -> bytes:
        data = b""
        try:
            # Asked each time: a shell may have put us into the background meanwhile.
            if can_paste(self._fd):
                data = _read_within(self._fd, _POLL_S)
        except OSError:
            pass
        if not data:
            self._stopped.wait(_POLL_S)
        return data

    def _is_accepted(self, line: bytes) -> bool:
        if self._stopped.is_set():
            return False
        try:
            if len(line) == CUT_LENGTH:
                raise PasteError(_new_cut(CUT_LENGTH))
            if self._offer(read_pasted(line.decode("utf-8", "replace"), self._redirect)):
                return True
            why = "That belongs to another sign-in than the link above, or was altered."
        except PasteError as error:
            why = str(error)
        cut_length = _CUT_LENGTH_MACOS if sys.platform == "darwin" else CUT_LENGTH
        if cut_length - _NEAR_CUT <= len(line) <= cut_length:
            why = _new_cut(cut_length)
        log.say(why, _what_to_paste(self._redirect))
        return False


def _new_cut(length: int) -> str:
    return f"The terminal cut that at {length} characters: code and state alone will do."


def _what_to_paste(redirect: RedirectUri) -> str:
    if redirect.is_oob:
        return "Paste the code that Procore shows."
    separator = "&" if "?" in redirect.text else "?"
    return f"Paste the whole address of the last page: `{redirect.text}{separator}code=...&state=...`"


def _read_within(fd: int, timeout_s: float) -> bytes:
    if sys.platform == "win32":
        import msvcrt

        return msvcrt.getwche().encode("utf-8", "replace") if msvcrt.kbhit() else b""
    ready, _, _ = select.select([fd], [], [], timeout_s)
    return os.read(fd, LONGEST_PASTE) if ready else b""
