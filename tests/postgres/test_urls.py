"""A database's URL is cut where libpq cuts it: what libpq takes for a secret is not shown."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from procore_cli.config.shared_database import find_shared_database
from tests.test_database_url import GOOD

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("url", [url for url, _, _ in GOOD])
def test_a_password_is_found_where_libpq_finds_one_and_the_rest_of_the_address_is_shown(url):
    shared, read = find_shared_database({"PROCORE_LOGIN_DB": url}), conninfo_to_dict(url)
    assert shared is not None
    assert shared.has_password == any(read.get(name) for name in ("password", "sslpassword"))
    assert "hu" not in shared.shown
    assert (read.get("dbname") or "") in shared.shown
