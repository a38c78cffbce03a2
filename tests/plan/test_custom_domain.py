"""Users who log in on a custom domain ask for the My Account API there; a domain that is not the tenant's is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import cli, requests_of, served, tenant, write_spec
from tokenvault.sandbox import TOKEN
from tokenvault.tenant.scopes import needed_scopes

SPEC = """\
version: 1
name: acme
my_account_api: {{domain: {domain}}}
connections: {{google-oauth2: {{}}}}
applications:
  web: {{type: regular_web, flavors: [refresh_token_exchange]}}
"""


def spec_for(folder: Path, domain: str) -> Path:
    return write_spec(folder, SPEC.format(domain=domain))


@pytest.mark.parametrize("command", [("plan",), ("apply", "-y")])
def test_a_domain_that_is_not_the_tenants_is_refused_before_any_write(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Auth0 would take it for an ordinary API of that name, and no user would ever get a token for it."""
    spec = spec_for(tmp_path, "login.acme.example")
    result = cli(*command, spec, "--sandbox=t.db", "--debug", cwd=tmp_path)
    assert result.code == 1
    assert "login.acme.example is no custom domain of this tenant" in result.err
    assert "[plan-custom-domain]" in result.err and "sandbox.localhost has auth.acme.example." in result.err
    assert not requests_of(result, "POST", "PATCH")


def test_a_custom_domain_of_the_tenant_is_asked_for_once(tmp_path: Path) -> None:
    spec = spec_for(tmp_path, "auth.acme.example")
    first = cli("apply", spec, "-y", "--sandbox=t.db", "--debug", cwd=tmp_path)
    assert first.code == 0, first.err
    apis = {api["identifier"] for api in tenant(tmp_path / "t.db")["resource_servers"].values()}
    assert "https://auth.acme.example/me/" in apis and "https://sandbox.localhost/me/" not in apis
    again = cli("plan", spec, "--sandbox=t.db", "--debug", "--detailed-exitcode", cwd=tmp_path)
    assert again.code == 0
    assert not [request for request in requests_of(again, "GET") if "custom-domains" in request]


def test_a_token_that_may_not_read_domains_plans_all_the_same(tmp_path: Path) -> None:
    scopes = " ".join(needed_scopes().to_apply)
    with served(tmp_path / "t.db", "--scopes", scopes) as host:
        env = {"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": TOKEN}
        result = cli("apply", spec_for(tmp_path, "auth.acme.example"), "-y", env=env, cwd=tmp_path)
    assert result.code == 0, result.err
