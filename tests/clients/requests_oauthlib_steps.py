"""An integration with requests-oauthlib: prints the link, reads where it led, prints its end."""

import json
import os

from oauthlib.oauth2 import BackendApplicationClient, InvalidGrantError
from requests_oauthlib import OAuth2Session

BASE = os.environ["PROCORE_LOGIN_URL"]
ID, SECRET = os.environ["PROCORE_CLIENT_ID"], os.environ["PROCORE_CLIENT_SECRET"]
TOKEN_URL = f"{BASE}/oauth/token"
COMPANY = "22222"

person = OAuth2Session(ID, redirect_uri="http://localhost:4567/callback")
print(person.authorization_url(f"{BASE}/oauth/authorize")[0], flush=True)
first = person.fetch_token(TOKEN_URL, authorization_response=input(), client_secret=SECRET)
person.refresh_token(TOKEN_URL, client_id=ID, client_secret=SECRET)
login = person.get(f"{BASE}/rest/v1.0/me").json()["login"]

service = OAuth2Session(client=BackendApplicationClient(client_id=ID))
token = service.fetch_token(TOKEN_URL, client_secret=SECRET)
service.headers["Procore-Company-Id"] = COMPANY
assert service.get(f"{BASE}/rest/v1.0/me").json()["login"] != login
project = {"company_id": COMPANY, "project": {"name": "Made by a client"}}
service.post(f"{BASE}/rest/v1.0/projects", json=project).raise_for_status()
names, url = [], f"{BASE}/rest/v1.0/projects?company_id={COMPANY}&per_page=2"
while url:
    page = service.get(url)
    names += [project["name"] for project in page.json()]
    url = page.links.get("next", {}).get("url")

errors = []
try:
    person.refresh_token(TOKEN_URL, refresh_token=first["refresh_token"], client_id=ID, client_secret=SECRET)
except InvalidGrantError as error:
    errors.append(error.error)
service.post(
    f"{BASE}/oauth/revoke", data={"token": token["access_token"]}, auth=(ID, SECRET), withhold_token=True
)
errors.append(service.get(f"{BASE}/oauth/token/info").json()["error"])
print(json.dumps({"login": login, "names": names, "errors": errors}))
