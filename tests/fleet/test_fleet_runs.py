"""Many tenants by one command: each with its own, failures contained, waves, saved plans, and what failed again."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet.conftest import BASE, Bench
from tests.fleet.lab import Lot
from tests.support import cli, tenant


def test_all_of_them_from_nothing_to_nothing(sandboxes: Bench) -> None:
    planned = sandboxes.run("plan", "--detailed-exitcode")
    assert planned.code == 2, planned.err
    assert "4 tenants: the same 5 changes" in planned.out and "4 planned. 3 to add, " not in planned.out
    assert sandboxes.run("apply", "-y").code == 0
    again = sandboxes.run("plan", "--detailed-exitcode", "--json")
    assert again.code == 0 and {m["outcome"] for m in again.json["members"].values()} == {"planned"}
    assert all(m["settled"] for m in again.json["members"].values())
    assert sandboxes.run("drift").code == 0 and sandboxes.run("doctor").code == 0
    gone = sandboxes.run("destroy", "-y")
    assert gone.code == 0 and "4 destroyed" in gone.out
    names = {c["name"] for n in range(4) for c in tenant(sandboxes.folder / f"t{n}.db")["clients"].values()}
    assert "Fleet Assistant" not in names


def test_no_tenant_is_asked_with_what_belongs_to_another(served: Bench) -> None:
    ambient = {
        "AUTH0_API_TOKEN": "ambient",
        "AUTH0_DOMAIN": served.lots[0].host,
        "AUTH0_CLIENT_SECRET": "ambient-secret",
    }
    for command in (("plan",), ("apply", "-y"), ("drift",), ("doctor",), ("destroy", "-y")):
        done = served.run(*command, **ambient)
        assert done.code == 0, done.err
    assert all(lot.strangers == [] and lot.count() > 20 for lot in served.lots)


def test_a_member_without_credentials_takes_no_others(served: Bench) -> None:
    del served.env["T3_AUTH0_API_TOKEN"]
    done = served.run(
        "plan", "--json", AUTH0_API_TOKEN="ambient", AUTH0_CLIENT_ID="a", AUTH0_CLIENT_SECRET="ambient-secret"
    )
    assert done.code == 1
    outcomes = {name: member["outcome"] for name, member in done.json["members"].items()}
    assert outcomes == {"t0": "planned", "t1": "planned", "t2": "planned", "t3": "failed", "t4": "planned"}
    assert done.json["members"]["t3"]["error"]["code"] == "auth-credentials"
    assert "T3_AUTH0_API_TOKEN" in done.json["members"]["t3"]["error"]["hint"]
    assert served.lots[3].asked == []


def test_what_fails_harms_no_other_and_is_taken_up_again(served: Bench) -> None:
    (served.folder / "wrong.yaml").write_text(BASE.replace("flavors", "flavours"))
    served.members["t1"]["spec"] = "wrong.yaml"
    served.lots[2].refuse = True
    served.members["t3"]["domain"] = "127.0.0.1:1"
    served.lots[4].hang = True
    done = served.run("apply", "-y", "--json", TOKENVAULT_TIMEOUT="0.4")
    codes = {name: (m["error"] or {}).get("code") for name, m in done.json["members"].items()}
    assert done.code == 1 and done.json["members"]["t0"]["outcome"] == "applied"
    assert codes["t0"] is None and codes["t1"] == "spec-unknown-key" and codes["t2"] == "auth-refused"
    assert codes["t3"] == "api-unreachable" and codes["t4"] == "api-timeout"
    served.members["t1"]["spec"] = "base.yaml"
    served.members["t3"]["domain"] = served.lots[3].host
    served.lots[2].refuse = served.lots[4].hang = False
    before = served.writes()
    repaired = served.run("apply", "-y", "--json", "--failed")
    assert repaired.code == 0, repaired.err
    assert set(repaired.json["members"]) == {"t1", "t2", "t3", "t4"}
    assert served.writes()[0] == before[0] and min(served.writes()) > 0
    nothing = served.run("apply", "-y", "--failed", "--json")
    assert nothing.code == 0 and nothing.json["members"] == {}


def test_a_wave_that_fails_stops_the_next(sandboxes: Bench) -> None:
    sandboxes.members["t0"]["spec"] = "nowhere.yaml"
    done = sandboxes.run("apply", "-y", "--json")
    outcomes = {name: member["outcome"] for name, member in done.json["members"].items()}
    assert done.code == 1 and outcomes == {"t0": "failed", "t1": "applied", "t2": "skipped", "t3": "skipped"}
    assert done.json["members"]["t2"]["error"]["code"] == "fleet-wave"
    assert not (sandboxes.folder / "t2.db").exists()
    going = sandboxes.run("apply", "-y", "--json", "--keep-going")
    assert [m["outcome"] for m in going.json["members"].values()] == ["failed", "applied", "applied", "applied"]


def test_a_wave_that_the_doctor_finds_broken_stops_the_next(served: Bench) -> None:
    for number in range(5):
        served.members[f"t{number}"]["wave"] = 1 + number // 2
    _demand_mfa(served.lots[0])
    done = served.run("apply", "-y", "--json")
    outcomes = [member["outcome"] for member in done.json["members"].values()]
    assert done.code == 1 and outcomes == ["failed", "applied", "skipped", "skipped", "skipped"]
    assert done.json["members"]["t0"]["error"]["code"] == "fleet-broken" and served.writes()[2:] == [0, 0, 0]
    told = served.run("doctor", "--only", "t0", "--only", "t1", "--json")
    assert told.code == 1 and [m["ready"] for m in told.json["members"].values()] == [False, True]
    assert "2 not ready" in served.run("doctor", "--only", "t0").err
    assert served.run("apply", "-y", "--no-doctor").code == 0


def _demand_mfa(lot: Lot) -> None:
    headers = {"Authorization": f"Bearer {lot.token}", "Content-Type": "application/json"}
    address = f"http://{lot.host}/api/v2/guardian/policies"
    asked = urllib.request.Request(address, b'["all-applications"]', headers, method="PUT")
    urllib.request.urlopen(asked).close()
    lot.asked.clear()


def test_saved_plans_are_applied_as_they_were_reviewed(served: Bench) -> None:
    planned = served.run("plan", "--out", "plans")
    assert planned.code == 0 and "Saved the plans to plans" in planned.err
    (served.folder / "base.yaml").write_text(BASE.replace("Fleet Assistant", "Something else"))
    (served.folder / "plans/t1.json").write_bytes((served.folder / "plans/t2.json").read_bytes())
    done = served.run("apply", "--json", given="plans")
    outcomes = {name: m["outcome"] for name, m in done.json["members"].items()}
    assert done.code == 1 and outcomes == {
        "t0": "applied",
        "t1": "failed",
        "t2": "applied",
        "t3": "applied",
        "t4": "applied",
    }
    assert done.json["members"]["t1"]["error"]["code"] == "plan-file-broken" and served.writes()[1] == 0
    names = {c["name"] for c in tenant(served.lots[0].state)["clients"].values()}
    assert "Fleet Assistant" in names and "Something else" not in names


def test_a_member_s_plan_is_what_plan_alone_makes(served: Bench) -> None:
    """Equal but for the salt, and for as many requests."""
    assert served.run("plan", "--out", "plans").code == 0
    together = [lot.count() for lot in served.lots[:2]]
    for lot, before in zip(served.lots[:2], together, strict=True):
        env = {"AUTH0_API_TOKEN": lot.token, "AUTH0_DOMAIN": lot.host}
        alone = cli("plan", "base.yaml", "--out", "alone.json", cwd=served.folder, env=env)
        assert alone.code == 0, alone.err
        assert lot.count() == 2 * before
        saved = [unsalted(served.folder / name) for name in ("alone.json", f"plans/t{lot.number}.json")]
        assert saved[0] == saved[1] and saved[0]["changes"]


def unsalted(path: Path) -> dict[str, Any]:
    """A saved plan without its salt, its hash, and the values that are hashed with the salt."""
    document: dict[str, Any] = json.loads(path.read_text())
    assert document.pop("integrity") and document["apply"].pop("salt")
    for change in document["apply"]["changes"].values():
        change["premises"] = sorted(change["premises"])
    return document


def test_a_folder_with_anything_else_is_left_as_it_is(sandboxes: Bench) -> None:
    (sandboxes.folder / "plans").mkdir()
    (sandboxes.folder / "plans" / "mine.txt").write_text("mine")
    done = sandboxes.run("plan", "--out", "plans")
    assert done.code == 1 and "plan-file-exists" in done.err
    assert [path.name for path in (sandboxes.folder / "plans").iterdir()] == ["mine.txt"]
    (sandboxes.folder / "plans" / "mine.txt").unlink()
    assert sandboxes.run("plan", "--out", "plans").code == 0
    assert sandboxes.run("plan", "--out", "plans", "--only", "t1").code == 0
    assert {path.name for path in (sandboxes.folder / "plans").iterdir()} == {"index.json", "t1.json"}
    assert list(json.loads((sandboxes.folder / "plans/index.json").read_text())["members"]) == ["t1"]


def test_what_would_be_deleted_is_bounded(sandboxes: Bench) -> None:
    assert sandboxes.run("apply", "-y").code == 0
    alone = sandboxes.run("destroy", "-y", "--json", "--max-destroy", "0", "--only", "t0")
    assert alone.code == 1 and alone.json["members"]["t0"]["error"]["code"] == "plan-max-destroy"
    sandboxes.members["t0"]["protect"] = True
    sandboxes.members["t1"]["max_destroy"] = 0
    done = sandboxes.run("destroy", "-y", "--json", "--keep-going", "--max-destroy", "1")
    codes = [(m["error"] or {}).get("code") for m in done.json["members"].values()]
    assert codes[:2] == ["fleet-protected", "plan-max-destroy"]
    assert sorted(map(str, codes[2:])) == ["None", "plan-max-destroy"]
    assert "Fleet Assistant" in {c["name"] for c in tenant(sandboxes.folder / "t0.db")["clients"].values()}


def test_members_of_one_domain_keep_to_its_limit(served: Bench) -> None:
    lot = served.lots[0]
    lot.limit("2")
    lot.tokens = [lot.token, "another"]
    served.members = {"a": served.members["t0"], "b": {**served.members["t0"], "credentials": {"prefix": "B_"}}}
    served.env["B_AUTH0_API_TOKEN"] = "another"
    assert served.run("plan").code == 0
    assert lot.count(status=429) == 0 and lot.count(status=200) > 6


def test_without_a_terminal_somebody_has_to_approve(sandboxes: Bench) -> None:
    done = sandboxes.run("apply")
    assert done.code == 1 and "apply-no-approval" in done.err
    assert not (sandboxes.folder / "t0.db").exists()


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_every_form_tells_every_member_and_nothing_hostile(sandboxes: Bench, form: str) -> None:
    spec = yaml.safe_load(BASE)
    spec["applications"]["assistant"]["name"] = "<script>alert(1)</script> \x1b[31m | ::error::x"
    (sandboxes.folder / "evil.yaml").write_text(yaml.safe_dump(spec))
    sandboxes.members["t1"]["spec"] = "evil.yaml"
    sandboxes.members["t3"]["spec"] = "nowhere-|-<b>.yaml"
    done = sandboxes.run("plan", "--format", form, "--full")
    assert done.code == 1
    assert all(name in done.out for name in ("t0", "t1", "t2", "t3"))
    assert ("\x1b" not in done.out and "<script>" not in done.out.replace("`<script>", "")) or form == "json"
    if form == "html":
        assert "nowhere-|-<b>" not in done.out and "the same 5 changes" in done.out
