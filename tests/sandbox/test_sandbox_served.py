"""The sandbox in another process, over real sockets: ready line, faults, rate limit, command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

COMMAND = [sys.executable, "-m", "tokenvault", "sandbox"]
TOKEN = {"authorization": "Bearer sandbox"}
ROOT = str(Path(__file__).parents[2])
Serve = Callable[..., httpx.Client]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": ROOT}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=_environment(), timeout=60)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    opened: list[tuple[subprocess.Popen[str], httpx.Client]] = []

    def start(*options: str) -> httpx.Client:
        command = [*COMMAND, "serve", "--state", str(tmp_path / "sandbox.db"), *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        server = subprocess.Popen(command, **pipes, text=True, env=_environment())
        assert server.stdout
        line = server.stdout.readline().strip()
        assert line.startswith("tokenvault sandbox listening on http://127.0.0.1:"), line
        client = httpx.Client(base_url=line.split()[-1], headers=TOKEN, trust_env=False, timeout=5)
        opened.append((server, client))
        return client

    yield start
    for server, client in opened:
        client.close()
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=10)
        assert (out, err) == ("", "")


def _faults(client: httpx.Client, *rules: dict) -> None:
    client.put("/sandbox/faults", json=list(rules)).raise_for_status()


def test_served_it_is_a_tenant_of_its_own_name(serve: Serve) -> None:
    client = serve("--port", "0")
    audience = f"https://{client.base_url.netloc.decode()}/api/v2/"
    form = {"grant_type": "client_credentials", "audience": audience, "client_id": "sandbox" * 4 + "sand",
            "client_secret": "sandbox-client-secret-that-is-no-secret"}  # fmt: skip
    token = client.post("/oauth/token", data=form).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert client.get("/api/v2/resource-servers", headers=headers).json()[0]["identifier"] == audience
    log = client.get("/sandbox/requests").json()
    assert [(one["method"], one["path"], one["status"]) for one in log] == [
        ("POST", "/oauth/token", 200), ("GET", "/api/v2/resource-servers", 200)]  # fmt: skip
    assert client.delete("/sandbox/requests").status_code == 204 and client.get("/sandbox/requests").json() == []


def test_connection_faults(serve: Serve) -> None:
    client = serve("--empty")
    body = {"name": "a"}
    for fault, when, error, created in [
        ("reset", "before", httpx.ReadError, 0),
        ("reset", "after", httpx.ReadError, 1),
        ("close", "before", httpx.RemoteProtocolError, 0),
        ("close", "after", httpx.RemoteProtocolError, 1),
        ("truncate", "after", httpx.RemoteProtocolError, 1),
        ("hang", "before", httpx.ReadTimeout, 0),
    ]:
        before = len(client.get("/api/v2/clients").json())
        _faults(client, {"method": "POST", "path": "/api/v2/clients", "fault": fault, "when": when, "seconds": 5})
        with pytest.raises(error):
            client.post("/api/v2/clients", json=body, timeout=0.5)
        assert len(client.get("/api/v2/clients").json()) == before + created, (fault, when)
        assert client.post("/api/v2/clients", json=body).status_code == 201  # once only


def test_answers_that_are_no_answers(serve: Serve) -> None:
    client = serve()
    path = "/api/v2/clients"
    for fault, status in (("html", 502), ("empty", 200), ("malformed", 200)):
        _faults(client, {"path": path, "fault": fault, "status": status, "when": "after"})
        response = client.get(path)
        assert response.status_code == status
        with pytest.raises(ValueError):
            response.json()


def test_statuses_hit_the_request_that_is_meant(serve: Serve) -> None:
    client = serve()
    _faults(client,
            {"method": "GET", "path": "/api/v2/conn*", "fault": 503, "nth": 2, "times": 2},
            {"path": "/api/v2/client-grants", "fault": 429, "reset": 7},
            {"path": "/api/v2/tenants/*", "fault": 429, "reset": None},
            {"path": "/api/v2/guardian/*", "fault": 403, "body": "entitlement", "times": None})  # fmt: skip
    assert [client.get("/api/v2/connections").status_code for _ in range(4)] == [200, 503, 503, 200]
    limited = client.get("/api/v2/client-grants")
    assert limited.status_code == 429 and limited.json()["errorCode"] == "too_many_requests"
    assert 5 <= int(limited.headers["x-ratelimit-reset"]) - time.time() <= 9
    assert "x-ratelimit-reset" not in client.get("/api/v2/tenants/settings").headers
    for _ in range(3):
        assert client.get("/api/v2/guardian/policies").json()["errorCode"] == "insufficient_entitlement"
    assert client.put("/sandbox/faults", json=[{"fault": "made-up"}]).status_code == 400


def test_stale_reads_and_meddling(serve: Serve) -> None:
    client = serve()
    _faults(client, {"method": "POST", "path": "/api/v2/clients", "fault": "stale", "seconds": 0.6})
    made = client.post("/api/v2/clients", json={"name": "a"}).json()["client_id"]
    assert client.get(f"/api/v2/clients/{made}").status_code == 404
    time.sleep(0.7)
    assert client.get(f"/api/v2/clients/{made}").status_code == 200
    meddling = {"fault": "meanwhile", "request": {"method": "DELETE"}}
    _faults(client, {"method": "PATCH", "path": "/api/v2/clients/*", **meddling})
    assert client.patch(f"/api/v2/clients/{made}", json={"name": "b"}).status_code == 404


def test_latency_and_faults_from_a_file(serve: Serve, tmp_path: Path) -> None:
    rules = tmp_path / "faults.json"
    rules.write_text(json.dumps([{"path": "*", "fault": 500}]))
    client = serve("--latency-ms", "150", "--faults", str(rules))
    assert client.get("/api/v2/clients").status_code == 500
    began = time.monotonic()
    assert client.get("/api/v2/clients").status_code == 200
    assert time.monotonic() - began >= 0.15


def test_the_rate_limit_is_told_in_headers(serve: Serve) -> None:
    client = serve("--rate-limit", "clients=1:2,rest=1:1")
    answers = [client.get("/api/v2/clients") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["x-ratelimit-limit"] == "2"
    assert client.get("/api/v2/client-grants").status_code == 200  # a budget of its own
    time.sleep(max(0.0, int(answers[2].headers["x-ratelimit-reset"]) - time.time()) + 0.05)
    assert client.get("/api/v2/clients").status_code == 200


def test_the_token_may_be_given_fewer_scopes(serve: Serve) -> None:
    client = serve("--scopes", "read:clients read:connections")
    assert client.get("/api/v2/clients").status_code == 200
    assert client.post("/api/v2/clients", json={"name": "a"}).json()["errorCode"] == "insufficient_scope"


def test_two_servers_share_a_tenant(serve: Serve) -> None:
    one, other = serve(), serve()
    made = one.post("/api/v2/clients", json={"name": "a"}).json()["client_id"]
    assert other.get(f"/api/v2/clients/{made}").json()["name"] == "a"


# ---- the other commands


def test_show_load_and_reset(tmp_path: Path) -> None:
    state, saved = str(tmp_path / "s.db"), tmp_path / "saved.json"
    shown = run("show", "--state", state)
    saved.write_text(shown.stdout)
    assert json.loads(shown.stdout)["domain"] == "sandbox.localhost" and shown.stderr == ""
    reset = run("reset", "--state", state, "--empty")
    assert (reset.returncode, reset.stdout) == (0, "")
    assert run("show", "--state", state).stdout != shown.stdout
    assert run("load", str(saved), "--state", state).returncode == 0
    assert run("show", "--state", state).stdout == shown.stdout


def test_connect_prints_subject_tokens(tmp_path: Path) -> None:
    from tokenvault.sandbox import open_sandbox

    state = tmp_path / "s.db"
    sandbox = open_sandbox(state)
    document = sandbox.export_state()
    google = next(one for one in document["objects"]["connections"].values() if one["name"] == "google-oauth2")
    google["connected_accounts"] = {"active": True}
    sandbox.load_state(document)
    sandbox.close()
    done = run("connect", "auth0|alice", "google-oauth2", "--state", str(state), "--scope", "calendar")
    account = json.loads(done.stdout)
    assert account["scopes"] == ["calendar"] and account["provider_refresh_token"] is False
    refused = run("connect", "auth0|alice", "google-oauth2", "--client", "Legacy Portal", "--state", str(state))
    assert refused.returncode == 1 and refused.stdout == "" and "OIDC conformant" in refused.stderr


def test_bad_input_is_told(tmp_path: Path) -> None:
    no_json = tmp_path / "x.json"
    no_json.write_text("{")
    state = str(tmp_path / "s.db")
    assert "x.json" in run("load", str(no_json), "--state", state).stderr
    assert run("serve", "--rate-limit", "fast", "--state", state).returncode != 0
    (tmp_path / "not.db").write_text("this is no database, it is far too short and says so itself")
    broken = run("show", "--state", str(tmp_path / "not.db"))
    assert broken.returncode != 0 and "Traceback" not in broken.stderr


def test_asking_for_a_constant_loads_nothing(tmp_path: Path) -> None:
    check = "import sys, tokenvault.sandbox as s, tokenvault.cli.sandbox; assert s.TOKEN; " \
            "assert not {'sqlite3', 'starlette', 'uvicorn', 'jwt'} & sys.modules.keys()"  # fmt: skip
    done: Any = subprocess.run([sys.executable, "-c", check], env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
