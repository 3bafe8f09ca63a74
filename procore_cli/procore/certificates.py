"""What is wrong with a server's certificate, in plain words, and what to do; refuses to judge one itself."""

from __future__ import annotations

from typing import Any, Final

# OpenSSL's numbers (x509_vfy.h).
_EXPIRED, _EARLY, _ANOTHER_HOST = "expired", "early", "another host"
_KINDS: Final = {9: _EARLY, 10: _EXPIRED, 62: _ANOTHER_HOST, 64: _ANOTHER_HOST}
_WORDS: Final = {
    _EARLY: "its certificate is not valid yet",
    _EXPIRED: "its certificate has expired",
    _ANOTHER_HOST: "its certificate is for another host",
}
_UNTRUSTED: Final = {
    2: "it was issued by a CA that this machine does not know",
    18: "it is self-signed",
    19: "it was issued by a CA that this machine does not know",
    20: "it was issued by a CA that this machine does not know",
    21: "it was issued by a CA that this machine does not know",
}
_INSPECTED: Final = (
    "If your network inspects TLS, ask those who run it for its CA certificate, and set REQUESTS_CA_BUNDLE to"
    " the file; a file that is set there replaces the system's CAs."
)


def certificate_words(error: Any) -> str:
    """What an `ssl.SSLCertVerificationError` says, for the middle of a sentence."""
    code = getattr(error, "verify_code", 0)
    if code in _KINDS:
        return _WORDS[_KINDS[code]]
    if code in _UNTRUSTED:
        return f"its certificate is not trusted: {_UNTRUSTED[code]}"
    return f"its certificate is not trusted ({getattr(error, 'verify_message', '') or 'no reason given'})"


def is_untrusted(error: Any) -> bool:
    """Whether the one who issued it is not known here."""
    return getattr(error, "verify_code", 0) in _UNTRUSTED


def certificate_hint(error: Any, host: str) -> str:
    """What to do about it; `host` is whose certificate it is."""
    kind = _KINDS.get(getattr(error, "verify_code", 0))
    if kind in (_EARLY, _EXPIRED):
        return f"Check the date and time of this machine; if they are right, tell those who run {host}."
    if kind == _ANOTHER_HOST:
        return (
            "Check PROCORE_LOGIN_URL, PROCORE_API_URL and HTTPS_PROXY; a network that asks for a login page"
            " answers for other hosts too."
        )
    return _INSPECTED
