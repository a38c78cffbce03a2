"""A snapshot: no secret goes in, and a plan from it is the plan from the tenant."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.export.by_hand import PUBLIC_KEY, by_hand
from tests.support import EXAMPLE_VARIABLES, EXAMPLES, Result, cli, tenant, write_spec

CANARY = "canary-that-must-not-sing"


def snapshot(folder: Path, *options: object, sandbox: str = "tenant.db") -> Any:
    """What `snapshot` writes."""
    result = cli("snapshot", *options, "--sandbox", sandbox, "--output", "s.json", cwd=folder, env=EXAMPLE_VARIABLES)
    assert result.code == 0, result.err
    assert result.out == ""
    return json.loads((folder / "s.json").read_text())


def plan(folder: Path, spec: str, *options: object) -> Any:
    """A plan as JSON."""
    result = cli("plan", spec, "--format", "json", *options, cwd=folder, env=EXAMPLE_VARIABLES)
    assert result.code == 0, result.err
    return result.json


def codes(document: Any) -> list[str]:
    return [warning["code"] for warning in document["warnings"]]


def comparable(document: Any) -> Any:
    """A plan without what cannot be the same: what reading took, what the token may, and where it came from.

    A snapshot knows, too, how many others may use a connection, which a plan does not ask for applications that it creates.
    """
    summary = {key: value for key, value in document["summary"].items() if key != "reads"}
    warnings = [warning for warning in document["warnings"] if warning["code"] != "plan-snapshot"]
    changes = [
        {k: v for k, v in c.items() if (c["kind"], k) != ("connection_clients", "kept")} for c in document["changes"]
    ]
    rest = {"changes": changes, **{key: document[key] for key in ("spec", "tenant", "orphans")}}
    return {**rest, "summary": summary, "warnings": warnings}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Every example, in a folder of its own."""
    return write_spec(tmp_path, request.param.read_text())


def test_a_plan_from_a_snapshot_is_the_plan_from_the_tenant(spec: Path) -> None:
    folder = spec.parent
    live = plan(folder, spec.name, "--sandbox", "tenant.db")
    assert live["changes"]
    for of in ((), (spec.name,)):
        snapshot(folder, *of)
        offline = plan(folder, spec.name, "--live", "s.json")
        assert comparable(offline) == comparable(live)
        assert codes(offline) == ["plan-snapshot", *codes(live)]


def test_the_same_once_the_spec_was_applied_but_for_secrets_which_are_unknown(spec: Path) -> None:
    folder = spec.parent
    done = cli("apply", spec.name, "-y", "--sandbox", "tenant.db", cwd=folder, env=EXAMPLE_VARIABLES)
    assert done.code == 0, done.err
    for of in ((), (spec.name,)):
        snapshot(folder, *of)
        offline = plan(folder, spec.name, "--live", "s.json")
        assert offline["changes"] == []
        unknown = ["plan-unknown"] if "credentials:" in spec.read_text() else []
        assert codes(offline) == ["plan-snapshot", *unknown]


def test_the_plan_says_that_it_comes_from_a_snapshot_and_when_that_was_taken(spec: Path) -> None:
    taken_at = snapshot(spec.parent)["taken_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", taken_at)
    shown = cli("plan", spec.name, "--live", "s.json", cwd=spec.parent, env=EXAMPLE_VARIABLES)
    assert f"This plan was made from a snapshot of sandbox.localhost taken at {taken_at}" in shown.out


def saas(folder: Path) -> Path:
    """The example that brings a connection with secrets of its own."""
    return write_spec(folder, next(path for path in EXAMPLES if path.stem == "multi-provider-saas").read_text())


def test_no_secret_gets_in_wherever_it_is(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection(
            "google-oauth2",
            options={
                "client_id": "public",
                "client_secret": CANARY,
                "app_secret": CANARY,
                "nonsense": CANARY,
                "upstream_params": {"login_hint": {"value": CANARY}},
                "scripts": {"fetchUserProfile": f"const key = '{CANARY}'"},
                "configuration": {"API_KEY": CANARY},
                "gateway_authentication": {"method": "bearer", "audience": "https://x.example", "secret": CANARY},
                "customHeaders": [{"header": "X-Key", "value": CANARY}],
                "tokenURL": f"https://user:{CANARY}@provider.example/token",
            },
            metadata={"note": CANARY},
        )
        client_id = hands.web(
            "Assistant",
            "google-oauth2",
            description=CANARY,
            client_metadata={"api_key": CANARY, "team": CANARY},
            initiate_login_uri=f"https://app.example/{CANARY}",
            addons={"aws": {"principal": CANARY}},
        )
        hands.worker("Worker", "google-oauth2", description=CANARY)
        state = hands.sandbox.export_state()
        state["objects"]["clients"][client_id] |= {
            "client_secret": CANARY,
            "signing_keys": [{"cert": CANARY, "key": CANARY}],
            "encryption_key": {"pub": CANARY},
        }
        hands.sandbox.load_state(state)
    assert CANARY in str(tenant(tmp_path / "tenant.db")["clients"][client_id])
    write_spec(tmp_path, next(path for path in EXAMPLES if path.stem == "quickstart").read_text())
    for of in ((), ("spec.yaml",)):
        text = json.dumps(snapshot(tmp_path, *of))
        assert CANARY not in text
        assert "public" in text, "what plans compare is there"
    printed = cli("snapshot", "--sandbox", "tenant.db", cwd=tmp_path)
    assert CANARY not in printed.out + printed.err


def test_a_secret_is_not_even_asked_for_where_auth0_lets_one_leave_it_out(tmp_path: Path) -> None:
    clients = snapshot(tmp_path)["collections"]["clients"]["objects"]
    assert clients
    assert not [c for c in clients if {"client_secret", "signing_keys"} & c.keys()]


def test_a_changed_secret_is_not_planned_but_named(tmp_path: Path) -> None:
    spec = saas(tmp_path)
    applied = cli("apply", spec.name, "-y", "--sandbox", "tenant.db", cwd=tmp_path, env=EXAMPLE_VARIABLES)
    assert applied.code == 0, applied.err
    snapshot(tmp_path)
    other = {**EXAMPLE_VARIABLES, "LINEAR_CLIENT_SECRET": "another"}
    live = cli("plan", spec.name, "--sandbox", "tenant.db", "--summary", cwd=tmp_path, env=other)
    assert "options.client_secret" in live.out
    offline = cli("plan", spec.name, "--live", "s.json", "--detailed-exitcode", cwd=tmp_path, env=other)
    assert offline.code == 0
    assert "Not checked: connection.linear (options.client_secret)" in offline.out
    assert "A snapshot holds no secrets" in offline.out


def test_options_that_the_spec_sets_in_clear_are_compared_from_a_snapshot_of_it(tmp_path: Path) -> None:
    text = "version: 1\nname: x\nconnections:\n  github:\n    options: {icon_url: https://acme.example/github.png}\n"
    write_spec(tmp_path, text)
    snapshot(tmp_path, "spec.yaml")
    [change] = plan(tmp_path, "spec.yaml", "--live", "s.json")["changes"]
    assert ["options.icon_url"] in [attribute["path"] for attribute in change["attributes"]]


def test_what_a_snapshot_of_another_spec_does_not_hold_is_unknown_not_missing(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("version: 1\nname: small\nconnections:\n  github: {}\n")
    snapshot(tmp_path, "small.yaml")
    saas(tmp_path)
    document = plan(tmp_path, "spec.yaml", "--live", "s.json")
    kinds = {change["kind"] for change in document["changes"]}
    assert kinds == {"application", "connection"}
    unknown = " ".join(w["summary"] for w in document["warnings"] if w["code"] == "plan-unknown")
    assert "My Account API" in unknown
    assert "take one for this spec" in " ".join(w["hint"] for w in document["warnings"])


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    snapshot(tmp_path)
    assert stat.S_IMODE((tmp_path / "s.json").stat().st_mode) == 0o600


def test_the_format_is_versioned(tmp_path: Path) -> None:
    document = snapshot(tmp_path)
    assert (document["format"], document["format_version"]) == ("tokenvault-snapshot", "1.0")
    (tmp_path / "new.json").write_text(json.dumps({**document, "format_version": "2.0"}))
    saas(tmp_path)
    result = cli("plan", "spec.yaml", "--live", "new.json", cwd=tmp_path, env=EXAMPLE_VARIABLES)
    assert result.code == 1
    assert "format version 2.0" in result.err


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        ("{", "it is not JSON"),
        ("[]", "it is not a snapshot"),
        ('{"format": "tokenvault-plan"}', "it is not a snapshot"),
        ('{"format": "tokenvault-snapshot", "format_version": "1.0"}', "parts of it are missing"),
        ("[" * 100_000, "it is not JSON"),
    ],
)
def test_a_file_that_is_no_snapshot_is_refused_in_words(tmp_path: Path, content: str | None, why: str) -> None:
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    saas(tmp_path)
    result = cli("plan", "spec.yaml", "--live", "s.json", cwd=tmp_path, env=EXAMPLE_VARIABLES)
    assert result.code == 1
    assert "s.json cannot be used as a snapshot" in result.err
    assert why in result.err


def test_tampered_collections_are_refused(tmp_path: Path) -> None:
    good = snapshot(tmp_path)
    saas(tmp_path)
    for bad in ([], {"objects": "x"}, {"objects": [1]}, {"objects": [{"name": "no id"}]}, {"objects": [], "pieces": 1}):
        changed = {**good, "collections": {**good["collections"], "clients": bad}}
        (tmp_path / "s.json").write_text(json.dumps(changed))
        result = cli("plan", "spec.yaml", "--live", "s.json", cwd=tmp_path, env=EXAMPLE_VARIABLES)
        assert result.code == 1
        assert "parts of it are missing" in result.err


def test_only_a_snapshot_is_written_over(tmp_path: Path) -> None:
    spec = saas(tmp_path)
    before = spec.read_text()
    refused = cli("snapshot", "--sandbox", "tenant.db", "-o", spec.name, cwd=tmp_path)
    assert refused.code == 1
    assert "spec.yaml exists and is not a snapshot" in refused.err
    assert spec.read_text() == before
    snapshot(tmp_path)
    snapshot(tmp_path)


def test_planning_from_a_snapshot_needs_no_credentials_and_loads_no_network(tmp_path: Path) -> None:
    snapshot(tmp_path)
    saas(tmp_path)
    code = (
        "import sys; from tokenvault.cli.app import run\n"
        "code = run(['plan', 'spec.yaml', '--live', 's.json'])\n"
        "loaded = {'auth0', 'httpx', 'starlette', 'sqlite3', 'keyring'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else code)"
    )
    env = {"PATH": "/nowhere", **EXAMPLE_VARIABLES}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_guard_of_a_spec_holds_for_snapshots_too(tmp_path: Path) -> None:
    document = snapshot(tmp_path)
    (tmp_path / "s.json").write_text(json.dumps({**document, "tenant": "acme.us.auth0.com"}))
    (tmp_path / "spec.yaml").write_text("version: 1\nname: x\ntenant: other.us.auth0.com\nconnections:\n  github: {}\n")
    result = cli("plan", "spec.yaml", "--live", "s.json", cwd=tmp_path)
    assert result.code == 1
    assert "other.us.auth0.com" in result.err
    own = (tmp_path / "spec.yaml").read_text().replace("other.us.auth0.com", "${env:AUTH0_DOMAIN}")
    (tmp_path / "spec.yaml").write_text(own)
    assert cli("plan", "spec.yaml", "--live", "s.json", cwd=tmp_path).code == 0, "the snapshot says which tenant it is"


def test_another_tenant_than_that_of_the_snapshot_is_refused(tmp_path: Path) -> None:
    document = snapshot(tmp_path)
    (tmp_path / "s.json").write_text(json.dumps({**document, "tenant": "acme.us.auth0.com"}))
    write_spec(tmp_path, "version: 1\nname: x\nconnections:\n  github: {}\n")
    refused = cli("plan", "spec.yaml", "--live", "s.json", "--tenant", "other.us.auth0.com", cwd=tmp_path)
    assert refused.code == 1 and refused.out == ""
    assert "[plan-snapshot-tenant]" in refused.err
    assert "acme.us.auth0.com" in refused.err and "other.us.auth0.com" in refused.err
    for same in ("acme.us.auth0.com", "https://acme.us.auth0.com/"):
        assert cli("plan", "spec.yaml", "--live", "s.json", "--tenant", same, cwd=tmp_path).code == 0


def test_a_worker_of_the_tenant_is_compared_key_by_key(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.connection("github")
        client_id = hands.worker("Nightly", "github")
    (tmp_path / "k.pem").write_text(PUBLIC_KEY)
    text = WORKER.format(client_id=client_id)
    (tmp_path / "spec.yaml").write_text(text)
    snapshot(tmp_path)
    document = plan(tmp_path, "spec.yaml", "--live", "s.json")
    assert document["changes"] == []
    assert codes(document) == ["plan-snapshot"]
    assert comparable(document) == comparable(plan(tmp_path, "spec.yaml", "--sandbox", "tenant.db"))


WORKER = """
version: 1
name: x
connections:
  github: {{}}
applications:
  nightly:
    client_id: {client_id}
    flavors:
      - privileged_worker:
          public_keys: [{{file: k.pem}}]
          ip_allowlist: [203.0.113.0/24]
          grants: {{github: [repo]}}
"""


@pytest.mark.parametrize("of", [(), ("less.yaml",)], ids=["tenant", "spec"])
def test_what_a_spec_left_behind_is_planned_from_a_snapshot_too(tmp_path: Path, of: tuple[str, ...]) -> None:
    text = next(path for path in EXAMPLES if path.stem == "quickstart").read_text()
    write_spec(tmp_path, text)
    applied = cli("apply", "spec.yaml", "-y", "--sandbox", "tenant.db", cwd=tmp_path)
    assert applied.code == 0, applied.err
    (tmp_path / "less.yaml").write_text(text[: text.index("  # A nightly job")])
    snapshot(tmp_path, *of)
    for options in ((), ("--prune",)):
        offline = plan(tmp_path, "less.yaml", "--live", "s.json", *options)
        live = plan(tmp_path, "less.yaml", "--sandbox", "tenant.db", *options)
        assert comparable(offline) == comparable(live)
        assert bool(offline["changes"]) == bool(options)


def test_without_output_it_is_printed(tmp_path: Path) -> None:
    result: Result = cli("snapshot", "--sandbox", "tenant.db", cwd=tmp_path)
    assert result.code == 0
    assert result.json["tenant"] == "sandbox.localhost"
    assert "without secrets" in result.err


def test_a_snapshot_of_a_megabyte_is_no_large_one(tmp_path: Path) -> None:
    write_spec(tmp_path, EXAMPLES[0].read_text())
    taken = snapshot(tmp_path)
    (tmp_path / "s.json").write_text(json.dumps(taken) + " " * 2**20)
    assert "plan-snapshot" in codes(plan(tmp_path, "spec.yaml", "--live", "s.json"))
