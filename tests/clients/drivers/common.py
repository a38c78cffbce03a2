"""What the Python drivers share. A driver says each flow that it went through, one a line, and fails loudly."""

import json
import os
import urllib.parse
import urllib.request

DOMAIN, CONNECTION = os.environ["CLIENTS_DOMAIN"], "google-oauth2"
WEB = json.loads(os.environ["CLIENTS_WEB"])
API_CLIENT = json.loads(os.environ["CLIENTS_API_CLIENT"])
DEPLOY = json.loads(os.environ["CLIENTS_DEPLOY"])
REFRESH_TOKEN, ACCESS_TOKEN = os.environ["CLIENTS_REFRESH_TOKEN"], os.environ["CLIENTS_ACCESS_TOKEN"]
API, USER = os.environ["CLIENTS_API"], os.environ["CLIENTS_USER"]
SCOPE = "https://www.googleapis.com/auth/calendar.events"


def done(flow: str) -> None:
    """Says that a flow went through."""
    print(f"flow {flow}", flush=True)


def browse(address: str) -> str:
    """Where a person's visit ends."""
    query = urllib.parse.urlencode({"url": str(address)})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{os.environ['CLIENTS_PERSON']}?{query}", timeout=30) as answer:
        return str(json.load(answer)["url"])
