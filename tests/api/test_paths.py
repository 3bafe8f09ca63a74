"""What may be called: each path that a person may type, and each trick that would lead elsewhere."""

import pytest

from procore_cli.client.paths import find_next, read_url
from procore_cli.errors import RedirectRefusedError, UsageMistakeError
from procore_cli.models import Environment

API = "127.0.0.1:8080"
HOST = "127.0.0.1:8081"
HERE = Environment("sandbox", "https://login.example.com", f"http://{API}")


READ = [
    ("/rest/v1.0/companies", "/rest/v1.0/companies"),
    ("projects", "/rest/v1.0/projects"),
    ("/restaurants", "/rest/v1.0/restaurants"),
    ("rest/v2.0/companies/1", "/rest/v2.0/companies/1"),
    ("v1.1/projects?a=v", "/rest/v1.1/projects?a=v"),
    ("v2/x", "/rest/v2/x"),
    ("vendors", "/rest/v1.0/vendors"),
    ("a?at=12:30&u=http://x/../y", "/rest/v1.0/a?at=12:30&u=http://x/../y"),
    ("a?q=100%25", "/rest/v1.0/a?q=100%25"),
    ("a b/\xfc", "/rest/v1.0/a%20b/%C3%BC"),
    ("a...b/..c/d..", "/rest/v1.0/a...b/..c/d.."),
    ("a//b", "/rest/v1.0/a//b"),
    ("@example.com/x", "/rest/v1.0/@example.com/x"),
    (f"http://{API}/vapid/x?a=b", "/vapid/x?a=b"),
    (f"HTTP://{API}", "/"),
]


def test_a_path_is_put_behind_the_apis_own_base():
    assert [(typed, read_url(typed, HERE).removeprefix(HERE.api_url)) for typed, _ in READ] == READ


REFUSED = [
    "{url}/x",
    "//{host}/x",
    "///{host}/x",
    "/\\{host}/x",
    "\\\\{host}/x",
    "http:/\\{host}/x",
    "http:\\\\{host}/x",
    "http:{host}/x",
    "http:/{host}/x",
    "http:///{host}/x",
    "http://{api}@{host}/x",
    "http://joe@{api}/x",
    "http://joe:hush@{api}/x",
    "http://{api}\\@{host}/x",
    "http://{api}%40{host}/x",
    "http://{api}%2F@{host}/x",
    "http://{api}.example.com/x",
    "http://{api} @{host}/x",
    "http://[{host}]/x",
    "https://{api}/x",
    "ftp://{api}/x",
    "javascript:alert(1)",
    "x\r\nHost: {host}",
    "x\n",
    " x",
    "x\x00",
    "x\x7f",
    "x\u2028y",
    "x\u202ey",
    "..",
    "../x",
    "a/../../x",
    "a/%2e%2e/x",
    "a/.%2E/x",
    "/rest/v1.0/./x",
    "a/%5c..%5cx",
    "a%00b",
    "a%0d%0ab",
    "x#part",
    "",
]


def test_what_could_lead_elsewhere_is_refused():
    for path in REFUSED:
        with pytest.raises(UsageMistakeError, match="Nothing was sent"):
            read_url(path.format(url=f"http://{HOST}", host=HOST, api=API), HERE)


def test_the_default_port_may_be_left_out_or_not():
    environment = Environment("production", "https://login.procore.com", "https://api.procore.com")
    for typed in ("https://api.procore.com/x", "https://API.procore.com:443/x"):
        assert read_url(typed, environment) == "https://api.procore.com/x"


@pytest.mark.parametrize("link", ["</x>;a" + " " * 48_000 + "x", "</" + "x" * 8192 + ">; rel=next"])
def test_a_link_header_is_not_read_without_end(link):
    with pytest.raises(RedirectRefusedError, match="more than 8192 characters"):
        find_next(link, HERE.api_url, HERE)


def test_space_around_the_links_counts_for_nothing():
    link = " " * 9000 + "</a>; rel=first , , </b> ; rel=next" + " " * 9000
    assert find_next(link, HERE.api_url, HERE) is None
    assert find_next(link.replace(", ,", ","), HERE.api_url, HERE) == f"{HERE.api_url}/b"
