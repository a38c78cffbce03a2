"""A tenant without a single mark: what is found in it, and that a plan of the exported spec is empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.export.by_hand import MY_ACCOUNT, PUBLIC_KEY, Hands, by_hand, policy, said
from tests.support import TOKEN_VAULT_GRANT, Result, cli, tenant
from tests.world import World


def exported(folder: Path, *options: object) -> tuple[dict[str, Any], Result]:
    """The spec that an export writes, as data, and what the command said."""
    result = cli("export", "--sandbox", "tenant.db", "--output", "out.yaml", *options, cwd=folder)
    assert result.code == 0, result.err
    return yaml.safe_load((folder / "out.yaml").read_text()), result


def assert_plan_is_empty(folder: Path) -> None:
    plan = cli("plan", "out.yaml", "--sandbox", "tenant.db", "--format", "json", "--detailed-exitcode", cwd=folder)
    assert plan.code == 0, plan.out + plan.err
    assert plan.json["changes"] == []
    assert plan.json["orphans"] == []


def test_a_web_application_with_the_token_vault_grant_is_exported_by_its_client_id(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("google-oauth2")
        client_id = hands.web("Acme Assistant", "google-oauth2")
    before = tenant(tmp_path / "tenant.db")
    spec, result = exported(tmp_path)
    assert spec["name"] == "sandbox"
    assert spec["tenant"] == "sandbox.localhost"
    assert spec["connections"] == {"google-oauth2": {}}
    assert spec["applications"] == {
        "acme-assistant": {"client_id": client_id, "type": "regular_web", "flavors": ["refresh_token_exchange"]}
    }
    assert "Not in the spec" not in said(result)
    assert_plan_is_empty(tmp_path)
    assert tenant(tmp_path / "tenant.db") == before, "an export changes nothing"


def test_a_grant_of_all_scopes_holds_those_of_connected_accounts(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("google-oauth2")
        client_id = hands.web("Assistant", "google-oauth2")
        [grant] = hands.ask("GET", f"client-grants?take=10&client_id={client_id}")["client_grants"]
        hands.ask("PATCH", f"client-grants/{grant['id']}", {"allow_all_scopes": True})
    spec, _ = exported(tmp_path)
    assert list(spec["applications"]) == ["assistant"]
    assert_plan_is_empty(tmp_path)


def test_an_application_that_only_connects_accounts_gets_no_exchange(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("github")
        hands.web("Portal", "github", exchanges=False)
    spec, _ = exported(tmp_path)
    assert spec["applications"]["portal"]["flavors"] == ["connected_accounts"]
    assert_plan_is_empty(tmp_path)


def single_page_application(hands: Hands, **settings: Any) -> None:
    hands.my_account()
    hands.connection("google-oauth2")
    hands.api("https://calendar.example", "Calendar API", scopes={"read:calendar": "Read it"}, **settings)


def test_a_single_page_application_and_its_api_are_found_by_what_its_refresh_tokens_reach(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        single_page_application(hands)
        reaches = [policy(), policy("https://calendar.example", ["read:calendar"])]
        refresh_token = {"rotation_type": "rotating", "expiration_type": "expiring", "policies": reaches}
        hands.spa("Calendar", "google-oauth2", refresh_token=refresh_token)
        hands.web("Other", "google-oauth2")
    spec, _ = exported(tmp_path)
    assert spec["apis"] == {
        "calendar-api": {
            "identifier": "https://calendar.example",
            "name": "Calendar API",
            "scopes": {"read:calendar": "Read it"},
        }
    }
    settings = {"api": "calendar-api", "client_name": "Calendar API exchanger"}
    assert spec["applications"]["calendar"]["flavors"] == [{"access_token_exchange": settings}]
    assert spec["applications"]["other"]["flavors"] == ["refresh_token_exchange"]
    assert_plan_is_empty(tmp_path)


def test_a_client_grant_shows_who_calls_an_api_that_requires_one(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        user = {"user": {"policy": "require_client_grant"}, "client": {"policy": "require_client_grant"}}
        single_page_application(hands, subject_type_authorization=user)
        hands.grant(hands.spa("Granted", "google-oauth2"), "https://calendar.example", ["read:calendar"])
        hands.spa("Stranger", "google-oauth2")
    spec, _ = exported(tmp_path)
    assert "access_token_exchange" in spec["applications"]["granted"]["flavors"][0]
    assert spec["applications"]["stranger"]["flavors"] == ["connected_accounts"]
    assert_plan_is_empty(tmp_path)


def test_an_api_whose_caller_the_tenant_does_not_tell_gets_the_likely_one_and_says_so(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        single_page_application(hands)
        hands.spa("Calendar", "google-oauth2")
        hands.web("Other", "google-oauth2")
    spec, _ = exported(tmp_path)
    assert "access_token_exchange" in spec["applications"]["calendar"]["flavors"][0]
    assert spec["applications"]["other"]["flavors"] == ["refresh_token_exchange"]
    assert "is a guess" in (tmp_path / "out.yaml").read_text()
    assert_plan_is_empty(tmp_path)


def test_a_worker_is_exported_when_its_public_key_lies_beside_the_spec(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.connection("github")
        hands.worker("Nightly Sync", "github")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "sync.pem").write_text(PUBLIC_KEY)
    spec, _ = exported(tmp_path)
    worker = spec["applications"]["nightly-sync"]
    assert worker["type"] == "m2m"
    assert worker["flavors"] == [
        {
            "privileged_worker": {
                "public_keys": [{"file": "secrets/sync.pem"}],
                "ip_allowlist": ["203.0.113.0/24"],
                "grants": {"github": ["repo"]},
            }
        }
    ]
    assert_plan_is_empty(tmp_path)


def test_a_worker_whose_key_is_not_there_is_left_out_with_what_has_to_be_added(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("github")
        hands.worker("Nightly Sync", "github")
        hands.web("Portal", "github")
    spec, result = exported(tmp_path)
    assert list(spec["applications"]) == ["portal"]
    needed = "keys/nightly-sync.pub.pem has to hold the public key with the thumbprint "
    assert needed in said(result)
    assert needed in " ".join((tmp_path / "out.yaml").read_text().replace("\n  #", "").split())
    assert_plan_is_empty(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "nightly-sync.pub.pem").write_text(PUBLIC_KEY)
    uncommented = uncomment((tmp_path / "out.yaml").read_text(), "nightly-sync")
    (tmp_path / "out.yaml").write_text(uncommented)
    assert list(yaml.safe_load(uncommented)["applications"]) == ["portal", "nightly-sync"]
    assert_plan_is_empty(tmp_path)


def test_what_is_left_out_says_which_connections_it_uses_even_where_it_is_none(tmp_path: Path) -> None:
    """Whoever takes it in beside others must not give it all of theirs. A spec refuses an application without any."""
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("github")
        hands.web("Idle")
        hands.web("Halfway", "github", oidc_conformant=False)
    assert cli("export", "--sandbox", "tenant.db", "-o", "out.yaml", cwd=tmp_path).code == 0
    text = (tmp_path / "out.yaml").read_text()
    for key, uses in (("idle", ["github"]), ("halfway", ["github"])):
        taken_in = yaml.safe_load(uncomment(text, key).partition("# applications:\n")[2])
        assert taken_in[key]["connections"] == uses


def uncomment(text: str, key: str) -> str:
    """What the comment asks for: the leading `# ` of an entry's lines removed."""
    lines, inside = [], False
    for line in text.splitlines():
        inside = line.startswith("  # ") and (inside or line == f"  # {key}:")
        lines.append(line.replace("  # ", "  ", 1) if inside else line)
    return "\n".join(lines) + "\n"


def test_what_a_flavor_lacks_keeps_an_application_out_and_is_told(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("google-oauth2")
        hands.web("Good", "google-oauth2")
        hands.web("Halfway", "google-oauth2", oidc_conformant=False, token_endpoint_auth_method="none")
    spec, result = exported(tmp_path)
    assert list(spec["applications"]) == ["good"]
    assert "oidc_conformant is false, not true" in said(result)
    assert "token_endpoint_auth_method is none, not client_secret_post" in said(result)
    assert "# halfway:" in (tmp_path / "out.yaml").read_text()
    assert_plan_is_empty(tmp_path)


def test_a_machine_with_the_grant_and_no_privileged_access_is_told(tmp_path: Path) -> None:
    with by_hand(tmp_path / "tenant.db", empty=True) as hands:
        hands.application("Robot", app_type="non_interactive", grant_types=[policy_grant()])
    spec, result = exported(tmp_path)
    assert "applications" not in spec
    assert '"Robot"' in said(result)
    assert_plan_is_empty(tmp_path)


def policy_grant() -> str:
    return "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"


def test_a_tenant_without_token_vault_gives_a_spec_that_says_so(tmp_path: Path) -> None:
    spec, result = exported(tmp_path)
    assert spec == {"version": 1, "name": "sandbox"}
    assert "Nothing in sandbox.localhost uses Token Vault" in said(result)
    assert_plan_is_empty(tmp_path)


def test_names_that_mean_something_to_yaml_or_to_a_spec_come_back_as_they_are(tmp_path: Path) -> None:
    names = ["yes", "a: b", "Price ${env:HOME}", "- x", "# y", "été \u202e", "line\nbreak", "[z]"]
    names += ["it's, [a] {b}", ":x", "?x", "? x", "a'b,c", '"', "\t", "=", "a\\'b", "\x85", "$${x}"]
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("google-oauth2")
        ids = {hands.web(name, "google-oauth2"): name for name in names}
        api_names = [f"{name} API" for name in names if "<" not in name]
        for number, name in enumerate(api_names):
            reaches = [policy(), policy(f"https://{number}.example/${{x}}", ["s:1"])]
            refresh_token = {"rotation_type": "rotating", "expiration_type": "expiring", "policies": reaches}
            hands.api(f"https://{number}.example/${{x}}", name, scopes={"s:1": name})
            hands.spa(f"spa {number}", "google-oauth2", refresh_token=refresh_token)
    spec, _ = exported(tmp_path)
    assert {app["client_id"] for app in spec["applications"].values()} >= set(ids)
    assert {api["name"].replace("$${", "${") for api in spec["apis"].values()} == set(api_names)
    assert_plan_is_empty(tmp_path)
    assert MY_ACCOUNT in str(tenant(tmp_path / "tenant.db")["resource_servers"])


# ---- workers that were half set up


@pytest.fixture
def half(tmp_path: Path) -> World:
    """A machine with a key that it authenticates with, and one with privileged access and nothing in it."""
    world = World(tmp_path)
    world.make_key()
    pem = (world.folder / "worker.pub.pem").read_text()
    (world.folder / "worker.pub.pem").unlink()
    for name in ("Keyed", "Empty"):
        client = world.api("POST", "/clients", {"name": name, "app_type": "non_interactive", "oidc_conformant": True,
                           "is_first_party": True, "jwt_configuration": {"alg": "RS256"},
                           "grant_types": ["client_credentials", TOKEN_VAULT_GRANT]})  # fmt: skip
        key = {"credential_type": "public_key", "pem": pem, "alg": "RS256", "name": "key"}
        made = world.api("POST", f"/clients/{client['client_id']}/credentials", key)
        held = {"credentials": [{"id": made["id"]}]}
        access = {"token_vault_privileged_access": {**held, "ip_allowlist": [], "grants": []}}
        methods = {"client_authentication_methods": {"private_key_jwt": held}, "token_endpoint_auth_method": None}
        world.patch_client(name, **(methods if name == "Keyed" else access))
    world.close()
    return world


@pytest.mark.parametrize("name", ["Keyed", "Empty"])
def test_the_draft_of_a_worker_with_credentials_only_names_what_validate_would_tell(half: World, name: str) -> None:
    assert half.run("export", "--app", name, "--output", "draft.yaml").code == 0
    draft = (half.folder / "draft.yaml").read_text()
    _, _, said = draft.partition(f"{name.lower()} is left out")
    reasons, _, entry = said.partition("in front of these lines:")
    told = " ".join(reasons.replace("#", " ").split())
    assert "the tenant holds no ip_allowlist, no grants for it" in told
    assert "has to hold the public key with the thumbprint" in told and "read:client_credentials" not in told
    lines = [line.replace("# ", "", 1) for line in entry.splitlines() if line.strip()]
    spec = yaml.safe_load("\n".join(["applications:", *lines]))
    whole = {
        "version": 1,
        "name": "half",
        "connections": {c: {} for c in spec["applications"][name.lower()]["connections"]},
    }
    (half.folder / "taken.yaml").write_text(yaml.safe_dump({**whole, **spec}))
    problems = cli("validate", "taken.yaml", "--format", "json", cwd=half.folder).json["problems"]
    for problem in problems:
        file = problem["summary"].rsplit(" ", 1)[-1]
        assert problem["code"] == "spec-missing-file" and file in told, problem
    assert problems
