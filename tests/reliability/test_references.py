"""A reference cannot be used to read: what it stands for is shown by no command, and stands only where a secret belongs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.reliability.references import (
    CANARY,
    ENVIRONMENT,
    FIELDS,
    FILES,
    KINDS,
    SECRETS,
    UNSEEN,
    plant_files,
    references,
    spec_with,
)
from tests.support import Result, cli, tenant, write_spec
from tokenvault.secrets import CREDENTIAL_VARIABLES

TOLD = (
    ("validate", "spec.yaml", "--format", "text"),
    ("validate", "spec.yaml", "--format", "json"),
    ("validate", "spec.yaml", "--format", "github"),
    ("plan", "spec.yaml", "--sandbox=t.db", "--format", "markdown"),
    ("explain", "*", "spec.yaml", "--format", "json"),
)
FORMS = (
    *TOLD,
    ("plan", "spec.yaml", "--sandbox=t.db", "--full", "--out", "plan.json"),
    ("plan", "spec.yaml", "--sandbox=t.db", "--format", "json"),
    ("plan", "spec.yaml", "--sandbox=t.db", "--format", "html"),
    ("show", "plan.json", "--format", "json"),
    ("graph", "spec.yaml", "--format", "html"),
    ("explain", "*", "spec.yaml"),
    ("apply", "spec.yaml", "-y", "--json", "--sandbox=t.db"),
    ("plan", "spec.yaml", "--sandbox=t.db", "--detailed-exitcode"),
    ("drift", "spec.yaml", "--sandbox=t.db"),
    ("doctor", "spec.yaml", "--sandbox=t.db"),
    ("usage", "spec.yaml", "--sandbox=t.db"),
    ("output", "spec.yaml", "--sandbox=t.db"),
)
DESTROYED = ("destroy", "spec.yaml", "-y", "--sandbox=t.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plant_files(tmp_path)
    return tmp_path


def run(folder: Path, *arguments: str, **env: str) -> Result:
    return cli(*arguments, cwd=folder, env={**ENVIRONMENT, **env})


def silent(folder: Path, spec: Any, forms: tuple[tuple[str, ...], ...] = TOLD, **env: str) -> list[Result]:
    """What these commands say of the spec, which is nothing of a secret."""
    write_spec(folder, spec)
    results = [run(folder, *form, **env) for form in forms]
    for form, result in zip(forms, results, strict=True):
        assert CANARY not in result.out + result.err, (form, result)
        assert "failed unexpectedly" not in result.err, (form, result.err)
    if (folder / "plan.json").exists():
        assert CANARY not in (folder / "plan.json").read_text()
    return results


@pytest.mark.parametrize("field", FIELDS)
def test_no_value_of_a_variable_or_file_is_shown(folder: Path, field: str) -> None:
    """Every reference in one format; a few of them in all."""
    unseen = field in UNSEEN
    for number, (title, reference) in enumerate(references()):
        forms = TOLD if number % 12 == 0 else TOLD[:1]
        results = silent(folder, spec_with(field, reference), forms)
        if not unseen:
            assert {result.code for result in results} == {1}, (title, results[0].err)


@pytest.mark.parametrize("field", ["credentials.client_id", "client_secret", "secret option"])
@pytest.mark.parametrize("name", ["CRM_INNOCENT", "STRIPE_KEY"])
def test_where_a_secret_belongs_it_is_used_and_shown_by_no_command(folder: Path, field: str, name: str) -> None:
    results = silent(folder, spec_with(field, f"${{env:{name}}}"), FORMS)
    by_form = {" ".join(form): result for form, result in zip(FORMS, results, strict=True)}
    again = by_form["plan spec.yaml --sandbox=t.db --detailed-exitcode"]
    assert again.code == 0, again.out + again.err
    applied = by_form["apply spec.yaml -y --json --sandbox=t.db"]
    assert applied.code == 0, applied.out + applied.err
    assert SECRETS[name] in str(tenant(folder / "t.db")["connections"])
    assert silent(folder, spec_with(field, f"${{env:{name}}}"), (DESTROYED,))[0].code == 0


def test_a_saved_plan_with_a_client_id_that_nobody_sees_is_applied(folder: Path) -> None:
    spec = spec_with("credentials.client_id", "${env:CRM_INNOCENT}")
    silent(folder, spec, (("plan", "spec.yaml", "--sandbox=t.db", "--out", "plan.json"),))
    applied = run(folder, "apply", "plan.json", "--sandbox=t.db")
    assert applied.code == 0 and CANARY not in applied.out + applied.err, applied.err
    assert SECRETS["CRM_INNOCENT"] in str(tenant(folder / "t.db")["connections"])


def test_the_file_of_a_key_may_come_from_any_variable(folder: Path) -> None:
    spec = spec_with("public key file", "${env:KEY_FILE}")
    result = silent(folder, spec, TOLD[:1], KEY_FILE="keys/nightly-sync.pub.pem")[0]
    assert result.code == 0, result.err


# ---- what is allowed


HEAD = "version: 1\nname: acme\nconnections: {google-oauth2: {}}\n"
APP = "applications: {a: {type: spa, flavors: [connected_accounts], callbacks: ['https://${env:APP_HOST}/cb']}}\n"
HOST = {"APP_HOST": "shown.example.com"}


def test_the_error_says_the_line_to_paste_and_the_line_does_it(tmp_path: Path) -> None:
    text = HEAD + "variables: [LOGIN_DOMAIN]\n" + APP.replace("'https", "'${env:CRM_URL}', 'https")
    env = {**HOST, "CRM_URL": "https://crm.example.com"}
    refused = cli("validate", write_spec(tmp_path, text), env=env)
    line = "variables: [LOGIN_DOMAIN, CRM_URL, APP_HOST]"
    assert refused.code == 1 and line in " ".join(refused.err.split()), refused.err
    assert "spec.yaml:5" in refused.err and "shown.example.com" not in refused.err
    mended = write_spec(tmp_path, text.replace("variables: [LOGIN_DOMAIN]", line))
    assert cli("validate", mended, env=env).code == 0


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
@pytest.mark.parametrize("way", ["variables", "--allow-env"])
def test_what_may_be_shown_is_said_by_the_plan(tmp_path: Path, form: str, way: str) -> None:
    write_spec(tmp_path, HEAD + APP + ("variables: [APP_HOST, UNUSED]\n" if way == "variables" else ""))
    more = ["--allow-env", "APP_HOST", "--allow-env", "UNUSED"] if way == "--allow-env" else []
    planned = cli("plan", "spec.yaml", "--sandbox=t.db", "--format", form, *more, cwd=tmp_path, env=HOST)
    assert planned.code == 0, planned.err
    assert "shown.example.com" in planned.out and "UNUSED" in planned.out
    if form == "json":
        at = {"file": "spec.yaml", "line": 5} if way == "variables" else None
        told = [{"name": name, "sensitive": False, "at": at} for name in ("APP_HOST", "UNUSED")]
        assert planned.json["spec"]["variables"] == told
    else:
        assert ("--allow-env" if way == "--allow-env" else "spec.yaml:5") in planned.out


def test_a_saved_plan_shows_the_list_too(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD + "variables: [APP_HOST]\n" + APP)
    cli("plan", "spec.yaml", "--sandbox=t.db", "--out", "plan.json", cwd=tmp_path, env=HOST)
    shown = cli("show", "plan.json", cwd=tmp_path)
    assert "APP_HOST (spec.yaml:4)" in " ".join(shown.out.split()), shown.out + shown.err


@pytest.mark.parametrize("overlay", ["overlay: true\n", "version: 1\nname: acme\n"])
def test_only_the_first_file_says_what_may_be_shown(tmp_path: Path, overlay: str) -> None:
    write_spec(tmp_path, HEAD + "variables: [LOGIN_DOMAIN]\n", "base.yaml")
    write_spec(tmp_path, overlay + "variables: [LOGIN_DOMAIN, APP_HOST]\n" + APP, "prod.yaml")
    refused = cli("validate", "base.yaml", "prod.yaml", cwd=tmp_path, env=HOST)
    assert refused.code == 1 and "[spec-variables]" in refused.err and "base.yaml" in refused.err
    assert HOST["APP_HOST"] not in refused.err
    write_spec(tmp_path, HEAD + "variables: [LOGIN_DOMAIN, APP_HOST]\n", "base.yaml")
    assert cli("validate", "base.yaml", "prod.yaml", cwd=tmp_path, env=HOST).code == 0, "repeated, not widened"


@pytest.mark.parametrize("name", [name for name in SECRETS if name != "CRM_INNOCENT"])
def test_a_spec_cannot_open_what_sounds_like_a_secret(tmp_path: Path, name: str) -> None:
    spec = HEAD + f"variables: [{name}]\n" + APP.replace("APP_HOST", name)
    refused = cli("validate", write_spec(tmp_path, spec), env=ENVIRONMENT)
    assert refused.code == 1 and "[spec-secret-in-clear]" in refused.err and CANARY not in refused.err


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "CI_JOB_JWT", "STRIPE_KEY", "SSH_KEY", "SLACK_WEBHOOK_URL", "GH_TOKEN"]
)
def test_a_value_that_looks_like_a_secret_is_not_shown_by_any_name(tmp_path: Path, name: str) -> None:
    spec = write_spec(tmp_path, HEAD + "variables: [APP_HOST]\n" + APP)
    refused = cli("validate", spec, env={"APP_HOST": SECRETS[name]})
    assert refused.code == 1 and "[spec-secret-in-clear]" in refused.err and CANARY not in refused.err


def test_the_default_of_a_reference_is_text_of_the_spec(tmp_path: Path) -> None:
    spec = HEAD + "variables: [APP_HOST]\n" + APP.replace("APP_HOST", "APP_HOST:-default.example.com")
    planned = cli("plan", write_spec(tmp_path, spec), f"--sandbox={tmp_path}/t.db", env={"APP_HOST": ""})
    assert planned.code == 0 and "default.example.com" in planned.out, planned.err


# ---- options


def test_an_option_by_an_allowed_variable_is_shown_and_converges(tmp_path: Path) -> None:
    spec = spec_with("connection option", "https://${env:APP_HOST}/token")
    write_spec(tmp_path, {**spec, "variables": ["APP_HOST"]})
    env = {**ENVIRONMENT, **HOST}
    planned = cli("plan", "spec.yaml", "--sandbox=t.db", cwd=tmp_path, env=env)
    assert "https://shown.example.com/token" in planned.out, planned.out + planned.err
    assert cli("apply", "spec.yaml", "-y", "--sandbox=t.db", cwd=tmp_path, env=env).code == 0
    again = cli("plan", "spec.yaml", "--sandbox=t.db", "--detailed-exitcode", cwd=tmp_path, env=env)
    assert again.code == 0, again.out


def test_a_sensitive_variable_stands_in_any_option_and_nowhere_else(folder: Path) -> None:
    listed = {"variables": [{"name": "DB_PASS", "sensitive": True}]}
    spec = {**spec_with("option in an option", "Bearer ${env:DB_PASS}"), **listed}
    results = silent(folder, spec, FORMS)
    assert results[FORMS.index(("plan", "spec.yaml", "--sandbox=t.db", "--detailed-exitcode"))].code == 0
    assert "DB_PASS (sensitive" in results[3].out, results[3].out
    assert f"Bearer {SECRETS['DB_PASS']}" in str(tenant(folder / "t.db")["connections"])
    assert silent(folder, {**spec_with("callback", "${env:DB_PASS}"), **listed})[0].code == 1


# ---- the tool's own credentials


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", sorted(CREDENTIAL_VARIABLES))
def test_own_credentials_are_refused_everywhere(folder: Path, field: str, name: str) -> None:
    spec = spec_with(field, f"${{env:{name}}}")
    result = silent(folder, {**spec, "variables": ["APP_HOST"]}, TOLD[:1], **{name: f"{CANARY}-own-credential"})[0]
    assert result.code == 1 and "[spec-own-credential]" in result.err, result.err


@pytest.mark.parametrize("listed", ["variables", "--allow-env"])
def test_own_credentials_cannot_be_allowed(tmp_path: Path, listed: str) -> None:
    spec = HEAD + ("variables: [AUTH0_CLIENT_SECRET]\n" if listed == "variables" else "")
    more = ["--allow-env", "AUTH0_CLIENT_SECRET"] if listed == "--allow-env" else []
    refused = cli("validate", write_spec(tmp_path, spec), *more)
    assert refused.code == 1 and "[spec-own-credential]" in refused.err


@pytest.mark.parametrize("field", ["client_secret", "secret option", "credentials.client_id"])
def test_a_copy_of_an_own_credential_is_refused_too(folder: Path, field: str) -> None:
    (folder / "copy.txt").write_text(f"{CANARY}-own-credential\n")
    (folder / "keys").mkdir(exist_ok=True)
    own = {"AUTH0_CLIENT_SECRET": f"{CANARY}-own-credential", "COPY": f"{CANARY}-own-credential"}
    key = {"AUTH0_CLIENT_ASSERTION_PRIVATE_KEY": "keys/x.pem"}
    for reference, env in (("${env:COPY}", own), ("${file:copy.txt}", own), ("${file:keys/x.pem}", key)):
        result = silent(folder, spec_with(field, reference), TOLD[:1], **env)[0]
        assert result.code == 1 and "[spec-own-credential]" in result.err, result.err


def test_every_credential_that_tokenvault_reads_is_its_own() -> None:
    """The tenant package takes secrets from no other variable."""
    package = Path(__file__).parents[2] / "tokenvault"
    named = {
        word
        for file in [*package.glob("tenant/*.py"), package / "exchange" / "variables.py"]
        for word in file.read_text().replace('"', " ").split()
        if word.startswith("AUTH0_") and word.isupper()
    }
    harmless = {"AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_AUDIENCE", "AUTH0_USER_ID"}
    harmless |= {"AUTH0_CLIENT_ASSERTION_SIGNING_ALG"}
    assert {word.rstrip(",).;:") for word in named} - harmless <= CREDENTIAL_VARIABLES


# ---- files


@pytest.mark.parametrize("path", [path for path in FILES if path.startswith(".")])
def test_what_other_tools_hide_is_read_for_no_field(folder: Path, path: str) -> None:
    (folder / "link").symlink_to(folder / path)
    for reference in (f"${{file:{path}}}", "${file:link}", f"${{file:keys/../{path}}}"):
        for field in ("client_secret", "secret option", "callback"):
            result = silent(folder, spec_with(field, reference), TOLD[:1])[0]
            assert result.code == 1 and "[spec-file-hidden]" in result.err, result.err
    result = silent(folder, spec_with("public key file", path), TOLD[:1])[0]
    assert result.code == 1 and "[spec-file-hidden]" in result.err, result.err


def test_a_private_key_is_a_secret_and_no_public_key(folder: Path) -> None:
    assert silent(folder, spec_with("secret option", "${file:keys/x.pem}"), TOLD[:1])[0].code == 0
    for field, value in (("public key file", "keys/x.pem"), ("callback", "${file:keys/x.pem}")):
        assert silent(folder, spec_with(field, value), TOLD[:1])[0].code == 1


# ---- the guard


def test_the_guard_needs_no_ceremony(tmp_path: Path) -> None:
    write_spec(tmp_path, HEAD + "tenant: ${env:AUTH0_DOMAIN}\n")
    assert cli("validate", "spec.yaml", cwd=tmp_path, env={"AUTH0_DOMAIN": "acme.us.auth0.com"}).code == 0
    assert cli("plan", "spec.yaml", "--sandbox=t.db", cwd=tmp_path).code == 0


@pytest.mark.parametrize("value", [f"{CANARY} x", f"sk_live_{CANARY}", f"u:{CANARY}@h", f"-----BEGIN {CANARY}"])
def test_the_guard_does_not_repeat_what_is_no_domain(tmp_path: Path, value: str) -> None:
    write_spec(tmp_path, HEAD + "tenant: ${env:AUTH0_DOMAIN}\n")
    for command in (("validate",), ("explain", "*"), ("plan", "--tenant", "acme.us.auth0.com")):
        env = {"AUTH0_DOMAIN": value, "AUTH0_API_TOKEN": "any-token"}
        result = cli(*command, "spec.yaml", cwd=tmp_path, env=env)
        assert result.code == 1 and CANARY not in result.out + result.err, result


def test_the_table_is_whole() -> None:
    assert len(SECRETS) == 32 and len(FILES) == 12 and len(KINDS) == 3 and len(FIELDS) >= 21
    assert os.environ.get("CRM_INNOCENT") is None
    assert yaml.safe_load(yaml.safe_dump(spec_with("callback", "x")))["applications"]["web"]["callbacks"] == ["x"]
