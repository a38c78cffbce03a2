"""The sandbox in another process, over real sockets: ready line, faults, rate limit, command line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
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


def test_who_hangs_up_half_way_through_a_request_gets_no_answer_and_leaves_no_traceback(serve: Serve) -> None:
    client = serve("--port", "0")
    with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as caller:
        caller.sendall(b"POST /api/v2/clients HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
    assert client.get("/api/v2/clients").status_code == 200
    assert all(one["method"] == "GET" for one in client.get("/sandbox/requests").json())


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


# ---- names and TLS


@contextlib.contextmanager
def tls_server(state: Path, *options: str, told: list[str] | None = None) -> Iterator[list[str]]:
    """A server with TLS; the addresses that it announces, and afterwards what it told on stderr."""
    command = [*COMMAND, "serve", "--state", str(state), "--tls", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, env=_environment()) as server:
        assert server.stdout
        try:
            count = 1 + max(1, options.count("--name"))
            yield [server.stdout.readline().split()[-1] for _ in range(count)]
        finally:
            server.send_signal(signal.SIGINT)
            out, err = server.communicate(timeout=10)
        if told is not None:
            told.append(err)
        assert out == "" and err.splitlines()[0].startswith("To trust its certificate"), err
        assert not [
            line for line in err.splitlines() if not line.startswith(("  ", "To trust")) and "hosts file" not in line
        ], err


def _ask(port: str, name: str, path: str, authority: Path, **options: Any) -> httpx.Response:
    context = ssl.create_default_context(cafile=str(authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with httpx.Client(verify=context, trust_env=False, timeout=5) as client:
        headers = {"host": f"{name}:{port}", **options.pop("headers", {})}
        extensions = {"sni_hostname": name}
        address = f"https://127.0.0.1:{port}{path}"
        return client.request(options.pop("method", "GET"), address, headers=headers, extensions=extensions, **options)


def test_tls_and_plain_are_one_tenant_on_one_port(tmp_path: Path) -> None:
    name, authority = "acme.us.auth0.test", tmp_path / "s-tls" / "ca.pem"
    with tls_server(tmp_path / "s.db", "--name", name) as (plain, secure):
        port = plain.rsplit(":", 1)[1]
        assert (plain, secure) == (f"http://127.0.0.1:{port}", f"https://{name}:{port}")
        found = _ask(port, name, "/.well-known/openid-configuration", authority).json()
        assert found["issuer"] == f"{secure}/" and found["token_endpoint"] == f"{secure}/oauth/token"
        form = {"grant_type": "client_credentials", "audience": f"{secure}/api/v2/", "client_id": "sandbox" * 4 + "sand",
                "client_secret": "sandbox-client-secret-that-is-no-secret"}  # fmt: skip
        token = _ask(port, name, "/oauth/token", authority, method="POST", data=form).json()["access_token"]
        keys = jwt.PyJWKSet.from_dict(_ask(port, name, "/.well-known/jwks.json", authority).json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, algorithms=["RS256"], audience=f"{secure}/api/v2/", issuer=f"{secure}/")
        bearer = {"authorization": f"Bearer {token}"}
        there = _ask(port, name, "/api/v2/resource-servers", authority, headers=bearer).json()
        assert there[0]["identifier"] == f"{secure}/api/v2/"
        here = httpx.get(f"{plain}/api/v2/resource-servers", headers=bearer, trust_env=False).json()
        assert here[0]["identifier"] == f"https://127.0.0.1:{port}/api/v2/"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://127.0.0.1:{port}/", trust_env=False)
        assert (tmp_path / "s-tls" / "server.key").stat().st_mode & 0o777 == 0o600
        with socket.create_connection(("127.0.0.1", int(port))):
            pass  # who says nothing harms nobody
        assert httpx.get(f"{plain}/.well-known/jwks.json", trust_env=False).status_code == 200


def test_how_to_trust_it_is_told_and_the_certificate_is_kept(tmp_path: Path) -> None:
    authority = tmp_path / "s-tls" / "ca.pem"
    seen = []
    for names in (("one.test",), ("one.test",), ("one.test", "two.test")):
        options = [part for name in names for part in ("--name", name)]
        told: list[str] = []
        with tls_server(tmp_path / "s.db", *options, told=told):
            pass
        err = told[0]
        assert f"NODE_EXTRA_CA_CERTS={authority}" in err and "127.0.0.1 one.test" in err
        seen.append(authority.read_bytes())
    assert seen[0] == seen[1] != seen[2]
    assert "PRIVATE" not in authority.read_text() and "PRIVATE" not in (tmp_path / "s-tls" / "server.pem").read_text()


def test_the_authority_vouches_for_the_served_names_alone(tmp_path: Path) -> None:
    from cryptography import x509

    from tokenvault.sandbox import certificate

    files = certificate.ensure(tmp_path / "tls", ["acme.us.auth0.test"])
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical and limits.value.permitted_subtrees
    named = {one.value for one in limits.value.permitted_subtrees if isinstance(one, x509.DNSName)}
    assert named == {"acme.us.auth0.test", "localhost"}
    files.key.write_text("no key")
    assert certificate.ensure(tmp_path / "tls", ["acme.us.auth0.test"]).key.read_text() != "no key"


def test_faults_reach_connections_with_tls(tmp_path: Path) -> None:
    with tls_server(tmp_path / "s.db") as (plain, _):
        port = plain.rsplit(":", 1)[1]
        for fault in ("reset", "close", "truncate"):
            rule = {"method": "GET", "path": "/api/v2/clients", "fault": fault}
            httpx.put(f"{plain}/sandbox/faults", json=[rule], headers=TOKEN, trust_env=False).raise_for_status()
            for expected in (True, False):
                try:
                    found = _ask(port, "localhost", "/api/v2/clients", tmp_path / "s-tls" / "ca.pem", headers=TOKEN)
                    assert not expected and found.status_code == 200
                except httpx.TransportError:
                    assert expected, fault


def test_connect_knows_the_names_that_the_tenant_is_served_under(tmp_path: Path) -> None:
    state = tmp_path / "s.db"
    with tls_server(state, "--name", "acme.us.auth0.test") as (plain, secure):
        base = f"{plain}/api/v2"
        api = {"identifier": f"{secure}/me/"}
        with httpx.Client(trust_env=False, headers={**TOKEN, "host": secure.removeprefix("https://")}) as client:
            assert client.post(f"{base}/resource-servers", json=api).json()["is_system"] is True
            made = client.post(f"{base}/clients", json={"name": "app", "callbacks": ["https://a/cb"],
                               "oidc_conformant": True, "is_first_party": True}).json()["client_id"]  # fmt: skip
            grant = {"client_id": made, "audience": api["identifier"], "scope": ["read:me:connected_accounts"],
                     "subject_type": "user"}  # fmt: skip
            assert client.post(f"{base}/client-grants", json=grant).status_code == 201
            google = client.get(f"{base}/connections?name=google-oauth2").json()[0]["id"]
            client.patch(f"{base}/connections/{google}", json={"connected_accounts": {"active": True}})
        for audience in (f"{secure}/me/", f"{plain.replace('http:', 'https:')}/me/"):
            token = run("connect", "auth0|alice", "google-oauth2", "--state", str(state))
            assert token.returncode == 0, token.stderr
            from tokenvault.sandbox import open_sandbox

            sandbox = open_sandbox(state)
            claims = jwt.decode(sandbox.issue_access_token("auth0|alice", made, audience),
                                options={"verify_signature": False})  # fmt: skip
            sandbox.close()
            assert claims["aud"] == audience and audience.startswith(claims["iss"])
            assert claims["scope"] == "read:me:connected_accounts"


@pytest.mark.parametrize(
    "name", ["https://acme.test", "acme.test/me", "", "a b", "-x.test", "x..test", "acme.test:port"]
)
def test_a_name_must_be_a_host_name(tmp_path: Path, name: str) -> None:
    refused = run("serve", "--state", str(tmp_path / "s.db"), "--name", name)
    assert refused.returncode != 0 and "host name" in refused.stderr


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
