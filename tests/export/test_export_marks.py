"""Marks and exports: what a spec owns comes back under its own keys, and what is as it should be needs no mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.export.by_hand import PUBLIC_KEY, ROTATING, by_hand, policy, said
from tests.export.test_export_by_hand import assert_plan_is_empty, exported
from tests.support import Result, cli, tenant

WEB = {"type": "regular_web", "callbacks": ["https://a.example/cb"], "flavors": ["refresh_token_exchange"]}


def apply(folder: Path, spec: Any) -> Result:
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    result = cli("apply", "spec.yaml", "-y", "--sandbox", "tenant.db", cwd=folder)
    assert result.code == 0, result.err
    return result


def marks(folder: Path) -> list[str]:
    clients = tenant(folder / "tenant.db")["clients"].values()
    return [c["client_metadata"]["tokenvault"] for c in clients if "tokenvault" in c.get("client_metadata", {})]


def satisfied(folder: Path) -> str:
    """A tenant in which an application is as `refresh_token_exchange` wants it, without a mark."""
    with by_hand(folder / "tenant.db") as hands:
        hands.my_account()
        hands.connection("github")
        return hands.web("Assistant", "github")


def spec_for(**application: Any) -> dict[str, Any]:
    flavors = {"flavors": ["refresh_token_exchange"]}
    return {
        "version": 1,
        "name": "mine",
        "connections": {"github": {}},
        "applications": {"app": {**application, **flavors}},
    }


def test_an_application_that_is_right_already_is_found_by_its_id_and_left_unmarked(tmp_path: Path) -> None:
    client_id = satisfied(tmp_path)
    apply(tmp_path, spec_for(client_id=client_id))
    assert marks(tmp_path) == []


def test_one_that_is_found_by_its_name_is_marked_because_names_change(tmp_path: Path) -> None:
    satisfied(tmp_path)
    apply(tmp_path, spec_for(name="Assistant", type="regular_web"))
    assert [mark.split(" ")[0] for mark in marks(tmp_path)] == ["mine/app"]


def test_one_that_has_to_change_is_marked_with_the_change(tmp_path: Path) -> None:
    client_id = satisfied(tmp_path)
    apply(tmp_path, spec_for(client_id=client_id, callbacks=["https://new.example/cb"]))
    assert [mark.split(" ")[0] for mark in marks(tmp_path)] == ["mine/app"]


def test_adopted_applications_come_back_by_client_id_under_their_keys(tmp_path: Path) -> None:
    client_id = satisfied(tmp_path)
    apply(tmp_path, spec_for(client_id=client_id, callbacks=["https://new.example/cb"]))
    spec, _ = exported(tmp_path)
    assert spec["name"] == "mine"
    assert spec["applications"] == {
        "app": {
            "client_id": client_id,
            "type": "regular_web",
            "callbacks": ["https://app.example/callback", "https://new.example/cb"],
            "flavors": ["refresh_token_exchange"],
        }
    }
    assert_plan_is_empty(tmp_path)


def test_applications_renamed_behind_its_back_to_one_name_do_not_spoil_the_spec(tmp_path: Path) -> None:
    apply(tmp_path, {"version": 1, "name": "mine", "connections": {"github": {}}, "applications": {"a": WEB, "b": WEB}})
    with by_hand(tmp_path / "tenant.db") as hands:
        [client_id] = [c["client_id"] for c in hands.ask("GET", "clients?per_page=100") if c["name"] == "b"]
        hands.ask("PATCH", f"clients/{client_id}", {"name": "a"})
    spec, result = exported(tmp_path)
    assert list(spec["applications"]) == ["a"]
    assert 'have the same name "a"' in said(result)
    changes = cli("plan", "out.yaml", "--sandbox", "tenant.db", "--format", "json", cwd=tmp_path).json["changes"]
    assert changes == []


def test_a_copied_application_is_not_taken_for_the_original(tmp_path: Path) -> None:
    apply(tmp_path, {"version": 1, "name": "mine", "connections": {"github": {}}, "applications": {"a": WEB}})
    with by_hand(tmp_path / "tenant.db") as hands:
        [original] = [c for c in hands.ask("GET", "clients?per_page=100") if c["name"] == "a"]
        copy = hands.web("a", "github", client_metadata=original["client_metadata"])
    spec, result = exported(tmp_path)
    assert spec["applications"]["a"]["client_id"] == original["client_id"]
    assert f'"a" ({copy}): it carries the mark of "a" ({original["client_id"]})' in said(result)


SIGNING, OTHER = {"file": "keys/old.pem"}, {"file": "keys/new.pem", "alg": "PS256"}


@pytest.mark.parametrize(
    "keys",
    [
        {"public_keys": [SIGNING, OTHER]},
        {"public_keys": [SIGNING], "authentication_keys": [OTHER]},
        {"public_keys": [SIGNING], "authentication_keys": [SIGNING, OTHER]},
        {"public_keys": [SIGNING, OTHER], "authentication_keys": [SIGNING]},
    ],
    ids=lambda keys: " and ".join(f"{len(entries)} {name}" for name, entries in keys.items()),
)
def test_the_keys_of_a_worker_come_back_as_they_are_used(tmp_path: Path, keys: dict[str, Any]) -> None:
    second = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "old.pem").write_text(PUBLIC_KEY)
    (tmp_path / "keys" / "new.pem").write_bytes(second.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    worker = {**keys, "ip_allowlist": ["203.0.113.7"], "grants": {"github": ["repo"]}}
    application = {"type": "m2m", "flavors": [{"privileged_worker": worker}]}
    apply(tmp_path, {"version": 1, "name": "mine", "connections": {"github": {}}, "applications": {"job": application}})
    spec, _ = exported(tmp_path)
    [flavor] = spec["applications"]["job"]["flavors"]
    assert flavor["privileged_worker"] == worker
    assert_plan_is_empty(tmp_path)


CALLS = [{"access_token_exchange": {"api": "notes"}}]
CALLERS = {"a": {**WEB, "flavors": CALLS}, "b": {**WEB, "flavors": CALLS}}
NOTES = {"notes": {"identifier": "https://notes.example", "scopes": {"read": "Reads"}}}


def callers(**more: Any) -> dict[str, Any]:
    return {"version": 1, "name": "mine", "connections": {"github": {}}, "apis": NOTES, "applications": CALLERS} | more


def test_an_adopted_application_that_got_its_key_for_a_name_keeps_it(tmp_path: Path) -> None:
    client_id = satisfied(tmp_path)
    apply(tmp_path, spec_for(client_id=client_id, name="app"))
    spec, _ = exported(tmp_path)
    assert spec["applications"]["app"]["name"] == "app"
    assert_plan_is_empty(tmp_path)


def test_each_caller_of_an_api_that_the_spec_created_comes_back_where_another_has_to_be_left_out(
    tmp_path: Path,
) -> None:
    apply(tmp_path, callers())
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.web("Old Portal", "github", oidc_conformant=False)
    spec, result = exported(tmp_path)
    assert "oidc_conformant" in said(result)
    assert list(spec["applications"]) == ["a", "b"]
    assert_plan_is_empty(tmp_path)


def test_another_order_of_applications_is_no_change(tmp_path: Path) -> None:
    apply(tmp_path, callers())
    (tmp_path / "out.yaml").write_text(
        yaml.safe_dump(callers(applications={k: CALLERS[k] for k in "ba"}), sort_keys=False)
    )
    assert_plan_is_empty(tmp_path)


def test_that_an_api_was_created_stays_on_record_when_the_application_that_records_it_goes(tmp_path: Path) -> None:
    apply(tmp_path, callers(applications={k: CALLERS[k] for k in "ab"}))
    recorded = [mark.split(" ")[0] for mark in marks(tmp_path) if "made:" in mark]
    assert recorded == ["mine/a"]
    (tmp_path / "less.yaml").write_text(yaml.safe_dump(callers(applications={"b": CALLERS["b"]})))
    pruned = cli("apply", "less.yaml", "-y", "--prune", "--sandbox", "tenant.db", cwd=tmp_path)
    assert pruned.code == 0, pruned.err
    assert [mark.split(" ")[0] for mark in marks(tmp_path) if "made:" in mark] == ["mine/b"]


def edited_by_hand(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The exported spec of a tenant in which somebody edited what the spec had given, and what a plan of it changes."""
    spec, _ = exported(folder)
    text = (folder / "out.yaml").read_text()
    assert "a plan of it is empty" not in text
    assert "its mark is written anew, and nothing else of it" in text
    plan = cli("plan", "out.yaml", "--sandbox", "tenant.db", "--format", "json", cwd=folder).json
    assert plan["orphans"] == []
    return spec, [attribute for change in plan["changes"] for attribute in change["attributes"]]


def test_an_application_whose_callback_somebody_took_away_comes_back_without_it(tmp_path: Path) -> None:
    both = {**WEB, "callbacks": ["https://a.example/cb", "https://b.example/cb"]}
    apply(tmp_path, {"version": 1, "name": "mine", "connections": {"github": {}}, "applications": {"a": both}})
    with by_hand(tmp_path / "tenant.db") as hands:
        [client_id] = [c["client_id"] for c in hands.ask("GET", "clients?per_page=100") if c["name"] == "a"]
        hands.ask("PATCH", f"clients/{client_id}", {"callbacks": ["https://a.example/cb"]})
    spec, changed = edited_by_hand(tmp_path)
    assert spec["applications"] == {"a": WEB}
    assert {each["path"][0] for each in changed} == {"client_metadata.tokenvault"}


def test_a_connection_whose_scope_somebody_took_away_keeps_what_the_spec_says_of_it(tmp_path: Path) -> None:
    endpoints = {
        "type": "back_channel",
        "issuer": "https://id.example",
        "authorization_endpoint": "https://id.example/authorize",
        "token_endpoint": "https://id.example/token",
        "jwks_uri": "https://id.example/jwks",
    }
    connection = {
        "strategy": "oidc",
        "purpose": "connected_accounts",
        "scopes": ["openid", "email", "profile"],
        "credentials": {"client_id": "id", "client_secret": "${env:ID_SECRET}"},
        "options": endpoints,
    }
    spec = {"version": 1, "name": "mine", "connections": {"acme-id": connection}, "applications": {"a": WEB}}
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    options = ("-y", "--sandbox", "tenant.db")
    applied = cli("apply", "spec.yaml", *options, cwd=tmp_path, env={"ID_SECRET": "hidden"})
    assert applied.code == 0, applied.err
    with by_hand(tmp_path / "tenant.db") as hands:
        [live] = [c for c in hands.ask("GET", "connections?per_page=100") if c["name"] == "acme-id"]
        hands.ask("PATCH", f"connections/{live['id']}", {"options": {**live["options"], "scope": "openid email"}})
    found, changed = edited_by_hand(tmp_path)
    assert found["connections"]["acme-id"]["options"] == endpoints
    assert found["connections"]["acme-id"]["scopes"] == ["openid", "email"]
    assert {each["path"][0] for each in changed} == {"metadata.tokenvault"}


def test_an_api_keeps_the_connections_of_a_caller_of_whom_nothing_tells(tmp_path: Path) -> None:
    single_page = {"type": "spa", "flavors": CALLS, "connections": ["github"]}
    web = {**WEB, "flavors": [*WEB["flavors"], *CALLS]}
    silent = {"notes": {"identifier": "https://notes.example"}}
    both = {"github": {}, "google-oauth2": {"offline_access": True}}
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.ask("POST", "resource-servers", {"identifier": "https://notes.example", "name": "notes"})
    apply(tmp_path, callers(connections=both, apis=silent, applications={"page": single_page, "web": web}))
    spec, _ = exported(tmp_path)
    assert spec["apis"]["notes"]["flavors"] == ["access_token_exchange"]
    assert "exchanges for others, too" in (tmp_path / "out.yaml").read_text()
    assert_plan_is_empty(tmp_path)


def test_of_two_apis_that_an_application_reaches_the_one_that_a_spec_gave_it_is_exported(tmp_path: Path) -> None:
    first, second = "https://first.example", "https://second.example"
    with by_hand(tmp_path / "tenant.db") as hands:
        hands.my_account()
        hands.connection("github")
        hands.api(first, "First", scopes={"read:it": "Read it"})
        policies = [policy(), policy(first, ["read:it"])]
        client_id = hands.spa("Front", "github", refresh_token={**ROTATING, "policies": policies})
    apis = {"second": {"identifier": second, "scopes": {"read:it": "Read it"}}}
    app = {"client_id": client_id, "flavors": [{"access_token_exchange": {"api": "second"}}]}
    spec = {"version": 1, "name": "mine", "connections": {"github": {}}, "apis": apis, "applications": {"app": app}}
    apply(tmp_path, spec)
    found, _ = exported(tmp_path)
    [flavor] = found["applications"]["app"]["flavors"]
    assert flavor["access_token_exchange"]["api"] == "second"
