"""Users may log in on a custom domain; the My Account API, its grants and policies are the tenant's own all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import cli, tenant, write_spec

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
