"""Which proxy is taken, and what is said when it does not work."""

import base64
import os
import socket
from unittest import mock

import pytest

from procore_cli.client.request import Call
from procore_cli.client.transport import find_proxy
from procore_cli.errors import BadUrlError, UnreachableError
from tests.procore import procore_servers as servers

API = "https://api.procore.com/rest/v1.0/me"


def found(url: str, environ: dict[str, str]) -> str | None:
    """Which proxy is taken where these variables are set."""
    with mock.patch.dict(os.environ, environ):
        proxy = find_proxy(url)
    return proxy and proxy.url


VARIABLES = [
    ({}, None),
    ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
    ({"https_proxy": "https://proxy"}, "https://proxy"),
    ({"https_proxy": "http://lower", "HTTPS_PROXY": "http://upper"}, "http://lower"),
    ({"https_proxy": "", "HTTPS_PROXY": "http://upper"}, "http://upper"),
    ({"HTTPS_PROXY": "  "}, None),
    ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
    ({"ALL_PROXY": "http://all"}, "http://all"),
    ({"all_proxy": "http://all", "HTTPS_PROXY": "http://own"}, "http://own"),
    ({"HTTP_PROXY": "http://other-scheme"}, None),
    ({"HTTPS_PROXY": "http://user:word@proxy:3128"}, "http://user:word@proxy:3128"),
    ({"ALL_PROXY": "socks5://ignored", "HTTPS_PROXY": "http://own"}, "http://own"),
]


def test_the_variables_mean_what_they_mean_everywhere():
    assert [(environ, found(API, environ)) for environ, _ in VARIABLES] == VARIABLES
    both = {"HTTP_PROXY": "http://p", "HTTPS_PROXY": "http://q"}
    assert found("http://example.com/", both) == "http://p"


def test_loopback_never_goes_through_a_proxy():
    environ = {"HTTP_PROXY": "http://p", "HTTPS_PROXY": "http://p", "ALL_PROXY": "http://p"}
    hosts = ("localhost:4567", "127.0.0.1", "127.1.2.3:80", "[::1]:4567")
    assert {found(f"{scheme}://{host}/", environ) for scheme in ("http", "https") for host in hosts} == {None}


# A host, what stands in NO_PROXY, and whether it excepts the host.
EXCEPTED = [
    ("api.procore.com", ("", ",", "rocore.com", "xapi.procore.com", "api.procore.com:8443"), False),
    ("api.procore.com", ("*", "api.procore.com", "procore.com", ".procore.com", "API.Procore.COM"), True),
    ("api.procore.com", ("other.example, procore.com", "com"), True),
    ("api.procore.com", ("10.0.0.0/8",), False),
    ("10.1.2.3", ("10.0.0.0/8", "10.1.2.3"), True),
    ("10.1.2.3", ("10.0.0.0/nonsense",), False),
    ("11.1.2.3", ("10.0.0.0/8",), False),
    ("[fd00::1]", ("fd00::1",), True),
    ("[fd00::1]", ("10.0.0.0/8",), False),
    ("example.com:8443", ("example.com:8443",), True),
    ("example.com:8443", ("example.com:9000",), False),
]


def test_no_proxy_excepts_hosts_and_what_lies_under_them_addresses_networks_and_ports_and_nothing_else():
    for host, values, is_excepted in EXCEPTED:
        for value in values:
            for name in ("NO_PROXY", "no_proxy"):
                proxy = found(f"https://{host}/", {"HTTPS_PROXY": "http://p", name: value})
                assert proxy == (None if is_excepted else "http://p"), (host, value)
    empty = {"HTTPS_PROXY": "http://p", "no_proxy": "", "NO_PROXY": "procore.com"}
    assert found(API, empty) is None


def test_a_proxy_that_cannot_be_used_names_its_variable_and_not_its_value():
    for value in (
        *("socks5://h:1080", "http://", "http://u:1#pw@h:1", "http://u:1/pw@h:1", "http://:3128"),
        *("http://h:port", "http://h:0", "http://[::1", "ftp://h"),
    ):
        for variable in ("HTTPS_PROXY", "all_proxy"):
            with pytest.raises(BadUrlError) as caught:
                found(API, {variable: value.replace("//", "//user:s3cret@", 1)})
            assert f"The proxy from {variable} cannot be used" in caught.value.message
            assert "s3cret" not in str(caught.value) + caught.value.hint
            assert caught.value.exit_code == 3


@pytest.fixture
def post(ask):
    """Post a form to a name that only a proxy could know."""

    def post(proxy: str, **options) -> int:
        environ = {"HTTPS_PROXY": proxy}
        return ask("https://procore.invalid", form="code=s3cret", environ=environ, **options).status

    return post


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("407 Proxy Authentication Required", "it asks for a user name and password (407)"),
        ("403 Forbidden", "it refuses to connect to procore.invalid (403)"),
        ("502 \x1b[2J", "it refuses to connect to procore.invalid (502)"),
    ],
)
def test_a_proxy_that_refuses_is_told_apart_from_procore(serve, post, status, reason):
    proxy = serve(servers.closing_after(servers.http(status, b"")))
    with pytest.raises(UnreachableError) as caught:
        post(proxy.url)
    assert caught.value.message == f"the proxy {proxy.host} cannot be used: {reason}. Nothing was sent."
    assert "HTTPS_PROXY" in caught.value.hint
    if status.startswith("407"):
        assert "http://USER:PASSWORD@HOST:PORT" in caught.value.hint
        assert "%40 for @" in caught.value.hint
    assert b"s3cret" not in b"".join(proxy.requests)


def test_a_proxy_that_is_not_there_is_named_without_its_password(post):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for proxy, reason in (
        ("proxy.invalid:3128", "its name cannot be resolved"),
        (f"127.0.0.1:{port}", "connection refused"),
    ):
        with pytest.raises(UnreachableError) as caught:
            post(f"http://user:s3cret@{proxy}")
        assert caught.value.message.startswith(f"the proxy {proxy} cannot be used: {reason}")
        assert caught.value.message.endswith(". Nothing was sent.")
        assert "s3cret" not in caught.value.message


def test_a_proxy_whose_own_certificate_is_unknown_leads_to_the_ca_file(serve, certificates, post):
    proxy = serve(servers.hanging, certificates.context)
    with pytest.raises(UnreachableError) as caught:
        post(proxy.url)
    assert f"the proxy {proxy.host} cannot be used: its certificate is not trusted" in caught.value.message
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_plain_request_that_the_proxy_holds_back_is_told_from_procores_answer(
    serve, new_transport, environment_at, is_asked
):
    # A download may lead to plain http, where the proxy answers in the server's place.
    server = serve(servers.answering(servers.http("407 Proxy Authentication Required", b"")))
    transport = new_transport({"HTTP_PROXY": server.url} if is_asked else {})
    call = Call("GET", "http://files.invalid/a" if is_asked else f"{server.url}/a")
    if not is_asked:
        assert transport.open(call, environment=environment_at(server.url)).status == 407
        return
    with pytest.raises(UnreachableError, match=r"asks for a user name and password \(407\)") as caught:
        transport.open(call, environment=environment_at(server.url))
    assert f"the proxy {server.host} cannot be used" in caught.value.message


@pytest.mark.parametrize(
    "behave", [servers.hanging, servers.resetting, servers.closing_after(b"garbage\r\n")]
)
def test_a_proxy_that_fails_before_the_tunnel_has_had_nothing_but_its_user_and_password(serve, post, behave):
    proxy = serve(behave)
    with pytest.raises(UnreachableError, match="Nothing was sent"):
        post(proxy.url.replace("http://", "http://user:pass%40word@"), connect_timeout_s=0.2)
    assert b"CONNECT procore.invalid:443" in proxy.requests[0]
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"user:pass@word") in proxy.requests[0]
    assert b"s3cret" not in b"".join(proxy.requests)


@pytest.mark.parametrize("tls_to_proxy", [False, True])
def test_a_request_goes_through_a_tunnel_and_tls_is_with_procore(serve, certificates, ask, tls_to_proxy):
    server = serve(servers.answering(servers.json_http({})), certificates.context)
    port = int(server.host.partition(":")[2])
    proxy = serve(servers.tunnelling(port), certificates.context if tls_to_proxy else None)
    options = {"environ": {"HTTPS_PROXY": proxy.url}, "ca_bundle": str(certificates.ca_file)}
    assert ask("https://procore.test", form="code=s3cret", **options).status == 200
    assert server.requests[0].endswith(b"code=s3cret")
    assert proxy.requests[0].startswith(b"CONNECT procore.test:443 ")
    assert b"s3cret" not in b"".join(proxy.requests)
