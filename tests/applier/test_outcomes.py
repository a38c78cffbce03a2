"""Created and completed are two outcomes of an object, and what goes wrong in one step is that step's failure alone."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plan.applied import events
from tests.reliability.bench import Bench, bench
from tests.support import ROOT, WRITES, Result, by_name, cli, requests_of, write_spec
from tests.tenant.tenant import Tenant
from tests.world import World

JOB = "application.job"
REST = {"fault": 400, "method": "PATCH", "path": "/api/v2/clients/*", "times": None}
UNSEEN = {"fault": 400, "method": "GET", "path": "/api/v2/clients", "nth": 2}
KEY = {"fault": 400, "method": "POST", "path": "/api/v2/clients/*/credentials"}

BUG = """
def _broken(kind, patch, live):
    return Kind.updates(_SOUND, patch, live) if live["name"] != "github" else {}["github"]


_SOUND = KIND
KIND = __import__("dataclasses").replace(KIND, update=_broken)
"""


def spec(folder: Path, *keys: str) -> Path:
    """A worker, which is written twice, beside an application, which is written once."""
    worker = {
        "public_keys": [{"file": key} for key in keys or ("keys/nightly-sync.pub.pem",)],
        "ip_allowlist": ["203.0.113.7"],
        "grants": {"google-oauth2": ["email"]},
    }
    job = {"type": "m2m", "connections": ["google-oauth2"], "flavors": [{"privileged_worker": worker}]}
    web = {"type": "regular_web", "callbacks": ["https://a.example"], "flavors": ["connected_accounts"]}
    connections: dict[str, Any] = {"google-oauth2": {}, "github": {}}
    return write_spec(
        folder,
        {"version": 1, "name": "acme", "connections": connections, "applications": {"job": job, "web": web}},
    )


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("outcomes")) as there:
        yield there


def outcomes(result: Result) -> dict[str, dict[str, Any]]:
    return {line["address"]: line for line in events(result.out) if line["type"] == "ended"}


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_worker_whose_second_write_fails_was_created_and_not_completed(
    there: Bench, tmp_path: Path, status: int
) -> None:
    there.reset({**REST, "fault": status})
    applied = there.apply(spec(tmp_path), "--json", "--max-wait", "2")
    client = by_name(there.snapshot()["clients"], "job")
    ended = outcomes(applied)
    assert applied.code == 1
    assert (ended[JOB]["outcome"], ended[JOB]["id"]) == ("incomplete", client["client_id"])
    said = ended[JOB]["diagnostic"]
    assert (
        said["summary"].startswith(f"{JOB} was created, but not completed: Auth0 ") and str(status) in said["summary"]
    )
    assert ("refused" in said["summary"]) == (status < 500), "who fails refuses nothing"
    assert {line["outcome"] for address, line in ended.items() if address != JOB} == {"done"}
    assert events(applied.out)[-1]["counts"]["incomplete"] == 1


def test_the_terminal_says_so_too_with_the_id_and_the_next_apply_goes_on(there: Bench, tmp_path: Path) -> None:
    there.reset(REST)
    written = spec(tmp_path)
    applied = there.apply(written)
    client = by_name(there.snapshot()["clients"], "job")
    assert f"{JOB}: Incomplete after 0s [id={client['client_id']}]" in applied.err
    assert f"partly    {JOB} was created, but not completed: Auth0 refused the rest (400)" in applied.out
    there.settle()
    again = there.apply(written)
    assert again.code == 0, again.err
    assert by_name(there.snapshot()["clients"], "job")["client_id"] == client["client_id"]
    assert cli("plan", written, "--detailed-exitcode", env=there.env).code == 0


def test_a_worker_without_its_key_was_created_and_says_what_it_waits_for(there: Bench, tmp_path: Path) -> None:
    there.reset(KEY)
    ended = outcomes(there.apply(spec(tmp_path), "--json"))
    assert (ended[JOB]["outcome"], bool(ended[JOB]["id"])) == ("incomplete", True)
    assert "it needs credential.job." in ended[JOB]["diagnostic"]["summary"]


def test_applications_that_nobody_could_list_were_created_and_not_confirmed(there: Bench, tmp_path: Path) -> None:
    there.reset(UNSEEN)
    ended = outcomes(there.apply(spec(tmp_path), "--json"))
    ids = {client["client_id"] for client in there.snapshot()["clients"].values()}
    for address in (JOB, "application.web"):
        assert ended[address]["outcome"] == "incomplete" and ended[address]["id"] in ids
        assert ended[address]["diagnostic"]["code"] == "apply-unconfirmed"
    assert ended["client_grant.web.my_account"]["outcome"] == "skipped"


def test_a_change_in_two_steps_whose_second_fails_was_changed_in_part(there: Bench, tmp_path: Path) -> None:
    """Two keys for two others, where Auth0 has no room for four: the old ones go before the new ones are attached."""
    there.reset()
    world = World(tmp_path, {"version": 1})
    names = ("one", "two", "three", "four", "five", "six")
    for name in names:
        world.make_key(name)
    keys = [f"{name}.pub.pem" for name in names]
    assert there.apply(spec(tmp_path, *keys[:2])).code == 0
    worker = by_name(there.snapshot()["clients"], "job")["client_id"]
    for key in keys[4:]:
        body = {"name": "by hand", "credential_type": "public_key", "pem": (tmp_path / key).read_text(), "alg": "RS256"}
        Tenant(there.host).api("POST", f"clients/{worker}/credentials", body)
    there.faults({**REST, "nth": 2})
    ended = outcomes(there.apply(spec(tmp_path, *keys[2:4]), "--json"))[JOB]
    assert (ended["outcome"], ended["id"]) == ("incomplete", worker)
    assert ended["diagnostic"]["summary"].startswith(f"{JOB} was updated, but not completed: Auth0 refused the rest")
    there.settle()
    assert there.apply(spec(tmp_path, *keys[2:4])).code == 0


def test_a_create_that_is_answered_with_an_error_and_was_done_is_not_repeated(there: Bench, tmp_path: Path) -> None:
    there.reset({"fault": 503, "method": "POST", "path": "/api/v2/clients", "when": "after"})
    applied = there.apply(spec(tmp_path))
    created = [request for request in there.requests() if (request["method"], request["path"]) == CREATE]
    assert (applied.code, len(created)) == (0, 2), applied.err
    assert sorted(c["name"] for c in there.snapshot()["clients"].values() if c["name"] in ("job", "web")) == [
        "job",
        "web",
    ]


CREATE = ("POST", "/api/v2/clients")


def test_how_long_a_request_took_is_shown_by_debug(there: Bench, tmp_path: Path) -> None:
    there.reset({"fault": "slow", "seconds": 1.5, "method": "GET", "path": "/api/v2/guardian/policies"})
    shown = cli("plan", spec(tmp_path), "--debug", env={**there.env, "TOKENVAULT_TIMEOUT": "20"})
    (line,) = (line for line in requests_of(shown, "GET") if "guardian" in line)
    assert 1500 <= int(line.split()[-2]) < 15_000, line


def test_of_two_that_created_one_application_at_once_the_older_id_stays(there: Bench, tmp_path: Path) -> None:
    """The other one yields after a moment."""
    state, other = copy.deepcopy(there.start), "z" * 32
    sample = next(c for c in state["objects"]["clients"].values() if c.get("app_type") == "regular_web")
    state["objects"]["clients"][other] = {**sample, "client_id": other, "name": "Other", "client_metadata": {}}

    def marked(text: str | None) -> dict[str, Any]:
        body = {"client_metadata": {"tokenvault": text}}
        return {"method": "PATCH", "path": f"/api/v2/clients/{other}", "body": body}

    there.load(state)
    clients = {"fault": "meanwhile", "path": "/api/v2/clients"}
    comes = {**clients, "method": "POST", "request": marked("acme/web created")}
    yields = {**clients, "method": "GET", "nth": 3, "request": marked(None)}
    there.faults(comes, yields)
    applied = there.apply(spec(tmp_path))
    assert applied.code == 0, applied.err
    assert "web" in {client["name"] for client in there.snapshot()["clients"].values()}


def test_a_request_that_would_change_what_nobody_planned_is_a_bug_and_is_not_sent(tmp_path: Path) -> None:
    """In a tokenvault that forgets, of what Auth0 replaces whole, what the plan leaves as it is."""
    shutil.copytree(ROOT / "tokenvault", tmp_path / "tokenvault")
    patch = tmp_path / "tokenvault" / "plan" / "patch.py"
    sound, broken = "result = dict(live) if isinstance(live, Mapping) else {}", "result: dict[str, Any] = {}"
    assert sound in patch.read_text()
    patch.write_text(patch.read_text().replace(sound, broken))
    connections = {"google-oauth2": {"options": {"icon_url": "https://ours.example/i.png"}}}
    app = {"type": "regular_web", "flavors": ["connected_accounts"]}
    write_spec(tmp_path, {"version": 1, "name": "acme", "connections": connections, "applications": {"web": app}})
    command = [sys.executable, "-m", "tokenvault", "apply", "spec.yaml", "-y", "--sandbox", "t.db", "--debug"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "[plan-inconsistent]" in done.stderr, done.stderr
    assert not requests_of(Result(done.returncode, done.stdout, done.stderr), *WRITES)


def test_an_error_that_nobody_foresaw_is_one_steps_failure_and_the_summary_is_printed(tmp_path: Path) -> None:
    """In a tokenvault of which one kind has a bug: what is under way beside it ends, and so does all that can."""
    shutil.copytree(ROOT / "tokenvault", tmp_path / "tokenvault")
    kind = tmp_path / "tokenvault" / "kinds" / "connection.py"
    kind.write_text(f"{kind.read_text()}\n{BUG}")
    command = [sys.executable, "-m", "tokenvault", "apply", str(spec(tmp_path)), "-y", "--sandbox", "t.db"]
    applied = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    ended = {e["address"]: e for e in map(json.loads, applied.stdout.splitlines()) if e["type"] == "ended"}
    assert applied.returncode == 1 and "Traceback" not in applied.stderr
    assert [a for a, line in ended.items() if line["outcome"] != "done"] == ["connection.github"] and len(ended) > 6
    said = ended["connection.github"]["diagnostic"]
    assert said["code"] == "apply-unexpected" and "KeyError at connection.py" in said["summary"]
    last = json.loads(applied.stdout.splitlines()[-1])
    assert (last["type"], last["outcome"], last["counts"]["failed"]) == ("summary", "incomplete", 1)
