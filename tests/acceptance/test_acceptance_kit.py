"""The kit as its users run it: confirmation, what it writes, that it shows no secret, and that it leaves nothing."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.__main__ import main
from tests.acceptance.company import Company, owned
from tests.acceptance.journal import FILE, Journal
from tests.acceptance.lives import FLAVORS
from tests.acceptance.names import Run
from tests.acceptance.probes import PROBES
from tests.acceptance.probes.base import Probe, Verdict
from tests.reliability.leak import JWT
from tests.support import ROOT, Result, my_env, process, served, tenant
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET, TOKEN
from tokenvault.sandbox.variants import VARIABLE

PLAYER = os.environ.get("RECORDINGS_PLAYER", "")
SIGNALS = pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda sent: sent.name)
UNKNOWN, SPA = "connection-metadata-merges", "access_token_exchange"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return Company(tmp_path_factory.mktemp("company") / "tenant.db")


@pytest.fixture
def state(company: Company, tmp_path: Path) -> Path:
    return Path(shutil.copy(company.path, tmp_path / "tenant.db"))


def kit(*arguments: object, stdin: str = "", monkeypatch: pytest.MonkeyPatch) -> Result:
    """Runs the kit in this process."""
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            print(ended.code, file=err)
            code = 1
    return Result(code, out.getvalue(), err.getvalue())


# ---- what it writes


@pytest.fixture(scope="module")
def whole(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Result, Path]]:
    """A whole run on a served tenant, with the credentials of an application and the logins of a person."""
    folder = tmp_path_factory.mktemp("whole")
    state = Path(shutil.copy(company.path, folder / "tenant.db"))
    logins = {name: {key: getattr(one, key) for key in one.__slots__} for name, one in company.logins.items()}
    (folder / "logins.yaml").write_text(yaml.safe_dump(logins))
    with served(state) as host, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTH0_CLIENT_ID", CLIENT_ID)
        patch.setenv("AUTH0_CLIENT_SECRET", CLIENT_SECRET)
        given = ("--tenant", host, "--yes", host, "--logins", folder / "logins.yaml", "--out", folder / "out")
        result = kit(*given, monkeypatch=patch)
        yield folder / "out", result, state


def test_a_whole_run_tells_every_unknown_and_lives_every_life(whole: tuple[Path, Result, Path]) -> None:
    out, result, _ = whole
    assert result.code == 0, result.out + result.err
    report = json.loads((out / "report.json").read_text())
    assert report["ok"] and not report["left"] and not report["broken"]
    assert [(one["name"], one["says"]) for one in report["unknowns"]] == [(name, "as assumed") for name in PROBES]
    assert all(
        one["assumed"] and one["otherwise"] and one["known_before"] and one["text"] for one in report["unknowns"]
    )
    steps = ["apply", "empty plan", "doctor", "export", "destroy", "nothing left"]
    assert [(one["flavor"], list(one["steps"])) for one in report["lives"]] == [(flavor, steps) for flavor in FLAVORS]
    text = (out / "report.md").read_text()
    assert all(name in text for name in (*PROBES, *FLAVORS)) and "Nothing." in text


def test_a_whole_run_shows_no_secret_and_not_whose_tenant_it_is(
    whole: tuple[Path, Result, Path], company: Company
) -> None:
    out, result, state = whole
    objects = tenant(state)
    canaries = {CLIENT_SECRET, *(one.client_secret for one in company.logins.values())}
    canaries |= {one.subject_token for one in company.logins.values()}
    canaries |= {str(one["client_secret"]) for one in objects["clients"].values() if "client_secret" in one}
    canaries |= {"PRIVATE KEY", "made-up-by-acceptance", CLIENT_ID}
    canaries |= {str(one["name"]) for one in objects["clients"].values()}  # whose names are nobody's business
    canaries.add(Journal.read(out).domain)
    files = [out / "report.json", out / "report.md", *(out / "recordings").iterdir()]
    assert len(files) == 2 + len(PROBES) + len(FLAVORS)
    for text in (result.out, result.err, *(file.read_text() for file in files)):
        assert not {canary for canary in canaries if canary in text}
        assert not JWT.search(text)  # three letters of one stand in many a random key


def test_what_it_writes_about_the_run_is_for_its_owner(whole: tuple[Path, Result, Path]) -> None:
    out, _, _ = whole
    for name in (FILE, "report.json", "report.md"):
        assert stat.S_IMODE((out / name).stat().st_mode) == 0o600
    journal = Journal.read(out)
    assert journal.entries and not journal.left


def test_every_create_of_the_run_is_in_the_journal(whole: tuple[Path, Result, Path]) -> None:
    out, _, _ = whole
    noted = {entry.at for entry in Journal.read(out).entries}
    for file in (out / "recordings").iterdir():
        for line in map(json.loads, file.read_text().splitlines()):
            collection = line["path"].removeprefix("/api/v2/")
            if line["method"] == "POST" and line["status"] == 201 and collection in ("clients", "connections"):
                made = line["response"]
                assert f"{collection}/{made['client_id' if collection == 'clients' else 'id']}" in noted


def test_recordings_are_lines_that_a_player_can_send(whole: tuple[Path, Result, Path]) -> None:
    out, _, _ = whole
    for file in (out / "recordings").iterdir():
        for line in map(json.loads, file.read_text().splitlines()):
            assert {"method", "path", "query", "request", "status", "response"} <= line.keys()
            assert line["path"].startswith("/api/v2/") and "sandbox" not in json.dumps(line["query"])


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(not PLAYER, reason="RECORDINGS_PLAYER names no program that plays recordings")
@pytest.mark.parametrize(("variant", "only"), [("", ()), (UNKNOWN, (UNKNOWN,)), ("", ("user-grant-as-client", SPA))])
def test_recordings_agree_with_the_tenant_that_they_are_of(
    state: Path, tmp_path: Path, variant: str, only: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, variant)
    if SPA in only:  # a tenant that has a My Account API of its own
        assert process("apply", ROOT / "examples" / "quickstart.yaml", "-y", f"--sandbox={state}").code == 0
    chosen = [part for name in only for part in ("--only", name)]
    assert kit("--sandbox", state, "--out", tmp_path / "out", *chosen, monkeypatch=monkeypatch).code == 0
    exe = Path(sys.executable).with_name("tokenvault")
    command = [sys.executable, PLAYER, "--exe", str(exe), "-v", str(tmp_path / "out" / "recordings")]
    played = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "(100.0%)" in played.stdout, played.stdout + played.stderr


# ---- whom it asks


@pytest.mark.parametrize(("arguments", "stdin"), [((), "acme.us.auth0.com\n"), ((), ""), (("--yes", "other.com"), "")])
def test_without_the_tenants_domain_nothing_is_sent(
    tmp_path: Path, arguments: tuple[str, ...], stdin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH0_API_TOKEN", "canary-token-of-nobody")
    tenant_that_is_not_there = "127.0.0.1:9"
    result = kit("--tenant", tenant_that_is_not_there, *arguments, "--out", tmp_path / "out", stdin=stdin,
                 monkeypatch=monkeypatch)  # fmt: skip
    assert result.code == 1 and f"the tenant is {tenant_that_is_not_there}" in result.err
    assert not (tmp_path / "out").exists()


def test_typing_the_domain_is_enough_and_an_env_file_has_the_credentials(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(state) as host:
        (tmp_path / "test.env").write_text(f"AUTH0_DOMAIN={host}\nAUTH0_API_TOKEN=sandbox\n")
        given = ("--env-file", tmp_path / "test.env", "--out", tmp_path / "out", "--only", UNKNOWN)
        result = kit(*given, stdin=f"{host}\n", monkeypatch=monkeypatch)
    assert result.code == 0, result.err
    assert f"{UNKNOWN}: as assumed" in result.out


def test_no_credentials_are_told_as_tokenvault_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = kit("--out", tmp_path / "out", monkeypatch=monkeypatch)
    assert result.code == 1 and "[auth-credentials]" in result.err


def test_what_needs_a_person_says_the_steps(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "custom-api-client-enabled"
    assert kit("--sandbox", state, "--out", tmp_path / "out", "--only", name, monkeypatch=monkeypatch).code == 0
    unknown = json.loads((tmp_path / "out" / "report.json").read_text())["unknowns"][0]
    assert unknown["says"] == "needs a person" and len(unknown["steps"]) == 3
    assert f"### {name}" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize("content", ["[", "a: {connection: x}", f"{UNKNOWN}: {{connection: a, client_id: b}}", "4"])
def test_a_file_of_logins_that_is_none_is_refused(
    state: Path, tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logins.yaml").write_text(content)
    result = kit("--sandbox", state, "--logins", tmp_path / "logins.yaml", monkeypatch=monkeypatch)
    assert result.code == 1 and "logins.yaml cannot be read" in result.err


# ---- what cannot be told


REFUSED = [
    (UNKNOWN, "POST", "*/connections"),
    ("enabled-clients-accepted", "PATCH", "*/connections/*"),
    ("connection-metadata-keeps-nulls", "PATCH", "*/connections/*"),
    ("connection-deletion-takes-time", "GET", "*/connections/*"),
    ("answer-only-keys", "PATCH", "*/clients/*"),
    ("exclusive-credentials", "PATCH", "*/clients/*"),
    ("minimal-api-client", "POST", "*/clients"),
    ("mfa-by-action", "GET", "*/tenants/settings"),
    ("my-account-needs-name", "POST", "*/resource-servers"),
]


def test_a_token_without_scopes_tells_why_it_cannot_tell(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH0_API_TOKEN", "sandbox")
    with served(state) as host:
        for name, method, path in REFUSED:
            _fault(host, {"fault": 403, "method": method, "path": path, "times": None})
            given = ("--tenant", host, "--yes", host, "--out", tmp_path / name, "--only", name)
            result = kit(*given, monkeypatch=monkeypatch)
            assert f"{name}: could not be told: " in result.out and "403" in result.out, result.out


def test_a_my_account_api_of_the_tenant_is_not_touched(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support import cli

    applied = cli("apply", ROOT / "examples" / "quickstart.yaml", "-y", f"--sandbox={state}")
    assert applied.code == 0, applied.err
    before = owned(state)
    assert kit("--sandbox", state, "--out", tmp_path / "out", monkeypatch=monkeypatch).code == 0
    assert owned(state) == before
    unknowns = json.loads((tmp_path / "out" / "report.json").read_text())["unknowns"]
    untold = {one["name"] for one in unknowns if one["says"] == "could not be told"}
    assert untold == {"my-account-needs-name", "default-policy", "system-client-policy-fixed"}


def test_a_life_that_would_change_the_tenants_my_account_api_is_not_lived(
    company: Company, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.world import ME
    from tokenvault.sandbox import open_sandbox

    sandbox = open_sandbox(state)
    content = sandbox.export_state()
    api = {"id": "0" * 24, "identifier": ME, "name": "Auth0 My Account API", "is_system": True, "scopes": []}
    policies = {"client": {"policy": "deny_all"}, "user": {"policy": "deny_all"}}
    content["objects"]["resource_servers"][api["id"]] = {**api, "subject_type_authorization": policies}
    sandbox.load_state(content)
    sandbox.close()
    before = owned(state)
    result = kit("--sandbox", state, "--out", tmp_path / "o", "--only", "connected_accounts", monkeypatch=monkeypatch)
    assert result.code == 1 and "it would change the tenant's own my_account_api" in result.out
    assert owned(state) == before


# ---- how it ends early


def _fault(host: str, rule: dict[str, Any]) -> None:
    import httpx

    with httpx.Client(trust_env=False) as http:
        response = http.put(f"http://{host}/sandbox/faults", json=[rule], headers={"authorization": f"Bearer {TOKEN}"})
        assert response.is_success, response.text


def started(host: str, out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "tests.acceptance", "--yes", host, "--out", str(out), *arguments]
    env = my_env(AUTH0_DOMAIN=host, AUTH0_API_TOKEN="sandbox")
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=env, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def until_made(out: Path, path: str) -> None:
    """Waits until the journal says that an object of this collection is about to be created."""
    for _ in range(600):
        journal = (out / FILE).read_text() if (out / FILE).exists() else ""
        if f'"path": "{path}"' in journal:
            return
        time.sleep(0.02)
    raise AssertionError("it never came so far")


@SIGNALS
@pytest.mark.parametrize("what", ["user-grant-as-client", "access_token_exchange"])
def test_an_interrupted_run_takes_everything_away(state: Path, tmp_path: Path, sent: signal.Signals, what: str) -> None:
    before = owned(state)
    with served(state) as host:
        _fault(host, {"fault": "slow", "seconds": 0.5, "method": "POST", "path": "*/clients", "times": None})
        with started(host, tmp_path / "out", "--only", what) as run:
            until_made(tmp_path / "out", "clients")
            run.send_signal(sent)
            out, err = run.communicate(timeout=60)
    assert run.returncode == 130, out + err
    assert "Interrupted: what is under way ends" in out and "Traceback" not in err
    assert json.loads((tmp_path / "out" / "report.json").read_text())["broken"] == "interrupted"
    assert owned(state) == before


@pytest.mark.parametrize("what", ["user-grant-as-client", "access_token_exchange"])
def test_what_a_killed_run_left_is_taken_away_later(
    state: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = owned(state)
    with served(state) as host:
        _fault(host, {"fault": "slow", "seconds": 0.5, "method": "POST", "path": "*/clients", "times": None})
        with started(host, tmp_path / "out", "--only", what) as run:
            until_made(tmp_path / "out", "clients")
            time.sleep(0.1)
            run.kill()
            run.communicate(timeout=60)
        time.sleep(1)
        assert owned(state) != before
        monkeypatch.setenv("AUTH0_API_TOKEN", "sandbox")
        name = Journal.read(tmp_path / "out").run.id
        result = kit(
            "--tenant", host, "--yes", host, "--out", tmp_path / "out", "--clean", name, monkeypatch=monkeypatch
        )
    assert result.code == 0, result.out + result.err
    assert "Nothing is left." in result.out and owned(state) == before


def test_a_my_account_api_of_which_nobody_knows_whose_it_is_stays(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = Run.new(), tmp_path / "out"
    out.mkdir()
    Journal.start(out, run, "sandbox.localhost").intend("resource-servers", "https://sandbox.localhost/me/")
    for exists in (True, False):
        if exists:
            assert process("apply", ROOT / "examples" / "quickstart.yaml", "-y", f"--sandbox={state}").code == 0
        else:
            state.unlink()
        told = kit("--sandbox", state, "--out", out, "--clean", run.id, monkeypatch=monkeypatch)
        assert told.code == int(exists), told.out + told.err
        assert ("perhaps of this run, perhaps not" in told.out) == exists


def test_a_journal_of_another_tenant_or_run_is_refused(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.new()
    Journal.start(tmp_path, run, "acme.us.auth0.com")
    for name, says in ((run.id, "That run was on acme.us.auth0.com"), (Run.new().id, "holds no journal of run")):
        told = kit("--sandbox", state, "--out", tmp_path, "--clean", name, monkeypatch=monkeypatch)
        assert told.code == 1 and says in told.err


def test_a_failure_that_nobody_foresaw_is_told_and_nothing_is_left(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(api: Any) -> Verdict:
        await api.application()
        raise RuntimeError("canary in a text")

    monkeypatch.setitem(PROBES, "broken", Probe(name="broken", usually="a", instead="b", known="c", ask=ask))
    before = owned(state)
    result = kit("--sandbox", state, "--out", tmp_path / "out", "--only", "broken", monkeypatch=monkeypatch)
    assert result.code == 1 and owned(state) == before
    report = (tmp_path / "out" / "report.md").read_text()
    assert "The run ended early: RuntimeError at test_acceptance_kit.py" in report and "canary" not in report
