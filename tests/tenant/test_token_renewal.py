"""A token that Auth0 takes back midway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import cli
from tests.tenant.tenant import Tenant
from tokenvault.sandbox import CLIENT_ID, CLIENT_SECRET

SPEC = """\
version: 1
name: renewal
connections: {google-oauth2: {}}
applications:
  assistant:
    type: regular_web
    callbacks: [https://assistant.example/callback]
    flavors: [refresh_token_exchange]
"""
DEPLOY_TOOL = {"AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET}
EXPIRED = {"fault": 401, "body": "expired"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tokenvault.yaml").write_text(SPEC)
    return tmp_path


def test_a_client_gets_a_new_token_once_and_the_plan_goes_on(tenant: Tenant, folder: Path) -> None:
    tenant.faults({**EXPIRED, "path": "*/connections*"})
    tenant.forget_requests()
    planned = cli("plan", cwd=folder, env={"AUTH0_DOMAIN": tenant.domain, **DEPLOY_TOOL})
    assert planned.code == 0, planned.err
    assert len(tenant.requests("/oauth/token")) == 2


def test_a_write_that_was_refused_for_its_token_is_made_exactly_once(tenant: Tenant, folder: Path) -> None:
    tenant.faults({**EXPIRED, "method": "POST", "path": "*/clients"})
    applied = cli("apply", "-y", cwd=folder, env={"AUTH0_DOMAIN": tenant.domain, **DEPLOY_TOOL})
    assert applied.code == 0, applied.err
    assert [client["name"] for client in tenant.api("GET", "clients")].count("assistant") == 1


def test_requests_side_by_side_share_the_new_token(tenant: Tenant, folder: Path) -> None:
    tenant.faults({**EXPIRED, "path": "*/clients*"}, {**EXPIRED, "path": "*/client-grants*"})
    tenant.forget_requests()
    assert cli("plan", cwd=folder, env={"AUTH0_DOMAIN": tenant.domain, **DEPLOY_TOOL}).code == 0
    assert len(tenant.requests("/oauth/token")) <= 3


def test_a_client_whose_new_token_is_refused_too_gives_up(tenant: Tenant, folder: Path) -> None:
    tenant.faults({**EXPIRED, "path": "*/clients*", "times": None})
    planned = cli("plan", cwd=folder, env={"AUTH0_DOMAIN": tenant.domain, **DEPLOY_TOOL})
    assert planned.code == 1 and "[auth-refused]" in planned.err and not planned.out


def test_a_token_of_the_environment_cannot_be_renewed_and_the_refusal_says_what_to_do(
    tenant: Tenant, folder: Path
) -> None:
    tenant.faults({**EXPIRED, "path": "*/connections*"})
    planned = cli("plan", cwd=folder, env={"AUTH0_DOMAIN": tenant.domain, "AUTH0_API_TOKEN": "sandbox"})
    assert planned.code == 1
    assert "Expired token received" in planned.err and "into AUTH0_API_TOKEN" in planned.err
