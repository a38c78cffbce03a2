"""What one object comes to, edit by edit, on the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operator.memory import CREDENTIALS, NAMESPACE, Memory, Operator, small_spec
from tests.tenant.tenant import Tenant
from tokenvault.operator.resource import FINALIZER, RELEASE, Key
from tokenvault.operator.status import Next


def writes(tenant: Tenant) -> int:
    """How many requests changed the tenant since they were last forgotten."""
    return sum(request["method"] != "GET" for request in tenant.requests("/api/v2/"))


def clients(tenant: Tenant, name: str) -> list[dict[str, Any]]:
    return [client for client in tenant.api("GET", "clients") if client["name"] == name]


def test_an_object_is_applied_and_then_left_alone(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec())
    operator.reconcile(key)
    assert operator.condition(key)[:2] == ("True", "in-sync")
    assert len(clients(tenant, "acme assistant")) == 1
    assert operator.status(key)["observedGeneration"] == 1
    assert operator.status(key)["lastApplied"]["counts"]["create"] >= 1
    assert [event[2] for event in cluster.events] == ["operator-applying", "applied", "in-sync"]
    tenant.forget_requests()
    told = cluster.status_writes
    operator.restart()
    outcome = operator.reconcile(key)
    assert (cluster.status_writes, writes(tenant)) == (told, 0)
    assert (outcome.reason, outcome.next) == ("in-sync", Next.INTERVAL)


def test_observe_writes_nothing_and_shows_the_plan(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec(), mode=None)
    operator.reconcile(key)
    assert writes(tenant) == 0
    assert operator.condition(key)[:2] == ("False", "changes-pending")
    plan = operator.status(key)["plan"]
    assert plan["hash"].startswith("sha256:") and plan["counts"]["create"] >= 1
    assert "application.assistant will be created" in plan["summary"]


def test_a_plan_is_applied_once_its_hash_is_approved(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec(), mode="Approve")
    operator.reconcile(key)
    assert operator.condition(key)[1] == "approval-needed"
    digest = operator.status(key)["plan"]["hash"]
    cluster.put(approvedPlan="sha256:" + "0" * 64)
    operator.reconcile(key)
    assert (operator.condition(key)[1], writes(tenant)) == ("approval-outdated", 0)
    assert operator.status(key)["plan"]["hash"] == digest
    cluster.put(approvedPlan=digest)
    operator.reconcile(key)
    assert operator.condition(key)[:2] == ("True", "in-sync")
    assert operator.status(key)["lastApplied"]["hash"] == digest


def test_an_approval_does_not_outlive_a_change_of_the_tenant(
    operator: Operator, cluster: Memory, tenant: Tenant
) -> None:
    spec = small_spec()
    key = cluster.put(tenant=tenant.domain, configuration=spec)
    operator.reconcile(key)
    spec["applications"]["assistant"]["callbacks"] = ["https://other.example/callback"]
    cluster.put(configuration=spec, mode="Approve", onDrift="Correct")
    operator.reconcile(key)
    digest = operator.status(key)["plan"]["hash"]
    client = clients(tenant, "acme assistant")[0]
    tenant.api("PATCH", f"clients/{client['client_id']}", {"callbacks": ["https://attacker.example"]})
    tenant.forget_requests()
    cluster.put(approvedPlan=digest)
    operator.reconcile(key)
    assert (operator.condition(key)[1], writes(tenant)) == ("approval-outdated", 0)


def test_an_approval_does_not_outlive_a_change_of_a_secret(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    crm = {
        "strategy": "oauth2",
        "credentials": {"client_id": "crm", "client_secret": "${env:CRM_SECRET}"},
        "options": {"authorizationURL": "https://crm.example/a", "tokenURL": "https://crm.example/t"},
    }
    spec = small_spec()
    spec["connections"]["crm"] = crm
    cluster.put_secret("crm", CRM_SECRET="canary-one")
    key = cluster.put(
        tenant=tenant.domain, configuration=spec, mode="Approve", variablesFrom=[{"secretRef": {"name": "crm"}}]
    )
    operator.reconcile(key)
    digest = operator.status(key)["plan"]["hash"]
    cluster.put_secret("crm", CRM_SECRET="canary-two")
    cluster.put(approvedPlan=digest)
    operator.reconcile(key)
    assert (operator.condition(key)[1], writes(tenant)) == ("approval-outdated", 0)
    cluster.put_secret("crm", CRM_SECRET="canary-one")
    operator.restart()
    operator.reconcile(key)
    assert operator.condition(key)[:2] == ("True", "in-sync")
    assert "canary" not in str(cluster.bodies) + str(cluster.events)


@pytest.mark.parametrize("choice", ["Report", "Correct"])
def test_drift_is_told_or_undone(operator: Operator, cluster: Memory, tenant: Tenant, choice: str) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec(), onDrift=choice)
    operator.reconcile(key)
    client = clients(tenant, "acme assistant")[0]
    tenant.api("PATCH", f"clients/{client['client_id']}", {"callbacks": []})
    tenant.forget_requests()
    operator.reconcile(key)
    callbacks = clients(tenant, "acme assistant")[0]["callbacks"]
    if choice == "Correct":
        assert operator.condition(key)[:2] == ("True", "in-sync")
        assert callbacks == ["https://acme.example/callback"]
        return
    assert (callbacks, writes(tenant)) == ([], 0)
    assert operator.condition(key, "Drifted")[:2] == ("True", "drift-found")
    assert "application.assistant" in operator.condition(key, "Drifted")[2]
    told = cluster.status_writes
    operator.reconcile(key)
    assert cluster.status_writes == told


def test_an_edit_is_applied_around_what_drifted(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    """Report means that nothing of what others changed is written, whatever else there is to do."""
    spec = small_spec()
    key = cluster.put(tenant=tenant.domain, configuration=spec)
    operator.reconcile(key)
    client = clients(tenant, "acme assistant")[0]
    tenant.api("PATCH", f"clients/{client['client_id']}", {"callbacks": []})
    spec["applications"]["second"] = {**spec["applications"]["assistant"], "name": "acme second"}
    cluster.put(configuration=spec)
    operator.reconcile(key)
    assert clients(tenant, "acme assistant")[0]["callbacks"] == []
    assert len(clients(tenant, "acme second")) == 1
    assert operator.condition(key)[:2] == ("False", "drift-reported")


def test_a_suspended_object_asks_nothing_of_its_tenant(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec(), suspend=True)
    tenant.forget_requests()
    assert operator.reconcile(key).next is Next.NEVER
    assert tenant.requests("/") == []
    assert operator.condition(key, "Suspended")[0] == "True"
    assert operator.status(key)["observedGeneration"] == 1
    cluster.put(suspend=False)
    operator.reconcile(key)
    assert operator.condition(key)[0] == "True"
    assert operator.condition(key, "Suspended")[0] == "False"


def test_an_invalid_spec_names_what_is_wrong_and_reaches_no_tenant(
    operator: Operator, cluster: Memory, tenant: Tenant
) -> None:
    spec = small_spec()
    spec["applications"]["assistant"]["connections"] = ["githug"]
    key = cluster.put(tenant=tenant.domain, configuration=spec)
    tenant.forget_requests()
    operator.reconcile(key)
    assert tenant.requests("/") == []
    status, reason, message = operator.condition(key, "Stalled")
    assert (status, reason) == ("True", "spec-unknown-connection")
    assert 'Did you mean "github"?' in message and "/tmp" not in message
    told = cluster.status_writes
    operator.reconcile(key)
    assert cluster.status_writes == told


def test_two_objects_that_claim_the_same_are_refused_with_both_named(
    operator: Operator, cluster: Memory, tenant: Tenant
) -> None:
    first = cluster.put("first", tenant=tenant.domain, configuration=small_spec())
    second = cluster.put("second", tenant=tenant.domain, configuration=small_spec())
    for key in (first, second):
        operator.reconcile(key)
        assert operator.condition(key, "Stalled")[:2] == ("True", "operator-claimed-twice")
        assert f"{NAMESPACE}/first and {NAMESPACE}/second both claim" in operator.condition(key)[2]
    assert writes(tenant) == 0
    cluster.put("second", mode="Observe")
    operator.reconcile(first)
    assert operator.condition(first)[0] == "True"


def test_what_a_secret_gives_may_not_be_shown(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    cluster.put_secret("app", APP_HOST="canary.example")
    spec = small_spec(variables=["APP_HOST"])
    spec["applications"]["assistant"]["callbacks"] = ["https://${env:APP_HOST}/callback"]
    key = cluster.put(tenant=tenant.domain, configuration=spec, variablesFrom=[{"secretRef": {"name": "app"}}])
    operator.reconcile(key)
    assert operator.condition(key)[:2] == ("False", "spec-secret-in-clear")
    assert "canary" not in str(cluster.bodies[key]["status"]) + str(cluster.events)
    cluster.put_config_map("app", {"APP_HOST": "app.example"})
    cluster.put(variablesFrom=[{"configMapRef": {"name": "app"}}])
    operator.reconcile(key)
    assert clients(tenant, "acme assistant")[0]["callbacks"] == ["https://app.example/callback"]


def test_a_spec_may_come_from_a_config_map_with_its_files(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    text = "version: 1\nname: acme\nconnections: {github: {}}\napplications:\n  web:\n    type: regular_web\n    flavors: []\n"
    cluster.put_config_map("spec", {"tokenvault.yaml": text})
    key = cluster.put(tenant=tenant.domain, configMapRef={"name": "spec"})
    operator.reconcile(key)
    assert operator.condition(key)[0] == "False"
    assert "tokenvault.yaml:" in operator.condition(key)[2]
    cluster.put_config_map("spec", {"tokenvault.yaml": text.replace("[]", "[connected_accounts]")})
    operator.reconcile(key)
    assert operator.condition(key)[0] == "True"


@pytest.mark.parametrize("missing", ["credentials", "variables", "spec"])
def test_what_is_missing_is_named_and_looked_for_again(
    operator: Operator, cluster: Memory, tenant: Tenant, missing: str
) -> None:
    where: dict[str, Any] = {"tenant": tenant.domain, "configuration": small_spec()}
    match missing:
        case "credentials":
            where["credentialsSecretRef"] = {"name": "absent"}
        case "variables":
            where["variablesFrom"] = [{"configMapRef": {"name": "absent"}}]
        case "spec":
            where |= {"configuration": None, "configMapRef": {"name": "absent"}}
    key = cluster.put(**where)
    assert operator.reconcile(key).next is Next.BACKOFF
    assert operator.condition(key)[1] == "operator-reference"
    assert "absent" in operator.condition(key)[2]


def test_credentials_come_from_the_object_s_own_secret_alone(
    operator: Operator, cluster: Memory, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    cluster.put_secret("auth0", AUTH0_CLIENT_ID="half-of-it")
    key = cluster.put(tenant=tenant.domain, configuration=small_spec())
    tenant.forget_requests()
    operator.reconcile(key)
    assert operator.condition(key)[1] == "operator-credentials"
    cluster.put_secret("auth0", AUTH0_CLIENT_ID="id", AUTH0_CLIENT_ASSERTION_PRIVATE_KEY="/etc/passwd")
    operator.reconcile(key)
    assert operator.condition(key)[1] == "operator-credentials"
    cluster.put_secret("auth0", AUTH0_DOMAIN="other.us.auth0.com", **CREDENTIALS)
    operator.reconcile(key)
    assert operator.condition(key)[1] == "tenant-guard"
    assert tenant.requests("/") == []


def test_more_deletions_than_allowed_are_refused(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    spec = small_spec()
    spec["applications"]["second"] = {**spec["applications"]["assistant"], "name": "acme second"}
    key = cluster.put(tenant=tenant.domain, configuration=spec, prune=True)
    operator.reconcile(key)
    del spec["applications"]["second"]
    cluster.put(configuration=spec)
    tenant.forget_requests()
    operator.reconcile(key)
    assert (operator.condition(key)[1], writes(tenant)) == ("plan-max-destroy", 0)
    cluster.put(maxDestroy=5)
    operator.reconcile(key)
    assert operator.condition(key)[0] == "True"
    assert clients(tenant, "acme second") == []


def test_retain_leaves_the_tenant_and_needs_no_finalizer(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec())
    operator.reconcile(key)
    assert not cluster.bodies[key]["metadata"].get("finalizers")
    cluster.delete(key)
    assert key not in cluster.bodies
    assert len(clients(tenant, "acme assistant")) == 1


def test_destroy_takes_away_what_is_owned_and_nothing_else(operator: Operator, cluster: Memory, tenant: Tenant) -> None:
    before = {client["client_id"] for client in tenant.api("GET", "clients")}
    key = cluster.put(tenant=tenant.domain, configuration=small_spec(), deletionPolicy="Destroy")
    operator.reconcile(key)
    assert cluster.bodies[key]["metadata"]["finalizers"] == [FINALIZER]
    cluster.delete(key)
    operator.reconcile(key)
    assert key not in cluster.bodies
    assert {client["client_id"] for client in tenant.api("GET", "clients")} == before


def test_an_object_whose_tenant_cannot_be_reached_waits_until_it_is_released(
    operator: Operator, cluster: Memory, tenant: Tenant
) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec(), deletionPolicy="Destroy")
    operator.reconcile(key)
    tenant.faults({"fault": 503, "times": None})
    cluster.delete(key)
    outcome = operator.reconcile(key)
    assert (outcome.next, outcome.failed) == (Next.BACKOFF, True)
    assert operator.condition(key)[1].startswith("api-") and RELEASE in operator.condition(key)[2]
    cluster.put(annotations={RELEASE: "true"})
    operator.reconcile(key)
    assert key not in cluster.bodies


def test_the_finalizer_goes_when_the_policy_no_longer_asks_for_it(
    operator: Operator, cluster: Memory, tenant: Tenant
) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec(), deletionPolicy="Destroy")
    operator.reconcile(key)
    cluster.put(deletionPolicy="Retain")
    operator.reconcile(key)
    assert cluster.bodies[key]["metadata"]["finalizers"] == []


def test_a_tenant_in_trouble_is_tried_again_and_nothing_is_told_twice(
    operator: Operator, cluster: Memory, tenant: Tenant
) -> None:
    key = cluster.put(tenant=tenant.domain, configuration=small_spec())
    tenant.faults({"fault": 503, "times": None})
    assert operator.reconcile(key).next is Next.BACKOFF
    assert operator.condition(key)[:2] == ("False", "api-unavailable")
    assert operator.condition(key, "Stalled")[0] == "False"
    told = cluster.status_writes
    operator.reconcile(key)
    assert cluster.status_writes == told
    tenant.faults()
    operator.reconcile(key)
    assert operator.condition(key)[0] == "True"
    assert [event[2] for event in cluster.events].count("api-unavailable") == 1


def test_the_application_s_ids_and_secrets_go_into_a_secret_of_their_own(
    operator: Operator, cluster: Memory, tenant: Tenant
) -> None:
    import base64

    key = cluster.put(tenant=tenant.domain, configuration=small_spec(), outputSecretRef={"name": "out"})
    operator.reconcile(key)
    written = cluster.secrets[Key(NAMESPACE, "out")]["data"]
    client = clients(tenant, "acme assistant")[0]
    assert {name: base64.b64decode(value).decode() for name, value in written.items()} == {
        "AUTH0_DOMAIN": tenant.domain,
        "ASSISTANT_CLIENT_ID": client["client_id"],
        "ASSISTANT_CLIENT_SECRET": client["client_secret"],
    }
    assert client["client_secret"] not in str(cluster.bodies) + str(cluster.events)
    cluster.put_secret("mine", PASSWORD="x")
    cluster.put(outputSecretRef={"name": "mine"})
    operator.reconcile(key)
    assert operator.condition(key)[1] == "operator-output"
    assert cluster.secrets[Key(NAMESPACE, "mine")]["data"].keys() == {"PASSWORD"}


def test_an_apply_that_was_cut_short_is_finished_and_not_taken_for_drift(
    operator: Operator, cluster: Memory, tenant: Tenant
) -> None:
    """Marks are written ahead of what they promise: after a crash, what is missing looks as if others had taken it away."""
    key = cluster.put(tenant=tenant.domain, configuration=small_spec())
    tenant.faults({"fault": 503, "method": "PATCH", "path": "*/connections/*/clients", "times": None})
    operator.reconcile(key)
    assert operator.condition(key)[0] == "False"
    tenant.faults()
    operator.restart()
    operator.reconcile(key)
    assert operator.condition(key)[:2] == ("True", "in-sync")
    assert operator.condition(key, "Drifted")[0] == "False"
    assert "applying" not in operator.status(key)
    operator.reconcile(key)
    assert operator.condition(key)[:2] == ("True", "in-sync")
