"""Certificates over real TLS: the CA that was named or the system's, and nothing else."""

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from procore_cli.client.certificates import find_store_faults
from procore_cli.errors import AnswerLostError, CaFileError, UnreachableError
from tests.procore import procore_servers as servers

FORM = "code=s3cret"
OK = servers.json_http({"ok": True})


@pytest.fixture
def post(ask):
    return lambda url, **options: ask(url, form=FORM, **options)


@pytest.fixture
def secure(serve, certificates):
    """A server whose certificate is for `localhost` and signed by a CA that nobody else knows."""

    def start(behave=None) -> servers.Server:
        return serve(behave or servers.answering(OK), certificates.context)

    return start


def test_a_ca_file_or_a_folder_of_them_that_was_named_is_believed(secure, certificates, post, tmp_path):
    server = secure()
    # OpenSSL finds a CA by the hash of its name; c_rehash makes such a link.
    shutil.copy(certificates.ca_file, tmp_path / find_hashed_name(certificates.ca_file))
    for bundle in (certificates.ca_file, tmp_path):
        assert post(server.url, ca_bundle=str(bundle)).status == 200
    assert server.requests[0].endswith(b"\r\n\r\n" + FORM.encode())


def find_hashed_name(ca_file: Path) -> str:
    openssl = shutil.which("openssl") or "openssl"
    command = [openssl, "x509", "-hash", "-noout", "-in", ca_file]
    return f"{subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()}.0"


def test_without_one_the_systems_store_is_asked_and_no_other(secure, certificates, post, monkeypatch):
    # Certifi's list is never read.
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificates.ca_file))
    monkeypatch.setattr("certifi.where", lambda: str(certificates.ca_file))
    server = secure()
    with pytest.raises(UnreachableError) as caught:
        post(server.url)
    assert f"{server.host} cannot be reached: its certificate is not trusted" in caught.value.message
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert server.requests == []


def test_the_systems_store_is_what_openssl_was_told_it_is(secure, certificates, post, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(certificates.ca_file.parent / "none"))
    assert post(secure().url).status == 200


@pytest.fixture
def no_ca(monkeypatch, tmp_path) -> Path:
    """A bare container: OpenSSL's folder is there and empty, and no distribution's file is anywhere."""
    folder = tmp_path / "certs"
    folder.mkdir()
    defaults = ssl.get_default_verify_paths()._replace(cafile=None, capath=str(folder))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: defaults)
    monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", [])
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return folder


def test_a_machine_without_any_ca_is_told_so(no_ca, secure, post):
    server = secure()
    with pytest.raises(UnreachableError) as caught:
        post(server.url)
    assert caught.value.message == (
        f"{server.host} cannot be reached: its certificate is not trusted: this machine has no CA"
        " certificates at all. Nothing was sent."
    )
    assert "apt-get install ca-certificates" in caught.value.hint
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert server.requests == []


def test_a_folder_with_a_ca_is_a_store(no_ca, certificates, monkeypatch):
    # OpenSSL's own file may be there where the tests run.
    monkeypatch.setenv("SSL_CERT_FILE", str(no_ca / "none"))
    hashed = no_ca / find_hashed_name(certificates.ca_file)
    hashed.symlink_to(certificates.ca_file)
    assert find_store_faults({}) == []
    hashed.unlink()
    hashed.symlink_to("gone.pem")
    assert [fault.words for fault in find_store_faults({})] == ["this machine has no CA certificates at all"]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_the_system_itself_judges_there_is_no_store_to_look_at(no_ca, monkeypatch, platform):
    monkeypatch.setattr("sys.platform", platform)
    assert find_store_faults({"SSL_CERT_FILE": "/nowhere"}) == []


WRONG = [
    ("SSL_CERT_FILE", "none.pem", "no such file or directory"),
    ("SSL_CERT_DIR", "none", "no such file or directory"),
    ("SSL_CERT_FILE", "text", "it holds no certificate in PEM form"),
    ("SSL_CERT_DIR", "text", "not a directory"),
]


def test_a_variable_of_openssls_that_names_nothing_is_named(secure, post, monkeypatch, tmp_path):
    (tmp_path / "text").write_text("no certificate")
    server = secure()
    for variable, name, reason in WRONG:
        monkeypatch.setenv(variable, str(tmp_path / name))
        with pytest.raises(UnreachableError) as caught:
            post(server.url)
        wrong = f"{variable} names {tmp_path / name}, which cannot be used ({reason})"
        assert f"its certificate is not trusted: {wrong}. Nothing was sent." in caught.value.message
        assert caught.value.hint == f"Correct {variable}, or unset it: `unset {variable}`"
        monkeypatch.delenv(variable)


def test_a_folder_for_a_file_and_one_folder_of_several_are_named(tmp_path):
    named = {"SSL_CERT_FILE": str(tmp_path), "SSL_CERT_DIR": f"{tmp_path}{os.pathsep}{tmp_path / 'none'}"}
    wrong = [fault.words.partition(",")[0] for fault in find_store_faults(named)]
    assert wrong == [f"SSL_CERT_FILE names {tmp_path}", f"SSL_CERT_DIR names {tmp_path / 'none'}"]


def test_a_ca_file_of_ones_own_leaves_openssls_variables_out_of_it(secure, post, monkeypatch):
    import certifi

    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    with pytest.raises(UnreachableError) as caught:
        post(secure().url, ca_bundle=certifi.where())
    assert UNKNOWN_CA in caught.value.message
    assert "SSL_CERT_FILE" not in caught.value.message + caught.value.hint


UNKNOWN_CA = "its certificate is not trusted: it was issued by a CA that this machine does not know"


@pytest.mark.parametrize(
    ("wrong", "words", "hint", "is_ca_known"),
    [
        ({"issuer": "localhost"}, "its certificate is not trusted: it is self-signed", "REQUESTS_CA", False),
        ({}, UNKNOWN_CA, "If your network inspects TLS", False),
        ({"from_day": -9, "to_day": -2}, "its certificate has expired", "date and time", True),
        ({"from_day": 2, "to_day": 9}, "its certificate is not valid yet", "date and time", True),
        ({"host": "portal.test"}, "its certificate is for another host", "login page", True),
    ],
)
def test_what_is_wrong_with_a_certificate_is_named(
    serve, new_context, tmp_path, post, wrong, words, hint, is_ca_known
):
    server = serve(servers.answering(OK), new_context(**wrong))
    with pytest.raises(UnreachableError) as caught:
        post(server.url, ca_bundle=str(tmp_path / "ca.pem") if is_ca_known else None)
    assert caught.value.message == f"{server.host} cannot be reached: {words}. Nothing was sent."
    assert hint in caught.value.hint
    assert server.requests == []


def test_a_network_that_inspects_tls_is_named_and_its_ca_can_be_believed(serve, new_context, tmp_path, post):
    # It answers CONNECT itself and shows a certificate of its own for Procore's host.
    inspector = serve(servers.answering(OK), new_context(host="procore.test", chain=True))
    proxy = serve(servers.tunnelling(int(inspector.host.partition(":")[2])))
    url, variables = "https://procore.test", {"HTTPS_PROXY": proxy.url}
    with pytest.raises(UnreachableError) as caught:
        post(url, environ=variables)
    assert caught.value.message == f"procore.test cannot be reached: {UNKNOWN_CA}. Nothing was sent."
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint
    assert inspector.requests == []
    assert post(url, environ=variables, ca_bundle=str(tmp_path / "ca.pem")).status == 200


@pytest.mark.parametrize(
    ("behave", "limit_s", "said", "connections"),
    [
        pytest.param(servers.answering_in_plain_text, 9, "TLS failed", None, id="no TLS"),
        # Never a connection, and not tried again.
        pytest.param(servers.silent_from_the_start, 0.2, r"no connection within 0\.2 s", 1, id="hangs"),
        pytest.param(servers.resetting_in_the_handshake, 9, "Nothing was sent", 2, id="breaks"),
    ],
)
def test_a_handshake_that_fails_is_tried_once_more_if_it_breaks(
    serve, post, behave, limit_s, said, connections
):
    server = serve(behave)
    with pytest.raises(UnreachableError, match=said):
        post(server.url.replace("http://", "https://"), connect_timeout_s=limit_s)
    assert connections in (None, server.connections)


@pytest.mark.parametrize("behave", [servers.hanging, servers.resetting, servers.dripping(b"H")])
def test_after_the_handshake_an_answer_can_only_be_lost(secure, certificates, post, behave):
    server = secure(behave)
    with pytest.raises(AnswerLostError):
        post(server.url, ca_bundle=str(certificates.ca_file), read_timeout_s=0.3)
    assert server.connections == 1


def test_a_ca_file_that_is_not_there_or_holds_no_certificate_names_its_variable(tmp_path, post):
    for name, content in (
        ("empty.pem", ""),
        ("text.pem", "this is not PEM"),
        ("missing.pem", None),
        ("null\0byte", None),
    ):
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(CaFileError, match="REQUESTS_CA_BUNDLE") as caught:
            post("http://localhost:1", ca_bundle=str(tmp_path / name))
        assert "\0" in name or str(tmp_path) in caught.value.message
        assert caught.value.exit_code == 3
