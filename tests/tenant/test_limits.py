"""Rate limits as users meet them: nothing refused, waits told, and a bound that is kept."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, Result, cli, served

QUICKSTART = ROOT / "examples" / "quickstart.yaml"


def test_a_plan_at_the_limit_is_never_refused_and_tells_that_it_waits(tmp_path: Path) -> None:
    with served(tmp_path / "t.db", "--rate-limit", "2:2") as tenant:
        result = _run(tenant, "plan", QUICKSTART)
        log = _log(tenant)
    assert result.code == 0, result.err
    assert [entry["status"] for entry in log] == [200] * len(log)
    assert "for Auth0's rate limit to reset" in result.err


@pytest.mark.parametrize(("limit", "pace"), [("2:10", 2), ("16:50", 16)])
def test_how_long_an_apply_takes_is_told_by_the_limit_that_the_tenant_names(
    tmp_path: Path, limit: str, pace: int
) -> None:
    with served(tmp_path / "t.db", "--rate-limit", limit) as tenant:
        shown = _run(tenant, "plan", QUICKSTART).out
    assert f"at {pace} requests a second" in " ".join(shown.split())


def test_one_that_waits_again_and_again_says_how_long_it_has_waited(tmp_path: Path) -> None:
    with served(tmp_path / "t.db", "--rate-limit", "2:2") as tenant:
        result = _run(tenant, "apply", QUICKSTART, "-y", "--json")
    said = [line["message"] for line in map(json.loads, result.out.splitlines()) if line["type"] == "waiting"]
    assert re.search(r"rate limit to reset \(([2-9]|\d\d) s of \d+ s waited\)", said[-1]), said


def test_a_plan_does_not_wait_longer_than_it_may(tmp_path: Path) -> None:
    with served(tmp_path / "t.db", "--rate-limit", "0.2:2") as tenant:
        start = time.monotonic()
        result = _run(tenant, "plan", QUICKSTART, "--max-wait", "2")
        assert time.monotonic() - start < 8
    assert result.code == 1
    assert "[api-rate-limit]" in result.err
    assert "the 2 s that --max-wait allows" in result.err


def test_what_an_approved_plan_announces_is_not_held_against_the_bound(tmp_path: Path) -> None:
    with served(tmp_path / "t.db", "--rate-limit", "6:10") as tenant:
        result = _run(tenant, "apply", QUICKSTART, "-y", "--max-wait", "0")
    assert result.code == 0, result.err
    assert "Apply complete!" in result.out


def test_writes_begin_only_as_many_as_soon_end(tmp_path: Path) -> None:
    connections = {"google-oauth2": {}, "github": {}}
    application = {"type": "regular_web", "flavors": ["connected_accounts"]}
    spec = {
        "version": 1,
        "name": "many",
        "connections": connections,
        "applications": {f"a{n}": application for n in range(60)},
    }
    (tmp_path / "spec.yaml").write_text(json.dumps(spec))
    applied = cli("apply", "spec.yaml", "-y", "--json", "--sandbox=t.db", cwd=tmp_path)
    assert applied.code == 0, applied.err
    under_way = most = 0
    for line in map(json.loads, applied.out.splitlines()):
        under_way += (
            {"started": 1, "ended": -1}.get(line["type"], 0) if "client_grant" in str(line.get("address")) else 0
        )
        most = max(most, under_way)
    assert 1 <= most <= 16


def _run(tenant: str, *arguments: object) -> Result:
    return cli(*arguments, env={"AUTH0_DOMAIN": tenant, "AUTH0_API_TOKEN": "sandbox"})


def _log(tenant: str) -> list[dict[str, Any]]:
    headers = {"Authorization": "Bearer sandbox"}
    request = urllib.request.Request(f"http://{tenant}/sandbox/requests", headers=headers)
    with urllib.request.urlopen(request) as answer:
        log: list[dict[str, Any]] = json.load(answer)
    return log
