"""Users may log in on a custom domain; the My Account API, its grants and policies are the tenant's own all the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support import cli, requests_of, tenant, write_spec
from tokenvault.sandbox import open_sandbox

MY_ACCOUNT = "https://sandbox.localhost/me/"
SPEC = """\
version: 1
name: acme
{more}
connections: {{google-oauth2: {{}}}}
applications:
  web: {{type: regular_web, flavors: [refresh_token_exchange]}}
"""


def audiences(folder: Path) -> set[str]:
    """Every My Account API that the tenant knows of: as an API, in a grant, in a refresh token policy."""
    state = tenant(folder / "t.db")
    policies = [p for c in state["clients"].values() for p in c["refresh_token"].get("policies") or []]
    named = [api["identifier"] for api in state["resource_servers"].values()]
    named += [item["audience"] for item in (*state["client_grants"].values(), *policies)]
    return {name for name in named if name.endswith("/me/")}


@pytest.mark.parametrize("domain", ["auth.acme.example", "login.acme.example"])
def test_the_my_account_api_is_canonical_whatever_domain_users_log_in_on(tmp_path: Path, domain: str) -> None:
    spec = write_spec(tmp_path, SPEC.format(more=f"my_account_api: {{domain: {domain}}}"))
    first = cli("apply", spec, "-y", "--sandbox=t.db", cwd=tmp_path)
    assert first.code == 0, first.err
    assert audiences(tmp_path) == {MY_ACCOUNT}
    assert cli("plan", spec, "--sandbox=t.db", "--detailed-exitcode", cwd=tmp_path).code == 0


def test_a_domain_that_is_given_later_changes_nothing_in_the_tenant(tmp_path: Path) -> None:
    cli("apply", write_spec(tmp_path, SPEC.format(more="")), "-y", "--sandbox=t.db", cwd=tmp_path)
    spec = write_spec(tmp_path, SPEC.format(more="my_account_api: {domain: auth.acme.example}"))
    assert cli("plan", spec, "--sandbox=t.db", "--detailed-exitcode", cwd=tmp_path).code == 0


# ---- custom domains that the tenant has

TWO = """\
version: 1
name: acme
{more}
connections: {{google-oauth2: {{}}}}
applications:
  web: {{type: regular_web, callbacks: ["https://a.example/cb"], flavors: [refresh_token_exchange]}}
  vip: {{type: regular_web, callbacks: ["https://b.example/cb"], flavors: [refresh_token_exchange]{vip}}}
"""


def with_domains(folder: Path, domains: Iterable[tuple[str, str]]) -> None:
    sandbox = open_sandbox(folder / "t.db")
    state = sandbox.export_state()
    state["objects"]["custom_domains"] = {}
    for number, (name, status) in enumerate(domains):
        state["objects"]["custom_domains"][f"cd_{number:016d}"] = {
            "custom_domain_id": f"cd_{number:016d}", "domain": name, "status": status, "primary": True,
            "is_default": number == 1, "type": "auth0_managed_certs", "tls_policy": "recommended",
        }  # fmt: skip
    sandbox.load_state(state)
    sandbox.close()


def domain_notes(folder: Path) -> list[dict[str, Any]]:
    told = cli("doctor", "spec.yaml", "--sandbox=t.db", "--format", "json", cwd=folder).json
    return [cause for cause in told["causes"] if cause["id"] == "application-domain"]


def test_a_ready_domain_that_the_spec_does_not_name_is_noted(tmp_path: Path) -> None:
    write_spec(tmp_path, TWO.format(more="", vip=""))
    with_domains(tmp_path, [("old.acme.example", "pending_verification"), ("login.acme.example", "ready")])
    assert cli("apply", "spec.yaml", "-y", "--sandbox=t.db", cwd=tmp_path).code == 0
    (note,) = domain_notes(tmp_path)
    assert note["state"] == "check" and note["applications"] == ["web", "vip"]
    assert "login.acme.example" in note["says"][0] and "old" not in note["says"][0]
    assert "login.acme.example" in cli("usage", "spec.yaml", "--sandbox=t.db", cwd=tmp_path).err


def test_each_application_may_have_a_domain_of_its_own(tmp_path: Path) -> None:
    more = "my_account_api: {domain: login.acme.example}"
    write_spec(tmp_path, TWO.format(more=more, vip=", domain: vip.acme.example"))
    with_domains(tmp_path, [("login.acme.example", "ready"), ("vip.acme.example", "ready")])
    assert cli("apply", "spec.yaml", "-y", "--sandbox=t.db", cwd=tmp_path).code == 0
    assert domain_notes(tmp_path) == []
    shown = cli("usage", "spec.yaml", "--sandbox=t.db", "--format", "json", "--debug", cwd=tmp_path)
    urls = {one["application"]: one["url"] for one in shown.json["exchanges"]}
    assert urls == {
        name: f"https://{host}.acme.example/oauth/token" for name, host in (("web", "login"), ("vip", "vip"))
    }
    for one in shown.json["connecting"]:
        host = {"web": "login", "vip": "vip"}[one["application"]]
        assert f"https://{host}.acme.example/authorize" in json.dumps(one)
    assert not [line for line in requests_of(shown) if "custom-domains" in line], "the spec says it already"
    assert audiences(tmp_path) == {MY_ACCOUNT}


@pytest.mark.parametrize("status", ["pending_verification", None])
def test_a_domain_that_is_named_and_not_ready_is_to_be_looked_at(tmp_path: Path, status: str | None) -> None:
    write_spec(tmp_path, TWO.format(more="", vip=", domain: vip.acme.example"))
    with_domains(tmp_path, [("vip.acme.example", status)] if status else [])
    assert cli("apply", "spec.yaml", "-y", "--sandbox=t.db", cwd=tmp_path).code == 0
    (note,) = domain_notes(tmp_path)
    assert note["applications"] == ["vip"] and "no custom domain of that name ready" in note["says"][0]


def test_the_tenants_own_domain_is_an_answer_too(tmp_path: Path) -> None:
    write_spec(tmp_path, TWO.format(more="my_account_api: {domain: sandbox.localhost}", vip=""))
    with_domains(tmp_path, [("login.acme.example", "ready")])
    assert cli("apply", "spec.yaml", "-y", "--sandbox=t.db", cwd=tmp_path).code == 0
    assert domain_notes(tmp_path) == []


def test_a_plan_asks_for_no_custom_domain(tmp_path: Path) -> None:
    write_spec(tmp_path, TWO.format(more="", vip=""))
    planned = cli("plan", "spec.yaml", "--sandbox=t.db", "--debug", cwd=tmp_path)
    assert requests_of(planned) and not [line for line in requests_of(planned) if "custom-domains" in line]
