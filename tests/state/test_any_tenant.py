"""Moving into any tenant breaks nothing, and leaving it takes everything along that was brought."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.export.by_hand import MY_ACCOUNT
from tests.state.any_tenant import OWN_API, Past, pasts, specs
from tests.state.world import Tenant, World, changed_paths, changes, world
from tests.unmanaged import assert_only_planned_changes

KEPT_SETTINGS = {
    "is_first_party",
    "oidc_conformant",
    "jwt_configuration.alg",
    "token_endpoint_auth_method",
    "client_authentication_methods",
    "refresh_token.rotation_type",
    "refresh_token.expiration_type",
}
KEPT_OF_CONNECTIONS = ("connected_accounts.active", "authentication.active", "options.")


@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.data(), pasts())
def test_whatever_is_not_asked_for_stays_and_a_destroy_leaves_what_was_there(data: st.DataObject, past: Past) -> None:
    with tempfile.TemporaryDirectory() as name, world(Path(name)) as here:
        past.build(here.hands)
        before = here.state()
        ids = {client["name"]: client["client_id"] for client in before["clients"].values()}
        spec = data.draw(specs(past, ids))
        planned = here.plan(spec)
        here.apply(spec)
        applied = here.state()
        assert_only_planned_changes(before, applied, planned)
        assert_nobody_else_is_touched(before, planned)
        here.assert_done(spec)
        assert here.plan(spec)["orphans"] == []
        here.destroy(spec)
        assert_left_as_it_was(before, here.state(), spec)
        gone = here.destroy(spec)
        assert gone.out.startswith("No changes."), gone.out
        assert_plans_creates_again(here, spec, before)


def assert_nobody_else_is_touched(before: Tenant, plan: dict[str, Any]) -> None:
    """No change of the plan is about an object with another spec's mark, or about one that the spec does not name."""
    foreign = {
        key
        for collection, metadata in (("clients", "client_metadata"), ("connections", "metadata"))
        for key, item in before[collection].items()
        if str(item.get(metadata, {}).get("tokenvault", "")).startswith("other/")
    }
    for change in plan["changes"]:
        if change["kind"] == "application":
            assert change["id"] not in foreign, change["address"]
        elif change["id"] in foreign:
            assert not any(a["path"][0].startswith("metadata") for a in change["attributes"]), change["address"]


def assert_left_as_it_was(before: Tenant, after: Tenant, spec: dict[str, Any]) -> None:
    """Nothing created is there, and what was adopted differs only in settings that may be older than the adoption."""
    assert after["clients"].keys() == before["clients"].keys()
    silent = {key for key, client in before["clients"].items() if not has_room(client)}
    for collection in ("credentials", "enablements", "client_grants"):
        mine = [
            {k for k, row in state.get(collection, {}).items() if row["client_id"] not in silent}
            for state in (before, after)
        ]
        assert mine[0] == mine[1], collection
    for key in before["clients"].keys() - silent:
        assert_released(before["clients"][key], after["clients"][key])
    for key, connection in before["connections"].items():
        for path in changed_paths(connection, after["connections"][key]):
            assert path.startswith(KEPT_OF_CONNECTIONS), path
    assert_apis_left(before["resource_servers"], after["resource_servers"], spec)


def has_room(client: dict[str, Any]) -> bool:
    """Whether a mark could be put there; an application without one is not released."""
    metadata = client.get("client_metadata", {})
    return len(metadata) < 10 and "tokenvault" not in metadata


def assert_apis_left(before: dict[str, Any], after: dict[str, Any], spec: dict[str, Any]) -> None:
    """The My Account API stays, and so does an API that nothing proves to be ours."""
    used = any("access_token_exchange" in str(app["flavors"]) for app in spec["applications"].values())
    kept = {MY_ACCOUNT} | (set() if used else {OWN_API})
    assert {after[key]["identifier"] for key in after.keys() - before.keys()} <= kept
    for key, api in before.items():
        if api["identifier"] != OWN_API:
            policies = {"skip_consent_for_verifiable_first_party_clients", "subject_type_authorization.user.policy"}
            assert changed_paths(api, after[key]) <= policies


def assert_released(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Of an application, only settings stay that cannot be told from what was there before."""
    for path in changed_paths(before, after) - KEPT_SETTINGS:
        if path == "grant_types":
            assert set(after[path]) - set(before[path]) <= {"authorization_code", "refresh_token"}
            assert set(before[path]) <= set(after[path])
        elif path == "callbacks":
            assert set(before[path]) <= set(after[path])
        else:
            raise AssertionError(f"{before['name']}: {path} was {before} and is {after}")


def assert_plans_creates_again(here: World, spec: dict[str, Any], before: Tenant) -> None:
    names = {client["name"] for client in before["clients"].values()}
    created = {f"application.{key}" for key, app in spec["applications"].items() if key.startswith("new-")}
    again = changes(here.plan(spec))
    assert {address for address in created if again.get(address) == "create"} == created
    assert names
