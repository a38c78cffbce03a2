"""A flavor of one's own is one file: doctor, usage and exchange know it as soon as it is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support import ROOT

FLAVOR = '''
"""Pager: a server of one's own that exchanges refresh tokens, and must have a logo."""

from tokenvault.flavors.base import DOCS, Flavor, application
from tokenvault.flavors.runtime.request import TOKEN_VAULT_GRANT
from tokenvault.flavors.runtime import Runtime
from tokenvault.flavors.runtime.precondition import HOLDS, Precondition, broken
from tokenvault.flavors.runtime.request import REFRESH_TOKEN_REQUEST
from tokenvault.flavors.runtime.tenant_view import DetectedUse, Subject
from tokenvault.model.constraints import Contains


def _expand(context):
    yield context.require(application(context), "grant_types", Contains((TOKEN_VAULT_GRANT,)), "it exchanges tokens")


FLAVOR = Flavor(
    name="pager",
    summary="A pager exchanges tokens.",
    doc=DOCS,
    includes=("connected_accounts",),
    schema=None,
    types=frozenset({"regular_web"}),
    type_hint="",
    expand=_expand,
    rules=lambda context: (),
    runtime=Runtime(
        preconditions=(
            Precondition(
                id="pager-logo",
                of=Subject.APPLICATION,
                means="a pager has a logo",
                check=lambda client, case: HOLDS if client.get("logo_uri") else broken("it has no logo"),
                person="Give it one.",
            ),
        ),
        detections=lambda tenant_view: (DetectedUse(app=c, client=c) for c in tenant_view.clients if c.get("logo_uri")),
        exchange=REFRESH_TOKEN_REQUEST,
    ),
)
'''
SPEC = {
    "version": 1,
    "name": "paging",
    "connections": {"github": {}},
    "applications": {"beeper": {"type": "regular_web", "callbacks": ["https://b.example"], "flavors": ["pager"]}},
}


def test_doctor_and_usage_take_what_the_flavor_brings(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tokenvault", tmp_path / "tokenvault", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tokenvault" / "flavors" / "pager.py").write_text(FLAVOR)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tokenvault", *arguments, "--sandbox=t.db"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("apply", "spec.yaml", "-y").returncode == 0
    document = json.loads(run("doctor", "spec.yaml", "--format", "json").stdout)
    broken = [finding["id"] for finding in document["findings"] if finding["state"] == "not ready"]
    assert broken == ["pager-logo"]
    assert {case["flavor"]: case["state"] for case in document["cases"]} == {
        "connected_accounts": "ready",
        "pager": "not ready",
    }
    seen = json.loads(run("doctor", "--format", "json").stdout)["cases"]
    assert "Legacy Portal" in {case["application"] for case in seen if case["flavor"] == "pager"}
    usage = json.loads(run("usage", "spec.yaml", "--format", "json").stdout)
    assert [one["flavor"] for one in usage["exchanges"]] == ["pager"]
