"""Whom a served sandbox answers, what it shows of secrets, and what it says of files that it cannot use."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import Result, cli, process, served, write_spec
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET, open_sandbox
from tokenvault.sandbox.server import served as answering_own_names

TOKEN = {"authorization": "Bearer sandbox"}
CANARY = "s3cr3t-of-a-real-provider"
SPEC = {
    "version": 1,
    "name": "acme",
    "connections": {"google-oauth2": {}},
    "applications": {"a": {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["connected_accounts"]}},
}  # fmt: skip


# ---- names


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = tmp_path_factory.mktemp("served") / "t.db"
    with served(state, "--name", "acme.us.auth0.test:8443") as host:
        yield host


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("127.0.0.1", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST", 200),
        ("[::1]:{port}", 200),
        ("acme.localhost:{port}", 200),
        ("sandbox.localhost", 200),
        ("auth.acme.example", 200),  # a custom domain of the sample company
        ("acme.us.auth0.test", 200),  # a name that it was told
        ("evil.example", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("evillocalhost", 421),
        ("10.0.0.1", 421),
        ("acme.us.auth0.com", 421),
        ("", 421),
    ],
)
def test_only_its_own_names_are_answered(address: str, host: str, status: int) -> None:
    headers = TOKEN | {"host": host.format(port=address.rpartition(":")[2])}
    for path in ("/api/v2/clients", "/sandbox/state"):
        answer = httpx.get(f"http://{address}{path}", headers=headers, trust_env=False)
        assert answer.status_code == status, answer.text
        assert status == 200 or (CLIENT_ID not in answer.text and answer.json()["error"] == "Misdirected Request")


def test_names_that_it_was_told_are_its_own(sandbox: Any, runner: Any) -> None:
    sandbox.served_as = ("acme.us.auth0.test:8443",)

    async def ask(host: str) -> int:
        transport = httpx.ASGITransport(app=answering_own_names(sandbox))
        async with httpx.AsyncClient(transport=transport, headers=TOKEN) as client:
            return (await client.get(f"https://{host}/api/v2/clients")).status_code

    asked = ("acme.us.auth0.test", "ACME.us.auth0.test:443", "other.us.auth0.test", "us.auth0.test")
    assert [runner.run(ask(host)) for host in asked] == [200, 200, 421, 421]


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer wrong"}, {"authorization": "sandbox"}])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "requests"), ("DELETE", "requests"), ("PUT", "faults"), ("GET", "state"), ("GET", "nothing")],
)
def test_the_sandboxs_own_endpoints_want_its_token(address: str, header: dict, method: str, path: str) -> None:
    url = f"http://{address}/sandbox/{path}"
    assert httpx.request(method, url, headers=header, trust_env=False).status_code == 401
    assert httpx.request(method, url, headers=TOKEN, trust_env=False).status_code != 401


# ---- faults


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": 999}, {"fault": 42}, {"fault": True}, {"fault": None}, {"fault": 204}, {"fault": "٤٠٤"}, {"fault": []},
        {"fault": 500, "nth": "x"}, {"fault": 500, "nth": 0}, {"fault": 500, "nth": True}, {"fault": 500, "nth": 1.5},
        {"fault": 500, "times": -1}, {"fault": 500, "times": "all"}, {"fault": 500, "path": 7},
        {"fault": 500, "method": ["GET"]}, {"fault": 500, "method": "LOOK"}, {"fault": 500, "when": "during"},
        {"fault": "slow", "seconds": "long"}, {"fault": "slow", "seconds": -1}, {"fault": "hang", "seconds": 1e99},
        {"fault": 429, "reset": "soon"}, {"fault": "html", "status": 99}, {"fault": "html", "status": "200"},
        {"fault": "meanwhile", "request": "PATCH"}, {"fault": "meanwhile", "request": {"method": "LOOK"}},
        {"fault": "meanwhile", "request": {"path": "api"}}, {"fault": "meanwhile", "request": {"url": "/"}},
        "reset", None, 7, {"made": "up"},
    ],
)  # fmt: skip
def test_faults_that_cannot_be_are_refused_at_once(address: str, rule: Any) -> None:
    url = f"http://{address}/sandbox/faults"
    answer = httpx.put(url, json=[rule], headers=TOKEN, trust_env=False)
    assert answer.status_code == 400 and answer.json()["message"]
    assert httpx.get(f"http://{address}/api/v2/clients", headers=TOKEN, trust_env=False).status_code == 200


@pytest.mark.parametrize("body", ["", "{", "7", '"x"', "[" * 100_000, '[{"fault": NaN}]'])
def test_faults_that_are_no_list_of_rules_are_refused(address: str, body: str) -> None:
    answer = httpx.put(f"http://{address}/sandbox/faults", content=body, headers=TOKEN, trust_env=False)
    assert answer.status_code == 400


@pytest.mark.parametrize("body", ["[" * 100_000, '{"identifier": "urn:\\ud800"}', '{"identifier": NaN}', "{"])
def test_bodies_that_no_database_could_keep_are_refused(address: str, body: str) -> None:
    headers = TOKEN | {"content-type": "application/json"}
    url = f"http://{address}/api/v2/resource-servers"
    answer = httpx.post(url, content=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_body")


# ---- secrets


def _fill_with_secrets(api: Any) -> None:
    options = {"client_id": "x", "client_secret": CANARY, "configuration": {"db": CANARY}, "app_secret": CANARY}
    api.ok("POST", "/connections", {"name": "crm", "strategy": "oauth2", "options": options})
    api.ok("POST", "/clients", {"name": "a", "encryption_key": {"pub": "-----BEGIN PRIVATE KEY-----" + CANARY}})
    api.ok("POST", "/resource-servers", {"identifier": "urn:x", "signing_alg": "HS256", "signing_secret": CANARY * 2})
    api.ok("PUT", "/guardian/factors/sms/providers/twilio", {"auth_token": CANARY, "sid": "1"})


def test_what_is_shown_holds_no_secret(sandbox: Any, api: Any) -> None:
    _fill_with_secrets(api)
    client = api.ok("POST", "/clients", {"name": "b", "callbacks": ["https://b.example"]})
    token = sandbox.issue_refresh_token("auth0|alice", client["client_id"])
    whole = json.dumps(sandbox.export_state())
    secrets = [CANARY, CLIENT_SECRET, token, client["client_secret"]]
    assert all(secret in whole for secret in secrets)
    for shown in (
        json.dumps(sandbox.export_state(masked=True)),
        api.raw("GET", "/sandbox/state", headers={"authorization": "Bearer sandbox"}).text,
    ):
        assert not [secret for secret in secrets if secret in shown]
        objects = json.loads(shown)["objects"]
        assert objects["tenant"]["identity"]["domain"] == "sandbox.localhost"
        assert objects["clients"][CLIENT_ID]["token_endpoint_auth_method"] == "client_secret_post"
        assert objects["clients"][CLIENT_ID]["client_secret"] == "(secret)"


def test_the_command_shows_secrets_only_when_told_to(tmp_path: Path) -> None:
    state = tmp_path / "t.db"
    open_sandbox(state).close()
    assert CLIENT_SECRET not in cli("sandbox", "show", "--state", state).out
    assert CLIENT_SECRET in cli("sandbox", "show", "--reveal-secrets", "--state", state).out


def test_a_state_without_secrets_is_loaded_with_new_ones(tmp_path: Path, runner: Any, api: Any) -> None:
    _fill_with_secrets(api)
    file, state = tmp_path / "state.json", tmp_path / "t.db"
    file.write_text(json.dumps(api.sandbox.export_state(masked=True)))
    assert cli("sandbox", "load", file, "--state", state).code == 0
    loaded = open_sandbox(state)
    objects = loaded.export_state()["objects"]
    loaded.close()
    assert "(secret)" not in json.dumps(objects)
    assert objects["clients"][CLIENT_ID]["client_secret"] == CLIENT_SECRET  # the tenant had it already
    crm = next(one for one in objects["connections"].values() if one["name"] == "crm")
    assert len(crm["options"]["client_secret"]) > 30 and crm["options"]["client_id"] == "x"


@pytest.mark.parametrize("state", ["[]", "7", '{"version": 1}', '{"version": 1, "domain": "x", "objects": {"tenant": 7}}',
                                   '{"version": 1, "domain": "x", "objects": {"tenant": {"identity": 7}}}'])  # fmt: skip
def test_what_is_no_state_is_not_loaded(tmp_path: Path, state: str) -> None:
    (tmp_path / "state.json").write_text(state)
    loaded = cli("sandbox", "load", tmp_path / "state.json", "--state", tmp_path / "t.db")
    assert loaded.code == 1 and "state.json" in loaded.err and "unexpectedly" not in loaded.err


# ---- files

Spoil = Callable[[Path], None]


def _text(path: Path) -> None:
    path.write_text("a file of mine\n" * 100)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (id)")
        connection.execute("INSERT INTO mine VALUES (42)")
    connection.close()


def _foreign_wal(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE mine (id)")
    connection.commit()
    connection.close()


def _foreign_with_objects(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE objects (id, name)")
    connection.close()


def _foreign_without_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()


def _foreign_marked(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 1196444487")
    connection.close()


FOREIGN = [_text, _foreign, _foreign_wal, _foreign_with_objects, _foreign_without_tables, _foreign_marked]
COMMANDS = [
    ("plan", "spec.yaml", "--sandbox=t.db"),
    ("apply", "spec.yaml", "--sandbox=t.db", "-y"),
    ("sandbox", "reset", "--state", "t.db"),
    ("sandbox", "show", "--state", "t.db"),
    ("sandbox", "serve", "--state", "t.db"),
    ("sandbox", "connect", "auth0|a", "github", "--state", "t.db"),
]


def _refused(result: Result, code: str) -> None:
    assert result.code == 1 and f"[{code}]" in result.err, result.err
    assert "t.db" in result.err and "Traceback" not in result.err and "unexpectedly" not in result.err
    assert len(result.err.strip().splitlines()) >= 2  # what is wrong, and what to do


@pytest.mark.parametrize("spoil", FOREIGN)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path, spoil: Spoil, command: tuple[str, ...]) -> None:
    write_spec(tmp_path, SPEC)
    spoil(tmp_path / "t.db")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    _refused(cli(*command, cwd=tmp_path), "sandbox-foreign")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_an_empty_file_and_an_old_sandbox_are_taken(tmp_path: Path) -> None:
    (tmp_path / "t.db").touch()
    assert cli("sandbox", "reset", "--state", tmp_path / "t.db").code == 0
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("PRAGMA application_id = 0")  # as the first version left it
    connection.close()
    shown = cli("sandbox", "show", "--state", tmp_path / "t.db")
    assert shown.code == 0 and "Legacy Portal" in shown.out


def _overwrite(path: Path, start: int) -> None:
    content = bytearray(path.read_bytes())
    content[start:] = b"\xff" * (len(content) - start)
    path.write_bytes(content)


def _no_json(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        for index in ("client_id", "identifier", "name", "resource_server_identifier"):
            connection.execute(f"DROP INDEX by_{index}")
        connection.execute("UPDATE objects SET doc = '{'")
    connection.close()


@pytest.mark.parametrize(
    "spoil", [lambda path: _overwrite(path, 4096), lambda path: _overwrite(path, 20_000), _no_json]
)
@pytest.mark.parametrize("command", COMMANDS[:1] + COMMANDS[3:4], ids=lambda command: " ".join(command[:2]))
def test_a_damaged_file_is_told(tmp_path: Path, spoil: Spoil, command: tuple[str, ...]) -> None:
    write_spec(tmp_path, SPEC)
    open_sandbox(tmp_path / "t.db").close()
    spoil(tmp_path / "t.db")
    _refused(cli(*command, cwd=tmp_path), "sandbox-damaged")


@pytest.mark.parametrize(("where", "code"), [("folder", "sandbox-unusable"), ("file/t.db", "sandbox-unusable")])
def test_a_path_that_cannot_be_a_file_is_told(tmp_path: Path, where: str, code: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    shown = cli("sandbox", "show", "--state", where, cwd=tmp_path)
    assert shown.code == 1 and f"[{code}]" in shown.err and where in shown.err


def _limited(*arguments: str, cwd: Path, most: int) -> Result:
    """The command in a process that may write no file beyond this size, which is how a full disk looks from inside."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    command = [sys.executable, "-m", "tokenvault", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, preexec_fn=limit, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[1], COMMANDS[2]], ids=lambda command: " ".join(command[:2]))
@pytest.mark.parametrize("most", [1_000, 30_000])
def test_a_disk_without_room_is_told(tmp_path: Path, command: tuple[str, ...], most: int) -> None:
    write_spec(tmp_path, SPEC)
    told = _limited(*command, cwd=tmp_path, most=most)
    assert told.code == 1 and "[sandbox-" in told.err and "t.db" in told.err, told.err
    assert "Traceback" not in told.err and "unexpectedly" not in told.err


def test_a_disk_that_fills_up_meanwhile_is_told_and_the_apply_can_be_repeated(tmp_path: Path) -> None:
    write_spec(tmp_path, SPEC)
    open_sandbox(tmp_path / "t.db").close()
    size = (tmp_path / "t.db").stat().st_size
    told = _limited(*COMMANDS[1], cwd=tmp_path, most=size // 4)
    assert told.code == 1 and "[sandbox-" in told.err, told.err
    assert "Traceback" not in told.err and "unexpectedly" not in told.err
    assert process(*COMMANDS[1], cwd=tmp_path).code == 0
    assert process("plan", "spec.yaml", "--sandbox=t.db", "--detailed-exitcode", cwd=tmp_path).code == 0


def test_a_served_sandbox_whose_file_fails_says_so(tmp_path: Path) -> None:
    state = tmp_path / "t.db"
    with served(state) as host:
        assert httpx.get(f"http://{host}/api/v2/clients", headers=TOKEN, trust_env=False).status_code == 200
        with sqlite3.connect(state) as connection:
            connection.execute("UPDATE objects SET doc = '7' WHERE kind = 'clients'")
        connection.close()
        answer = httpx.get(f"http://{host}/api/v2/clients", headers=TOKEN, trust_env=False)
        assert answer.status_code == 507 and "damaged" in answer.json()["message"]


# ---- many at once


def test_threads_that_open_the_same_new_file_at_once_get_the_same_tenant(tmp_path: Path) -> None:
    rounds, seen, failed = 200, [[""] * 200, [""] * 200], []
    barrier = threading.Barrier(2, timeout=60)

    def open_all(mine: list[str]) -> None:
        try:
            for number in range(rounds):
                barrier.wait()
                sandbox = open_sandbox(tmp_path / f"{number}.db", empty=True)
                mine[number] = next(iter(sandbox.export_state()["objects"]["clients"]))  # an id made at random
                sandbox.close()
        except Exception as problem:
            failed.append(problem)
            barrier.abort()

    threads = [threading.Thread(target=open_all, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and seen[0] == seen[1] and all(seen[0])


def test_opening_it_once_more_takes_no_lock_from_who_has_it_open(tmp_path: Path) -> None:
    """Else the next process that leaves would take itself for the last one, and delete the log that is being written."""
    state = tmp_path / "t.db"
    first = open_sandbox(state, empty=True)
    open_sandbox(state).close()
    assert process("sandbox", "show", "--state", state, cwd=tmp_path).code == 0
    assert Path(f"{state}-wal").exists()
    first.close()
    assert not Path(f"{state}-wal").exists()
