"""`apply --json`: lines for programs, each described by the schema, none of them missing."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.applier.test_stale import EDITED
from tests.plan.applied import events
from tests.plan.gallery import CASES
from tests.plan.tenants import SECRETS, edit, run
from tests.support import ROOT, Result, cli, requests_of, served
from tokenvault.sandbox import TOKEN

CASE = "create-everything"
SCHEMA = json.loads((ROOT / "schemas" / "events.schema.json").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CASES[CASE].prepare(CASE, tmp_path)
    return tmp_path


def lines(result: Result) -> list[dict[str, Any]]:
    """The events, each of them valid."""
    found = events(result.out)
    validator = Draft202012Validator(SCHEMA)
    for line in found:
        validator.validate(line)
    return found


def of(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in found if line["type"] == kind]


def test_a_whole_apply_as_lines(folder: Path) -> None:
    applied = run(folder, "apply", "spec.yaml", "-y", "--json")
    assert applied.code == 0 and "Error" not in applied.err
    found = lines(applied)
    planned = [line["change"]["address"] for line in of(found, "planned")]
    assert found[0]["type"] == "version"
    assert sorted(line["address"] for line in of(found, "started")) == sorted(planned)
    assert sorted(line["address"] for line in of(found, "ended")) == sorted(planned)
    assert {line["outcome"] for line in of(found, "ended")} == {"done"}
    assert of(found, "verified")[0]["checked"] == len(planned)
    last = found[-1]
    assert (last["type"], last["outcome"], last["counts"]["done"]) == ("summary", "done", len(planned))
    assert last["requests"]["writes"] == of(found, "plan")[0]["summary"]["writes"]


def test_every_line_has_a_time_and_a_sentence(folder: Path) -> None:
    before = time.time()
    found = lines(run(folder, "apply", "spec.yaml", "-y", "--json"))
    assert all(re.fullmatch(r"[^\n]{3,}", line["message"]) for line in found)
    times = [line["time"] for line in found]
    assert times == sorted(times)
    assert before - 1 <= times[0] <= times[-1] <= time.time() + 1


def test_a_change_is_told_attribute_by_attribute_and_secrets_are_not_in_it(folder: Path) -> None:
    applied = run(folder, "apply", "spec.yaml", "-y", "--json")
    crm = next(line["change"] for line in events(applied.out) if line.get("change", {}).get("name") == "acme-crm")
    secret = next(a for a in crm["attributes"] if a["path"] == ["options.client_secret"])
    assert (secret["sensitive"], secret["before"], secret["after"]) == (True, None, None)
    assert "canary" not in applied.out


def test_without_approval_nothing_is_sent(folder: Path) -> None:
    refused = run(folder, "apply", "spec.yaml", "--json", "--debug")
    assert (refused.code, "[apply-no-approval]" in refused.err) == (1, True)
    assert not requests_of(refused)


def test_nothing_to_do_is_an_outcome_of_its_own(folder: Path) -> None:
    run(folder, "apply", "spec.yaml", "-y")
    again = lines(run(folder, "apply", "spec.yaml", "-y", "--json"))
    assert [line["type"] for line in again] == ["version", "plan", "summary"]
    assert again[-1]["outcome"] == "nothing"


def test_a_saved_plan_streams_too_and_a_stale_object_is_an_outcome(tmp_path: Path) -> None:
    CASES["one-changed-scope"].prepare("one-changed-scope", tmp_path)
    run(tmp_path, "plan", "spec.yaml", "--out", "plan.json")
    edit(tmp_path / "tenant.db", EDITED["api"][1])
    applied = run(tmp_path, "apply", "plan.json", "--json")
    assert applied.code == 1
    found = lines(applied)
    ended = {line["address"]: line for line in of(found, "ended")}
    assert ended["api.calendar"]["outcome"] == "failed"
    assert ended["api.calendar"]["diagnostic"]["code"] == "apply-stale"
    assert ended["client_grant.calendar-spa.calendar"]["outcome"] == "skipped"
    assert ended["connection.google-oauth2"]["outcome"] == "done"
    assert (found[-1]["outcome"], found[-1]["counts"]["failed"]) == ("incomplete", 1)


@pytest.mark.parametrize("wrong", ["spec", "tenant"])
def test_what_ends_the_run_is_a_line_as_well(folder: Path, wrong: str) -> None:
    if wrong == "spec":
        (folder / "spec.yaml").write_text("version: 1\n")
    else:
        (folder / "spec.yaml").write_text((folder / "spec.yaml").read_text().replace("github: {}", "absent: {}"))
    failed = run(folder, "apply", "spec.yaml", "-y", "--json")
    assert failed.code == 1
    assert of(lines(failed), "diagnostic")
    assert "Error:" in failed.err


def test_waiting_for_the_rate_limit_is_told(folder: Path) -> None:
    with served(folder / "tenant.db", "--rate-limit", "1:3") as tenant:
        login = {"AUTH0_DOMAIN": tenant, "AUTH0_API_TOKEN": TOKEN, **SECRETS}
        applied = cli("apply", "spec.yaml", "-y", "--json", "--target", "api.*", cwd=folder, env=login)
    assert applied.code == 0, applied.err
    waits = of(lines(applied), "waiting")
    assert waits
    assert all(line["bound"] == 300 for line in waits)
