"""The public Python API does what the command line does, synchronously and asynchronously."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

import tokenvault
from tests.plan.tenants import client, edit
from tests.support import ROOT, WRITES, cli, served, write_spec
from tests.tenant.tenant import Tenant
from tests.world import World
from tokenvault import aio, api
from tokenvault.applier.events import Ended, Event, Reached, Started, Verified
from tokenvault.errors import RefusedError, SpecError

QUICKSTART = ROOT / "examples" / "quickstart.yaml"


def test_load_plan_apply_and_plan_again(tmp_path: Path) -> None:
    spec = tokenvault.load_spec(QUICKSTART)
    plan = tokenvault.make_plan(spec, sandbox=tmp_path / "t.db")
    assert not plan.is_empty
    report = tokenvault.apply(plan, sandbox=tmp_path / "t.db")
    assert report.succeeded
    assert tokenvault.make_plan(spec, sandbox=tmp_path / "t.db").is_empty
    assert cli("plan", QUICKSTART, "--sandbox=t.db", "--detailed-exitcode", cwd=tmp_path).code == 0


@pytest.mark.parametrize("prepared", ["fresh", "two steps", "destroy"])
def test_a_plan_applied_twice_writes_nothing_the_second_time(tmp_path: Path, prepared: str) -> None:
    spec = tokenvault.load_spec(_spec(tmp_path, 2 if prepared == "two steps" else 0))
    with served(tmp_path / "t.db") as host:
        where: aio.TenantArguments = {"environment": {"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"}}
        if prepared == "two steps":
            assert tokenvault.apply(tokenvault.make_plan(spec, **where), **where).succeeded
            _fill_pool(Tenant(host), tmp_path)
            spec = tokenvault.load_spec(_spec(tmp_path, 2, first=2))
        if prepared == "destroy":
            assert tokenvault.apply(tokenvault.make_plan(spec, **where), **where).succeeded
            plan = tokenvault.make_destroy_plan(spec, **where)
        else:
            plan = tokenvault.make_plan(spec, **where)
        assert plan.changes
        if prepared == "two steps":
            assert any(change.deferred and change.action.value == "update" for change in plan.changes)
        first = tokenvault.apply(plan, **where)
        assert first.succeeded, first.problems
        _forget(host)
        again = tokenvault.apply(plan, **where)
        assert again.succeeded, again.problems
        assert [entry for entry in _log(host) if entry["method"] in WRITES and "/api/v2/" in entry["path"]] == []
        assert {ended.note for ended in again.ended.values()} == {"it was so already"}


def test_a_token_without_the_scopes_is_refused_before_the_first_write(tmp_path: Path) -> None:
    with served(tmp_path / "t.db") as host:
        full = {"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"}
        plan = tokenvault.make_plan(tokenvault.load_spec(QUICKSTART), environment=full)
        reading = Tenant(host).token("read:clients", "read:connections", "read:resource_servers", "read:client_grants")
        _forget(host)
        with pytest.raises(RefusedError, match="lacks"):
            tokenvault.apply(plan, environment={**full, "AUTH0_API_TOKEN": reading})
        assert [entry for entry in _log(host) if entry["method"] in WRITES] == []


def test_more_deletions_than_allowed_are_refused(tmp_path: Path) -> None:
    spec, where = tokenvault.load_spec(QUICKSTART), tmp_path / "t.db"
    assert tokenvault.apply(tokenvault.make_plan(spec, sandbox=where), sandbox=where).succeeded
    with pytest.raises(RefusedError, match="would be deleted"):
        tokenvault.destroy(spec, sandbox=where, max_destroy=0)
    assert tokenvault.destroy(spec, sandbox=where).succeeded


def test_part_of_a_spec(tmp_path: Path) -> None:
    plan = tokenvault.make_plan(tokenvault.load_spec(QUICKSTART), sandbox=tmp_path / "t.db", targets=["api.*"])
    recorder = "application.calendar.api_client"  # in whose mark stands what the API is given
    assert {change.address for change in plan.changes if change.kind != "api"} == {recorder}
    assert any(change.kind == "api" for change in plan.changes)


def test_drift_and_diagnosis(tmp_path: Path) -> None:
    spec, state = tokenvault.load_spec(QUICKSTART), tmp_path / "t.db"
    assert tokenvault.apply(tokenvault.make_plan(spec, sandbox=state), sandbox=state).succeeded
    assert tokenvault.find_drift(spec, sandbox=state).is_empty
    assert tokenvault.diagnose(spec, sandbox=state)["ready"]
    edit(state, lambda objects: client(objects, "Acme Assistant").update(grant_types=[]))
    assert [c.address for c in tokenvault.find_drift(spec, sandbox=state).changes] == ["application.assistant"]
    assert not tokenvault.diagnose(spec, sandbox=state)["ready"]


def test_a_plan_is_saved_loaded_shown_and_applied(tmp_path: Path) -> None:
    plan = tokenvault.make_plan(tokenvault.load_spec(QUICKSTART), sandbox=tmp_path / "t.db")
    tokenvault.save_plan(plan, tmp_path / "plan.json")
    loaded = tokenvault.load_plan(tmp_path / "plan.json")
    assert tokenvault.show(loaded) == tokenvault.show(plan)
    assert "application.assistant will be created" in tokenvault.show(plan)
    assert tokenvault.apply(loaded, sandbox=tmp_path / "t.db").succeeded


def test_the_same_from_a_coroutine(tmp_path: Path) -> None:
    events: list[Event] = []

    async def all_of_it() -> None:
        spec = await aio.load_spec(QUICKSTART)
        one, two = tmp_path / "one.db", tmp_path / "two.db"
        plans = await asyncio.gather(aio.make_plan(spec, sandbox=one), aio.make_plan(spec, sandbox=two))
        await aio.save_plan(plans[0], tmp_path / "plan.json")
        loaded = await aio.load_plan(tmp_path / "plan.json")
        assert await aio.show(loaded) == await aio.show(plans[0])
        reports = await asyncio.gather(
            aio.apply(loaded, sandbox=one, on_event=events.append), aio.apply(plans[1], sandbox=two)
        )
        assert all(report.succeeded for report in reports)
        assert (await aio.find_drift(spec, sandbox=one)).is_empty
        assert (await aio.diagnose(spec, sandbox=one))["ready"]
        assert (await aio.make_plan(spec, sandbox=two)).is_empty
        assert (await aio.destroy(spec, sandbox=one)).succeeded
        assert not (await aio.make_plan(spec, sandbox=one)).is_empty

    asyncio.run(all_of_it())
    assert {type(event) for event in events} == {Started, Reached, Ended, Verified}


def test_inside_a_loop_the_synchronous_form_says_what_to_use(tmp_path: Path) -> None:
    async def blocked() -> None:
        tokenvault.load_spec(QUICKSTART)

    with pytest.raises(RuntimeError, match=r"tokenvault\.aio"):
        asyncio.run(blocked())


def test_both_forms_offer_the_same() -> None:
    public = [name for name in tokenvault.__all__ if name != "__version__"]
    for name in public:
        synchronous, asynchronous = getattr(api, name), getattr(aio, name)
        assert getattr(tokenvault, name) is synchronous
        assert inspect.iscoroutinefunction(asynchronous) and not inspect.iscoroutinefunction(synchronous)
        assert list(inspect.signature(synchronous).parameters) == [
            parameter for parameter in inspect.signature(asynchronous).parameters if parameter != "stop"
        ]


def test_credentials_come_from_the_environment_that_is_passed(tmp_path: Path) -> None:
    with served(tmp_path / "t.db") as host:
        environment = {"AUTH0_DOMAIN": host, "AUTH0_API_TOKEN": "sandbox"}
        plan = tokenvault.make_plan(tokenvault.load_spec(QUICKSTART), environment=environment)
        assert plan.tenant == host
        with pytest.raises(RefusedError):
            tokenvault.apply(plan, sandbox=tmp_path / "other.db")
        assert tokenvault.apply(plan, environment=environment).succeeded


def test_a_wrong_spec_raises_everything_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("version: 1\nname: x\nfoo: 1\nbar: 2\n")
    with pytest.raises(SpecError) as raised:
        tokenvault.load_spec(tmp_path / "s.yaml")
    assert [d.code for d in raised.value.diagnostics] == ["spec-unknown-key", "spec-unknown-key"]


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        _ = tokenvault.nothing  # type: ignore[attr-defined]


def _spec(folder: Path, keys: int, first: int = 0) -> Path:
    """The quickstart; or a worker with so many keys, so that another pair has no room beside them."""
    if not keys:
        return QUICKSTART
    names = ["one", "two", "three", "four"]
    for name in names:
        if not (folder / f"{name}.pub.pem").exists():
            World(folder, {"version": 1}).make_key(name)
    worker = {
        "public_keys": [{"file": f"{name}.pub.pem"} for name in names[first : first + keys]],
        "ip_allowlist": ["203.0.113.7"],
        "grants": {"google-oauth2": ["email"]},
    }
    return write_spec(
        folder,
        {
            "version": 1,
            "name": "rotating",
            "connections": {"google-oauth2": {}},
            "applications": {"job": {"type": "m2m", "flavors": [{"privileged_worker": worker}]}},
        },
    )


def _fill_pool(tenant: Tenant, folder: Path) -> None:
    """Somebody gives the worker keys of their own: with the spec's two, it has as many as Auth0 takes."""
    clients = tenant.api("GET", "clients?per_page=100")
    worker = next(client["client_id"] for client in clients if client["name"] == "job")
    for name in ("five", "six"):
        World(folder, {"version": 1}).make_key(name)
        pem = (folder / f"{name}.pub.pem").read_text()
        body = {"name": "by hand", "credential_type": "public_key", "pem": pem, "alg": "RS256"}
        tenant.api("POST", f"clients/{worker}/credentials", body)


def _forget(host: str) -> None:
    Tenant(host).forget_requests()


def _log(host: str) -> list[dict[str, Any]]:
    return Tenant(host).requests("")
