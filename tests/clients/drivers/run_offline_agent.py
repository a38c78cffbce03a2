"""The page examples/offline-agent: its program, used by a person from the login to the answer of the provider."""

import os
import sys
import types

from common import WEB, browse, done
from starlette.testclient import TestClient

os.environ |= {
    "AUTH0_DOMAIN": os.environ["CLIENTS_DOMAIN"],
    "AGENT_CLIENT_ID": WEB["client_id"],
    "AGENT_CLIENT_SECRET": WEB["client_secret"],
    "GOOGLE_API": f"https://{os.environ['CLIENTS_DOMAIN']}/sandbox/provider",
}
sys.path.insert(0, os.environ["CLIENTS_EXAMPLE"])
agent: types.ModuleType = __import__("agent")

with TestClient(agent.app, base_url=agent.BASE, follow_redirects=False) as application:

    def go(path: str) -> str:
        """Follows a link of the application through the tenant's pages and back; what is shown then."""
        back = browse(application.get(path).headers["location"])
        answer = application.get(back.removeprefix(agent.BASE))
        while answer.is_redirect:
            answer = application.get(answer.headers["location"])
        assert answer.status_code == 200, answer.text
        return answer.text

    assert "Who are you?" in application.get("/").text
    assert "Hello Alice." in go("/login")
    done("login")
    assert "Connect your Google account first" in application.get("/ask").text
    assert "Hello Alice." in go("/connect")
    done("connect")
    told = application.get("/ask").text
    assert "Google answers 200" in told and "calendar.readonly" in told and "auth0|alice" in told, told
    done("exchange and call")
    go("/logout")
    assert "Who are you?" in application.get("/").text
    done("logout")
