"""The operator as a process, a real API server, and the sandbox as the tenant."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.operator import cluster as lab
from tests.operator.cluster import INSTALL, Cluster, condition, running, until
from tests.operator.memory import CREDENTIALS, small_spec
from tests.tenant.tenant import Tenant

pytest.importorskip("kopf", reason="the extra `operator` is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(lab.missing()), reason=lab.missing() or "-"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        found.start()
        found.install(lab.manifests())
        found.put_secret("auth0", CREDENTIALS)
        yield found
    finally:
        found.stop()


@pytest.fixture(autouse=True)
def _no_objects(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[None]:
    yield
    for found in cluster.objects():
        name = found["metadata"]["name"]
        cluster.request(
            "PATCH",
            f"{cluster.objects_path}/{name}",
            {"metadata": {"finalizers": None}},
            "application/merge-patch+json",
        )
        cluster.delete(name)
    until(lambda: not cluster.objects(), "the objects are gone")


def is_ready(cluster: Cluster, name: str) -> bool:
    return condition(cluster.object(name))[0] == "True"


def ready(cluster: Cluster, name: str) -> float:
    return until(lambda: is_ready(cluster, name), f"{name} is Ready")


def writes(tenant: Tenant) -> list[dict[str, Any]]:
    return [request for request in tenant.requests("/api/v2/") if request["method"] != "GET"]


def clients(tenant: Tenant, name: str) -> list[dict[str, Any]]:
    return [client for client in tenant.api("GET", "clients") if client["name"] == name]


def version(cluster: Cluster, name: str) -> str:
    found = cluster.object(name)
    assert found
    return str(found["metadata"]["resourceVersion"])


def test_an_object_becomes_ready_and_an_edit_is_seen(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    spec = small_spec()
    with running(cluster, tmp_path):
        assert cluster.put("acme", tenant=tenant.domain, configuration=spec).status_code == 201
        ready(cluster, "acme")
        spec["applications"]["assistant"]["callbacks"] = ["https://new.example/callback"]
        cluster.put("acme", tenant=tenant.domain, configuration=spec)
        ready(cluster, "acme")
        assert clients(tenant, "acme assistant")[0]["callbacks"] == ["https://new.example/callback"]
        found = cluster.object("acme")
        assert found and "finalizers" not in found["metadata"] and "annotations" not in found["metadata"]
        managers = {one["manager"]: one.get("subresource") for one in found["metadata"]["managedFields"]}
        assert managers == {"test": None, "tokenvault-operator": "status"}
        until(lambda: "applied" in {event["reason"] for event in cluster.events()}, "an Event says so")


def test_the_api_server_refuses_what_contradicts_itself(cluster: Cluster, tenant: Tenant) -> None:
    spec, where = small_spec(), {"tenant": tenant.domain}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({**where}, "one of the two"),
        ({**where, "configuration": spec, "configMapRef": {"name": "x"}}, "one of the two"),
        ({**where, "configuration": {**spec, "version": 2}}, "version"),
        ({**where, "configuration": spec, "interval": "soon"}, "interval"),
        ({**where, "configuration": spec, "interval": "0s"}, "at least 1s"),
        ({**where, "configuration": spec, "mode": "Observe", "deletionPolicy": "Destroy"}, "needs mode Apply"),
        ({**where, "configuration": spec, "outputSecretRef": {"name": "auth0"}}, "would overwrite"),
        ({**where, "configuration": spec, "variablesFrom": [{}]}, "one Secret or one ConfigMap"),
        ({**where, "configuration": spec, "approvedPlan": "yes"}, "approvedPlan"),
        ({**where, "configuration": spec, "maxDestroy": -1}, "maxDestroy"),
        ({"tenant": "a b", "configuration": spec}, "tenant"),
    ]
    for given, reason in wrong:
        answer = cluster.put("wrong", **given)
        assert answer.status_code == 422 and reason in answer.text, (given, answer.text)


def test_what_the_definition_does_not_know_reaches_the_operator(
    cluster: Cluster, tenant: Tenant, tmp_path: Path
) -> None:
    """An unknown key is told, not dropped on the way: it may be a misspelt `protect`."""
    spec = small_spec()
    spec["applications"]["assistant"]["protekt"] = True
    with running(cluster, tmp_path):
        cluster.put("acme", tenant=tenant.domain, configuration=spec)
        until(lambda: condition(cluster.object("acme"), "Stalled")[0] == "True", "the spec is refused")
        assert "protekt" in condition(cluster.object("acme"))[2]
        assert writes(tenant) == []


def test_drift_is_undone_or_told(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    with running(cluster, tmp_path):
        for choice in ("Correct", "Report"):
            name = choice.lower()
            cluster.put(name, tenant=tenant.domain, configuration=small_spec(name), onDrift=choice, interval="2s")
            ready(cluster, name)
        for name in ("correct", "report"):
            client = clients(tenant, f"{name} assistant")[0]
            tenant.api("PATCH", f"clients/{client['client_id']}", {"callbacks": []})
        until(lambda: clients(tenant, "correct assistant")[0]["callbacks"], "the drift is undone")
        until(lambda: condition(cluster.object("report"), "Drifted")[0] == "True", "the drift is told")
        assert clients(tenant, "report assistant")[0]["callbacks"] == []


def test_a_restart_writes_nothing(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    names = [f"still-{number}" for number in range(5)]
    with running(cluster, tmp_path):
        for name in names:
            cluster.put(name, tenant=tenant.domain, configuration=small_spec(name), interval="3s")
        for name in names:
            ready(cluster, name)
    before = {name: version(cluster, name) for name in names}
    tenant.forget_requests()
    with running(cluster, tmp_path, "two") as operator:
        done = 'tokenvault_operator_reconciliations_total{reason="in-sync"}'
        until(lambda: _metric(operator, done) >= len(names), "all were looked at")
    assert writes(tenant) == []
    assert {name: version(cluster, name) for name in names} == before


def _metric(operator: lab.Process, name: str) -> float:
    answer = operator.ask("/metrics")
    lines = answer.text.splitlines() if answer else []
    return float(next((line.rsplit(" ", 1)[1] for line in lines if line.startswith(name)), "0"))


def test_of_two_replicas_one_works_and_the_other_takes_over(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    with running(cluster, tmp_path, "one") as one:
        until(lambda: _metric(one, "tokenvault_operator_leader") == 1, "the first works")
        with running(cluster, tmp_path, "two") as two:
            until(lambda: two.ask("/readyz") is not None, "the second listens")
            for number in range(3):
                cluster.put(
                    f"both-{number}", tenant=tenant.domain, configuration=small_spec(f"both-{number}"), interval="2s"
                )
            for number in range(3):
                ready(cluster, f"both-{number}")
                assert len(clients(tenant, f"both-{number} assistant")) == 1
            posts = [request["path"] for request in writes(tenant) if request["method"] == "POST"]
            assert len([path for path in posts if path.endswith("/clients")]) == 3
            assert _metric(two, "tokenvault_operator_leader") == 0
            one.kill()
            cluster.put("late", tenant=tenant.domain, configuration=small_spec("late"))
            ready(cluster, "late")
            assert _metric(two, "tokenvault_operator_leader") == 1


def test_a_plan_waits_for_the_approval_of_its_hash(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    where: dict[str, Any] = {"tenant": tenant.domain, "configuration": small_spec(), "mode": "Approve"}
    with running(cluster, tmp_path):
        cluster.put("acme", **where)
        until(lambda: condition(cluster.object("acme"))[1] == "approval-needed", "it waits")
        cluster.put("acme", **where, approvedPlan="sha256:" + "0" * 64)
        until(lambda: condition(cluster.object("acme"))[1] == "approval-outdated", "it is refused")
        assert writes(tenant) == []
        found = cluster.object("acme")
        assert found
        cluster.put("acme", **where, approvedPlan=found["status"]["plan"]["hash"])
        ready(cluster, "acme")


def test_destroy_retain_and_a_tenant_that_is_away(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    before = {client["client_id"] for client in tenant.api("GET", "clients")}
    with running(cluster, tmp_path):
        for name, policy in (("gone", "Destroy"), ("kept", "Retain"), ("stuck", "Destroy")):
            cluster.put(name, tenant=tenant.domain, configuration=small_spec(name), deletionPolicy=policy)
            ready(cluster, name)
        cluster.delete("kept")
        until(lambda: cluster.object("kept") is None, "the object is gone")
        cluster.delete("gone")
        until(lambda: cluster.object("gone") is None, "the object is gone")
        left = {client["name"] for client in tenant.api("GET", "clients") if client["client_id"] not in before}
        assert left == {"kept assistant", "stuck assistant"}
        tenant.faults({"fault": 503, "times": None})
        cluster.delete("stuck")
        until(lambda: condition(cluster.object("stuck"))[1].startswith("api-"), "the reason is told")
        assert "tokenvault.dev/release" in condition(cluster.object("stuck"))[2]
        cluster.annotate("stuck", **{"tokenvault.dev__release": "true"})
        until(lambda: cluster.object("stuck") is None, "it is released")


def test_no_planted_secret_is_anywhere(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    spec = small_spec()
    spec["connections"]["crm"] = {
        "strategy": "oauth2",
        "credentials": {"client_id": "crm", "client_secret": "${env:CRM_SECRET}"},
        "options": {"authorizationURL": "https://crm.example/a", "tokenURL": "https://crm.example/t"},
    }
    spec["applications"]["assistant"]["connections"] = ["github", "crm"]
    planted = {"CRM_SECRET": "canary-crm-secret", "OTHER": "canary-other-secret"}
    cluster.put_secret("crm", planted)
    where: dict[str, Any] = {
        "tenant": tenant.domain,
        "variablesFrom": [{"secretRef": {"name": "crm"}}],
        "interval": "2s",
    }
    with running(cluster, tmp_path) as operator:
        cluster.put("acme", **where, configuration=spec)
        ready(cluster, "acme")
        cluster.put("shows", **where, configuration=small_spec("shows", variables=["OTHER"], tenant="${env:OTHER}"))
        until(lambda: condition(cluster.object("shows"))[0] == "False", "it is refused")
        tenant.faults({"fault": 401, "times": None})
        until(lambda: condition(cluster.object("acme"))[0] == "False", "the credentials are refused")
        tenant.faults()
        metrics = operator.ask("/metrics")
        texts = [json.dumps(cluster.objects()), json.dumps(cluster.events()), metrics.text if metrics else ""]
    texts.append(operator.log.read_text())
    values = [*planted.values(), CREDENTIALS["AUTH0_CLIENT_SECRET"]]
    for value in [*values, *(base64.b64encode(value.encode()).decode() for value in values)]:
        for text in texts:
            assert value not in text


def test_ids_and_secrets_are_written_once_the_operator_may(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    """As installed it may write no Secret, and says so; with the component of the guide it may."""
    cluster.put(
        "acme", tenant=tenant.domain, configuration=small_spec(), outputSecretRef={"name": "out"}, interval="2s"
    )
    component = yaml.safe_load((INSTALL.parent / "outputs" / "kustomization.yaml").read_text())
    (rule,) = yaml.safe_load(component["patches"][0]["patch"])
    (role,) = (item for item in lab.manifests() if item["kind"] == component["patches"][0]["target"]["kind"])
    with running(cluster, tmp_path) as operator:
        until(lambda: "secret" in condition(cluster.object("acme"))[2].lower(), "it may write no Secret")
        cluster.install([{**role, "rules": [*role["rules"], rule["value"]]}])
        ready(cluster, "acme")
        data = cluster.get(f"/api/v1/namespaces/{lab.NAMESPACE}/secrets/out")["data"]
        (client,) = clients(tenant, "acme assistant")
        assert base64.b64decode(data["ASSISTANT_CLIENT_ID"]).decode() == client["client_id"]
        secret = base64.b64decode(data["ASSISTANT_CLIENT_SECRET"]).decode()
        assert secret == client["client_secret"] and secret not in operator.log.read_text()
        assert secret not in json.dumps(cluster.objects()) + json.dumps(cluster.events())
    cluster.install([role])


def test_what_is_killed_at_random_converges(cluster: Cluster, tenant: Tenant, tmp_path: Path) -> None:
    """The operator and the API server, killed while objects are applied: all Ready in the end, and nothing twice."""
    names = [f"kill-{number}" for number in range(4)]
    for name in names:
        cluster.put(name, tenant=tenant.domain, configuration=small_spec(name), interval="2s")
    operator = lab.Process(cluster, "one", tmp_path / "operator.log")
    try:
        for seen in range(4):
            operator.start()
            until(
                lambda seen=seen: len(writes(tenant)) > 3 * seen or all(is_ready(cluster, n) for n in names),
                "work goes on",
            )
            operator.kill()
        operator.start()
        cluster.kill_server()
        cluster.start_server()
        for name in names:
            ready(cluster, name)
            assert len(clients(tenant, f"{name} assistant")) == 1
        cluster.put("late", tenant=tenant.domain, configuration=small_spec("late"))
        ready(cluster, "late")
    finally:
        operator.kill()


def test_a_kubelet_is_told_that_the_watch_lives(cluster: Cluster, tmp_path: Path) -> None:
    with running(cluster, tmp_path) as operator:
        until(lambda: _code(operator, "/readyz") == 200, "it is ready")
        assert _code(operator, "/healthz") == 200
        assert _metric(operator, "tokenvault_operator_watch_age_seconds") < 60


def _code(operator: lab.Process, path: str) -> int:
    answer = operator.ask(path)
    return answer.status_code if answer else 0


def test_an_operator_that_comes_before_its_api_server_waits_for_it(
    cluster: Cluster, tenant: Tenant, tmp_path: Path
) -> None:
    cluster.put("early", tenant=tenant.domain, configuration=small_spec("early"))
    cluster.kill_server()
    with running(cluster, tmp_path) as operator:
        until(lambda: "the API server is waited for" in operator.log.read_text(), "it waits")
        cluster.start_server()
        ready(cluster, "early")
