"""What Auth0 never changes is refused at the line that says otherwise, with a way out that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plan.tenants import run
from tests.support import ROOT, write_spec

SPEC = """\
version: 1
name: acme
connections:
  google-oauth2: {}
apis:
  cal:
    name: Calendar
    identifier: https://calendar.example.com
applications:
  spa:
    type: spa
    callbacks: [https://s.example.com/cb]
    flavors:
      - access_token_exchange: {api: cal}
  sync:
    type: m2m
    flavors:
      - privileged_worker:
          ip_allowlist: [192.0.2.1]
          grants: {google-oauth2: [email]}
          public_keys:
            - file: keys/nightly-sync.pub.pem
              alg: RS256
"""
KEYS = ROOT / "tests" / "plan" / "keys"


@pytest.fixture
def applied(tmp_path: Path) -> Path:
    write_spec(tmp_path, SPEC)
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    return tmp_path


def refused(folder: Path, old: str, new: str) -> str:
    """What is said of the spec with this change."""
    write_spec(folder, SPEC.replace(old, new))
    planned = run(folder, "plan", "spec.yaml")
    assert planned.code == 1 and planned.out == ""
    assert planned.err.count("[plan-immutable]") == 1, planned.err
    assert "dashboard" not in planned.err
    return planned.err


def applies(folder: Path, text: str) -> None:
    """The spec does what it says, and a second plan is empty."""
    write_spec(folder, text)
    for key in KEYS.glob("*.pem"):
        (folder / "keys" / key.name).write_bytes(key.read_bytes())
    done = run(folder, "apply", "spec.yaml", "-y")
    assert done.code == 0, done.err
    assert run(folder, "apply", "spec.yaml", "-y").out.startswith("No changes.")


def test_the_algorithm_of_a_key_stays_and_another_key_is_the_way_out(applied: Path) -> None:
    told = refused(applied, "alg: RS256", "alg: RS384")
    assert "on spec.yaml:23:" in told and "RS256" in told and "RS384" in told
    assert "another key" in told
    other = next(KEYS.glob("*.pub.pem")).name
    applies(applied, SPEC.replace("nightly-sync.pub.pem", other).replace("alg: RS256", "alg: RS384"))


def test_the_identifier_of_an_api_stays_and_another_entry_is_the_way_out(applied: Path) -> None:
    told = refused(applied, "calendar.example.com", "new.example.com")
    assert "on spec.yaml:8:" in told and "https://calendar.example.com" in told
    assert "under another key" in told
    applies(applied, SPEC.replace("  cal:", "  new:").replace("api: cal", "api: new").replace("calendar.ex", "new.ex"))
