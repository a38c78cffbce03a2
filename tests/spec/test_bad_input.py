"""What is wrong with a spec is told with its place, a stable code and a way out, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import cli, requests_of, write_spec

HEAD = "version: 1\nname: acme\nconnections:\n  google-oauth2: {}\n"
WORKER = """\
  worker:
    type: m2m
    flavors:
      - privileged_worker:
          public_keys: [{file: keys/nightly-sync.pub.pem}]
"""


@dataclass(frozen=True)
class Bad:
    """A spec, the code that it must be refused with, the line, and a word of the way out."""

    text: str
    code: str
    line: int
    hint: str


CASES = {
    "broken YAML": Bad(HEAD + "applications: [\n", "spec-yaml", 6, "YAML"),
    "a duplicate key": Bad(HEAD + "name: other\n", "spec-duplicate-key", 5, "line 2"),
    "an unknown key": Bad(HEAD + "applicatons: {}\n", "spec-unknown-key", 5, 'Did you mean "applications"?'),
    "an unknown key deep inside": Bad(
        HEAD
        + "applications:\n  a:\n    type: spa\n    flavours: [connected_accounts]\n    flavors: [connected_accounts]\n",
        "spec-unknown-key",
        8,
        'Did you mean "flavors"?',
    ),
    "a wrong type": Bad(
        HEAD + "applications:\n  a: {type: spa, flavors: connected_accounts}\n", "spec-type", 6, "a list, not text"
    ),
    "an unknown flavor": Bad(
        HEAD + "applications:\n  a: {type: spa, flavors: [connected_account]}\n", "spec-value", 6, "connected_accounts"
    ),
    "an unknown connection": Bad(
        HEAD + "applications:\n  a: {type: spa, flavors: [connected_accounts], connections: [google]}\n",
        "spec-unknown-connection",
        6,
        "google-oauth2",
    ),
    "an unknown API": Bad(
        HEAD + "applications:\n  a: {type: spa, flavors: [{access_token_exchange: {api: calender}}]}\n"
        "apis:\n  calendar: {identifier: https://c.example.com}\n",
        "spec-unknown-api",
        6,
        'Did you mean "calendar"?',
    ),
    "a literal secret": Bad(
        HEAD + "  crm:\n    strategy: oauth2\n    credentials: {client_id: x, client_secret: canary-literal}\n",
        "spec-literal-secret",
        7,
        "${env:NAME}",
    ),
    "a literal secret among the options": Bad(
        HEAD + "  crm:\n    options: {app_secret: canary-literal}\n", "spec-literal-secret", 6, "reference"
    ),
    "an unset variable": Bad(HEAD + "tenant: ${env:NOT_SET_ANYWHERE}\n", "spec-unset-variable", 5, "export NOT_SET"),
    "a reference that is none": Bad(HEAD + "tenant: ${vault:x}\n", "spec-reference", 5, "${env:NAME}"),
    "a missing file": Bad(
        HEAD + "applications:\n" + WORKER.replace("keys/nightly-sync", "keys/none"), "spec-missing-file", 9, "no file"
    ),
    "a file outside the folder": Bad(HEAD + "tenant: ${file:../../etc/hostname}\n", "spec-file-outside", 5, "folder"),
    "an absolute file": Bad(HEAD + "tenant: ${file:/etc/hostname}\n", "spec-file-outside", 5, "folder"),
    "a single-page application that exchanges refresh tokens": Bad(
        HEAD + "applications:\n  a: {type: spa, flavors: [refresh_token_exchange]}\n",
        "spec-public-client",
        6,
        "access_token_exchange",
    ),
    "a native application that exchanges refresh tokens": Bad(
        HEAD + "applications:\n  a: {type: native, flavors: [refresh_token_exchange]}\n",
        "spec-public-client",
        6,
        "regular_web",
    ),
    "a machine whose users connect accounts": Bad(
        HEAD + "applications:\n  a: {type: m2m, flavors: [connected_accounts]}\n", "spec-flavor-type", 6, "logging in"
    ),
    "a worker without allowlist": Bad(
        HEAD + "applications:\n" + WORKER + "          grants: {google-oauth2: [email]}\n",
        "spec-worker-ip-allowlist",
        9,
        "ip_allowlist",
    ),
    "a worker without grants": Bad(
        HEAD + "applications:\n" + WORKER + "          ip_allowlist: [192.0.2.1]\n", "spec-worker-grants", 9, "grants"
    ),
    "a worker granted what it does not use": Bad(
        "version: 1\nname: acme\nconnections: {google-oauth2: {}, github: {}}\napplications:\n"
        + WORKER
        + "          ip_allowlist: [192.0.2.1]\n          grants: {github: []}\n    connections: [google-oauth2]\n",
        "spec-worker-connection",
        11,
        "Add github",
    ),
    "a worker's address that is none": Bad(
        HEAD
        + "applications:\n"
        + WORKER
        + "          ip_allowlist: [office]\n          grants: {google-oauth2: [a]}\n",
        "spec-worker-address",
        11,
        "203.0.113.0/24",
    ),
    "six grants": Bad(
        "version: 1\nname: acme\nconnections: {a: {}, b: {}, c: {}, d: {}, e: {}, f: {}}\napplications:\n"
        + WORKER
        + "          ip_allowlist: [192.0.2.1]\n          grants: {a: [x], b: [x], c: [x], d: [x], e: [x], f: [x]}\n",
        "spec-worker-limit",
        11,
        "at most 5",
    ),
    "twenty-one scopes": Bad(
        HEAD
        + "applications:\n"
        + WORKER
        + "          ip_allowlist: [192.0.2.1]\n          grants: {google-oauth2: ["
        + ", ".join(f"s{n}" for n in range(21))
        + "]}\n",
        "spec-worker-limit",
        12,
        "at most 20",
    ),
    "three keys": Bad(
        HEAD + "applications:\n" + WORKER.replace("[{", "[{file: a}, {file: b}, {"), "spec-missing-file", 9, "no file a"
    ),
    "a private key where a public one belongs": Bad(
        HEAD + "applications:\n" + WORKER.replace("keys/nightly-sync.pub", "private"),
        "spec-worker-key",
        9,
        "public half",
    ),
    "a strategy that the wizard invented": Bad(
        HEAD + "  ms: {strategy: microsoft}\n", "spec-wrong-strategy", 5, '"windowslive"'
    ),
    "Slack's strategy": Bad(HEAD + "  s: {strategy: slack}\n", "spec-wrong-strategy", 5, "sign-in-with-slack"),
    "a connection that never yields a token": Bad(HEAD + "  d: {strategy: auth0}\n", "spec-no-tokens", 5, "database"),
    "offline access switched off": Bad(
        HEAD + "  w: {strategy: windowslive, offline_access: false}\n", "spec-no-refresh-token", 5, "refresh token"
    ),
    "two applications of one name": Bad(
        HEAD + "applications:\n  a: {name: A, type: spa, flavors: [connected_accounts]}\n"
        "  b: {name: A, type: spa, flavors: [connected_accounts]}\n",
        "spec-collision",
        7,
        "name of its own",
    ),
    "an application of no type": Bad(
        HEAD + "applications:\n  a: {flavors: [connected_accounts]}\n", "spec-missing", 6, "client_id"
    ),
    "an application of no connection": Bad(
        HEAD + "applications:\n  a: {type: spa, flavors: [connected_accounts], connections: []}\n",
        "spec-no-connection",
        6,
        "connections",
    ),
    "another version": Bad("version: 2\nname: acme\n", "spec-version", 1, "version 1"),
    "a name that cannot mark anything": Bad("version: 1\nname: Acme Inc.\n", "spec-value", 2, "acme-assistant"),
    "a tag": Bad(HEAD + "tenant: !!python/object:os.system x\n", "spec-tag", 5, "no meaning"),
    "two documents": Bad(HEAD + "---\nversion: 1\n", "spec-yaml", 5, "one spec"),
}


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES.keys())
def test_a_bad_spec_is_refused_with_place_code_and_way_out(tmp_path: Path, bad: Bad) -> None:
    spec = write_spec(tmp_path, bad.text)
    (tmp_path / "keys" / "private.pem").write_text(
        "-----BEGIN PRIVATE KEY-----\ncanary-literal\n-----END PRIVATE KEY-----\n"
    )
    if "private" in bad.text:
        spec.write_text(bad.text.replace("private.pem", "keys/private.pem"))
    for command in (["validate"], ["plan", "--sandbox=t.db", "--debug"], ["apply", "-y", "--sandbox=t.db", "--debug"]):
        result = cli(*command, "spec.yaml", cwd=tmp_path)
        assert result.code == 1
        assert f"[{bad.code}]" in result.err, result.err
        assert f"spec.yaml:{bad.line}:" in result.err, result.err
        assert bad.hint in result.err, result.err
        assert result.out == ""
        assert requests_of(result) == []
        assert not (tmp_path / "t.db").exists()
        assert "canary-literal" not in result.err
        assert "Traceback" not in result.err


def test_all_problems_are_told_at_once_sorted_by_line(tmp_path: Path) -> None:
    text = (
        HEAD
        + "tenant: ${env:NOT_SET_ANYWHERE}\napplications:\n  a: {type: spa, flavors: [refresh_token_exchange], x: 1}\n"
    )
    write_spec(tmp_path, text + "  b: {type: m2m, flavors: [connected_accounts], connections: [nope]}\n")
    result = cli("validate", "spec.yaml", cwd=tmp_path)
    codes = [line.rsplit("[", 1)[1].rstrip("]") for line in result.err.splitlines() if line.startswith("Error:")]
    assert codes == [
        "spec-unset-variable",
        "spec-public-client",
        "spec-unknown-key",
        "spec-flavor-type",
        "spec-unknown-connection",
    ]


def test_the_caret_points_at_the_key(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD + "applicatons: {}\n")
    lines = cli("validate", "spec.yaml", cwd=tmp_path).err.splitlines()
    quoted = next(n for n, line in enumerate(lines) if line.strip().startswith("5:"))
    start = lines[quoted].index("applicatons")
    assert lines[quoted + 1] == " " * start + "^" * len("applicatons")


def test_two_specs_with_one_key_collide(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD, "a.yaml")
    write_spec(tmp_path, HEAD, "b.yaml")
    result = cli("validate", "a.yaml", "b.yaml", cwd=tmp_path)
    assert result.code == 1
    assert "[spec-collision]" in result.err and "b.yaml:4:" in result.err and "a.yaml:4" in result.err


def test_two_specs_of_different_names_are_not_mixed(tmp_path: Path) -> None:
    write_spec(tmp_path, "version: 1\nname: one\n", "a.yaml")
    write_spec(tmp_path, "version: 1\nname: two\n", "b.yaml")
    assert "[spec-collision]" in cli("validate", "a.yaml", "b.yaml", cwd=tmp_path).err


def test_an_overlay_changes_what_the_files_before_it_say(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD + "applications:\n  a: {type: spa, flavors: [connected_accounts]}\n", "base.yaml")
    write_spec(tmp_path, "overlay: true\napplications:\n  a: {callbacks: [https://prod.example.com/cb]}\n", "prod.yaml")
    planned = cli("plan", "base.yaml", "prod.yaml", "--sandbox=t.db", "--format", "json", cwd=tmp_path)
    attributes = [a for c in planned.json["changes"] if c["address"] == "application.a" for a in c["attributes"]]
    callback = next(a for a in attributes if a["path"] == ["callbacks"])
    assert callback["after"] == "https://prod.example.com/cb"
    assert callback["why"][0]["at"] == {"file": "prod.yaml", "line": 3}


@pytest.mark.parametrize("files", [["prod.yaml"], ["prod.yaml", "base.yaml"], ["."]])
def test_an_overlay_needs_what_it_changes_before_it(tmp_path: Path, files: list[str]) -> None:
    write_spec(tmp_path, "overlay: true\napplications:\n  a: {callbacks: [https://prod.example.com/cb]}\n", "prod.yaml")
    if len(files) == 2:
        write_spec(tmp_path, HEAD + "applications:\n  a: {type: spa, flavors: [connected_accounts]}\n", "base.yaml")
    result = cli("validate", *files, cwd=tmp_path)
    assert result.code == 1 and result.err.count("Error:") == 1, result.err
    assert "[spec-overlay]" in result.err and "prod.yaml:1:" in result.err
    assert "missing" not in result.err and "base.yaml prod.yaml" in result.err


def test_what_is_empty_is_told_once(tmp_path: Path) -> None:
    text = HEAD + 'applications:\n  a: {name: "", type: spa, flavors: [connected_accounts]}\n'
    write_spec(tmp_path, text + 'apis:\n  c: {name: "", identifier: ""}\n')
    result = cli("validate", "spec.yaml", cwd=tmp_path)
    told = [line.split("  ")[0] for line in result.err.splitlines() if line.startswith("Error:")]
    assert told == ['Error: "name" must not be empty'] * 2 + ['Error: "identifier" must not be empty'], result.err


def test_a_spec_that_does_not_exist_says_what_to_do(tmp_path: Path) -> None:
    result = cli("plan", "--sandbox=t.db", cwd=tmp_path)
    assert result.code == 1
    assert "tokenvault.yaml" in result.err and "tokenvault init" in result.err


def test_a_usage_error_exits_with_1_not_2(tmp_path: Path) -> None:
    result = cli("plan", "--no-such-flag", cwd=tmp_path)
    assert result.code == 1
    assert "--no-such-flag" in result.err and result.out == ""


def test_apply_without_terminal_and_approval_sends_nothing(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD + "applications:\n  a: {type: spa, flavors: [connected_accounts]}\n")
    result = cli("apply", "spec.yaml", "--sandbox=t.db", "--debug", cwd=tmp_path)
    assert result.code == 1
    assert "[apply-no-approval]" in result.err and requests_of(result) == []


def test_the_wrong_tenant_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD + "tenant: acme.us.auth0.com\n")
    env = {"AUTH0_DOMAIN": "127.0.0.1:1", "AUTH0_API_TOKEN": "canary-token"}
    result = cli("plan", "spec.yaml", "--debug", cwd=tmp_path, env=env)
    assert result.code == 1
    assert "[tenant-guard]" in result.err and requests_of(result) == []


def test_missing_credentials_name_every_way_to_give_them(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD)
    result = cli("plan", "spec.yaml", cwd=tmp_path, env={"AUTH0_DOMAIN": "acme.us.auth0.com", "HOME": str(tmp_path)})
    assert result.code == 1
    for way in (
        "AUTH0_API_TOKEN",
        "AUTH0_CLIENT_SECRET",
        "AUTH0_CLIENT_ASSERTION_PRIVATE_KEY",
        "explain auth-credentials",
    ):
        assert way in result.err


@pytest.mark.parametrize("domain", ["http://acme.us.auth0.com", "acme.us.auth0.com/x", "user@acme.us.auth0.com"])
def test_only_a_bare_domain_is_spoken_to(tmp_path: Path, domain: str) -> None:
    write_spec(tmp_path, HEAD)
    result = cli("plan", "spec.yaml", "--tenant", domain, cwd=tmp_path, env={"AUTH0_API_TOKEN": "canary-token"})
    assert result.code == 1
    assert "[auth-tenant]" in result.err and "canary-token" not in result.err


@pytest.mark.parametrize(("key", "typed"), [("flavors", "flavours"), ("client_id", "client_ids"), ("name", "nam")])
def test_a_misspelt_key_that_must_be_there_is_told_once(tmp_path: Path, key: str, typed: str) -> None:
    spec = "apis: {calendar: {identifier: 'https://c.example.com'}}\nconnections:\n  crm:\n    strategy: oauth2\n"
    spec += (
        "    credentials: {client_id: a, client_secret: '${env:CRM_SECRET}'}\napplications:\n  web:\n    type: spa\n"
    )
    spec += "    callbacks: [http://localhost/cb]\n    flavors: [{access_token_exchange: {api: calendar}}]\n"
    write_spec(tmp_path, f"version: 1\nname: acme\n{spec}".replace(f"{key}:", f"{typed}:", 1))
    problems = cli("validate", "spec.yaml", "--format", "json", cwd=tmp_path, env={"CRM_SECRET": "x"}).json["problems"]
    about = [(one["code"], one["hint"]) for one in problems if typed in str(one) or f'"{key}"' in str(one)]
    assert about == [("spec-unknown-key", f'Did you mean "{key}"?')]
