"""Two thousand odd requests to one sign-in: it says nothing, tries nothing, grows little and waits on."""

import re
import sys
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.callback.odd_requests import TLS_HELLO
from tests.hostile.waiting import CAME_BY_HTTPS, STRAY_ERROR

Bytes = st.SearchStrategy[bytes]

NOISE = st.binary(max_size=200)
METHODS = st.sampled_from(
    [b"GET"] * 6 + b"HEAD POST PUT DELETE OPTIONS PATCH TRACE CONNECT get PRI".split() + [b""]
)
PATHS = st.sampled_from(
    [b"/callback"] * 6
    + b"/ /signin /home //callback /./callback /callback/ /%63allback /callback;x /callback%00".split()
    + [b"\\callback", b"*", b"callback", b"http://localhost:@port@/callback", b"evil:443", b""]
)
NAMES = st.sampled_from(
    [b"code", b"state", b"error", b"error_description", b"State", b"state[]", b"c\xf6de", b""]
)
VALUES = (
    st.sampled_from(
        [b"@state@"] * 3 + [b"@state@x", b"@half@", b"", b"evil", b"%00", b"%FF", b"\xff", b"+", b"%"]
    )
    | NOISE
    | st.integers(0, 70_000).map(lambda length: b"x" * length)
)
LINE_ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\x0b", b"\x85", b""])
VERSIONS = st.sampled_from(
    [b" HTTP/1.1"] * 8 + [b" HTTP/1.0", b" HTTP/0.9", b" HTTP/2", b" http/1.1", b"", b" "]
)
HOSTS = st.sampled_from(
    [b"Host: localhost:@port@"] * 6
    + [
        b"host:[::1]:@port@",
        b"Host: evil.example",
        b"Host: 127.0.0.1.nip.io:@port@",
        b"Host : localhost:@port@",
    ]
    + [b""]
)
HEADERS = st.sampled_from(
    [
        *(b"Cookie: procore_login_session=evil", b"Cookie: " + b"x" * 70_000, b"Transfer-Encoding: chunked"),
        *(b"Content-Length: 5", b"Content-Length: -1", b"Expect: 100-continue", b"Connection: Upgrade"),
        *(b"Upgrade: h2c", b" folded", b"no colon", b"A: \x1b[31m", b""),
    ]
) | NOISE.map(lambda noise: b"X-Noise: " + noise)
BODIES = st.just(b"") | NOISE | st.just(b"5\r\nhello\r\n0\r\n\r\n") | st.just(b"x" * 70_000)


@st.composite
def structured(draw: st.DrawFn) -> bytes:
    """A request of pieces, perhaps with noise in its middle, cut off, or sent twice."""
    pairs = draw(st.lists(st.tuples(NAMES, st.sampled_from([b"=", b"=", b"=", b""]), VALUES), max_size=4))
    separator = draw(st.sampled_from([b"&", b"&", b"&", b";", b"&&", b"%26", b"&amp;"]))
    query = separator.join(b"".join(pair) for pair in pairs)
    line = draw(METHODS) + b" " + draw(PATHS) + draw(st.sampled_from([b"?", b"?", b"?", b"#", b"??"])) + query
    end = draw(LINE_ENDS)
    headers = [draw(HOSTS), *draw(st.lists(HEADERS, max_size=6))]
    raw = line + draw(VERSIONS) + end + end.join(headers) + end + end + draw(BODIES)
    return draw(st.sampled_from(_DAMAGES))(raw, draw(st.integers(0, len(raw))), draw(NOISE))


_DAMAGES = [
    lambda raw, at, noise: raw,
    lambda raw, at, noise: raw,
    lambda raw, at, noise: raw[:at],
    lambda raw, at, noise: raw[:at] + noise + raw[at:],
    lambda raw, at, noise: raw[at:],
    lambda raw, at, noise: raw + raw,
]

ATTACKS = (
    structured()
    | structured()
    | structured()
    | st.binary(max_size=4000)
    | NOISE.map(lambda noise: b"\x16\x03\x01\x02\x00\x01" + noise)
    | NOISE.map(lambda noise: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + noise)
)


def fill_in(attack: bytes, state: str, port: int) -> bytes:
    fitted = attack.replace(b"@state@", state.encode()).replace(b"@half@", state[:16].encode())
    return fitted.replace(b"@port@", str(port).encode())


def is_the_real_thing(raw: bytes, state: str) -> bool:
    """Whether this may be what Procore sends the browser back with, which has to end the sign-in."""
    found = re.match(rb"GET /callback\?([^ ]*) HTTP/1", raw)
    if not found:
        return False
    pairs = parse_qsl(found[1].decode("latin-1"), keep_blank_values=True)
    states = [value for name, value in pairs if name == "state"]
    answers = [value for name, value in pairs if name in ("code", "error")]
    return states == [state] and len(answers) == 1 and answers != [""]


EXAMPLES = 2000
# What hypothesis draws depends on every constant of the package: these answers are not left to chance.
HOME = b"GET /home HTTP/1.1\r\nHost: localhost:@port@\r\n\r\n"
LONG_TARGET = b"GET /callback?code=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost:@port@\r\n\r\n"
LONG_HEAD = b"GET / HTTP/1.1\r\nHost: localhost:@port@\r\nCookie: " + b"x" * 70_000 + b"\r\n\r\n"
MAY_GROW_KIB = 30 * 1024
pytestmark = pytest.mark.fuzz


def peak_kib(pid: int) -> int:
    """The most memory that a process has held, where the system tells."""
    if sys.platform != "linux":
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found
    return int(found[1])


def test_two_thousand_odd_requests_change_nothing(sign_in):
    # The two lines that may come at all come here, and never again.
    sign_in.told += [STRAY_ERROR, CAME_BY_HTTPS]
    sign_in.ask("/callback?error=evil")
    sign_in.send(TLS_HELLO)
    before_kib = peak_kib(sign_in.process.pid)
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(ATTACKS)
    @example(HOME)
    @example(LONG_TARGET)
    @example(LONG_HEAD)
    def attack(piece: bytes) -> None:
        raw = fill_in(piece, sign_in.state, sign_in.port)
        if is_the_real_thing(raw, sign_in.state):
            return
        statuses.append(sign_in.status_of(raw))
        assert statuses[-1] < 500
        sign_in.assert_waits()

    attack()
    assert len(statuses) > EXAMPLES * 0.9
    assert {0, 200, 400, 403, 404, 405, 414, 431} <= set(statuses)
    assert peak_kib(sign_in.process.pid) - before_kib < MAY_GROW_KIB
