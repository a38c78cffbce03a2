"""Somebody changes the tenant between plan and apply: that object is left alone, with what differs; the rest goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.plan.gallery import CASES, GOLDEN
from tests.plan.tenants import Edit, client, connection, edit, grant_of, remove, run
from tests.support import tenant
from tokenvault.kinds import kinds
from tokenvault.plan.model import Action

Objects = dict[str, Any]
SPEC = "mfa_policy: set_never\n"


def api(objects: Objects, name: str) -> dict[str, Any]:
    """The API of this name."""
    return next(item for item in objects["resource_servers"].values() if item["name"] == name)


def _enabled(objects: Objects, name: str, app: str) -> dict[str, Any]:
    return {"connection_id": connection(objects, name)["id"], "client_id": client(objects, app)["client_id"]}


def disable(objects: Objects, name: str, app: str) -> None:
    """Takes a connection from an application."""
    pair = _enabled(objects, name, app)
    remove(objects["enablements"], next(item for item in objects["enablements"].values() if item == pair))


def enable(objects: Objects, name: str, app: str) -> None:
    """Gives an application a place among those of a connection."""
    pair = _enabled(objects, name, app)
    objects["enablements"]["{connection_id}/{client_id}".format(**pair)] = pair


def disturb(objects: Objects) -> None:
    """Before the plan: something of every kind that can be updated is not as the spec says."""
    client(objects, "Acme Assistant")["callbacks"] = []
    connection(objects, "google-oauth2")["connected_accounts"]["active"] = False
    api(objects, "Calendar API")["scopes"] = []
    api(objects, "Auth0 My Account API")["skip_consent_for_verifiable_first_party_clients"] = False
    spa = client(objects, "Acme Calendar")["client_id"]
    grant_of(objects, spa, "calendar.acme.example")["scope"] = []
    disable(objects, "google-oauth2", "nightly-sync")
    objects["tenant"]["policies"] = {"policies": ["all-applications"]}


def _application(objects: Objects) -> None:
    client(objects, "Acme Assistant")["callbacks"] = ["https://by.hand.example"]


def _connection(objects: Objects) -> None:
    connection(objects, "google-oauth2")["options"]["offline_access"] = False


def _api(objects: Objects) -> None:
    api(objects, "Calendar API")["scopes"] = [{"value": "read:calendar", "description": "By hand"}]


def _my_account(objects: Objects) -> None:
    api(objects, "Auth0 My Account API")["subject_type_authorization"]["user"]["policy"] = "deny_all"


def _grant(objects: Objects) -> None:
    spa = client(objects, "Acme Calendar")["client_id"]
    grant_of(objects, spa, "calendar.acme.example")["scope"] = ["delete:calendar"]


def _enablement(objects: Objects) -> None:
    disable(objects, "google-oauth2", "Storefront")


def _mfa(objects: Objects) -> None:
    objects["tenant"]["policies"] = {"policies": ["all-applications", "confidence-score"]}


EDITED: dict[str, tuple[str, Edit]] = {
    "application": ("application.assistant", _application),
    "connection": ("connection.google-oauth2", _connection),
    "api": ("api.calendar", _api),
    "my_account_api": ("my_account_api", _my_account),
    "client_grant": ("client_grant.calendar-spa.calendar", _grant),
    "connection_clients": ("connection_clients.google-oauth2", _enablement),
    "mfa_policy": ("mfa_policy", _mfa),
}
NEED = {"api": {"client_grant.calendar-spa.calendar"}}
NEVER_UPDATED = {"credential", "custom_domain", "tenant_settings"}
MEMBERWISE = {"connection_clients"}


def outcomes(folder: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """How each change of the saved plan ended, and the problems."""
    applied = run(folder, "apply", "plan.json", "--json")
    ended = [line for line in map(json.loads, applied.out.splitlines()) if line["type"] == "ended"]
    assert applied.code == (0 if all(line["outcome"] == "done" for line in ended) else 1)
    problems = [line["diagnostic"] for line in ended if line["diagnostic"] and line["outcome"] == "failed"]
    return {line["address"]: line["outcome"] for line in ended}, problems


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with an update of every kind that knows updates."""
    folder = tmp_path_factory.mktemp("disturbed")
    CASES["empty"].prepare("empty", folder)
    (folder / "spec.yaml").write_text((GOLDEN / "empty" / "spec.yaml").read_text() + SPEC)
    edit(folder / "tenant.db", disturb)
    assert run(folder, "plan", "spec.yaml", "--out", "plan.json").code == 0
    return folder


@pytest.fixture
def folder(disturbed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(disturbed, tmp_path / "work"))


def test_every_kind_is_edited_here(disturbed: Path) -> None:
    updated = {
        c["kind"] for c in json.loads((disturbed / "plan.json").read_text())["changes"] if c["action"] == "update"
    }
    assert set(EDITED) == set(kinds()) - NEVER_UPDATED, (
        "give a new kind an edit by hand in EDITED, and SPEC an update of it"
    )
    assert updated == set(EDITED), "SPEC and `disturb` have to lead to an update of each kind in EDITED"


def test_who_else_may_use_a_connection_does_not_matter_to_a_change_of_members(folder: Path) -> None:
    edit(folder / "tenant.db", _enablement)
    ended, problems = outcomes(folder)
    assert (set(ended.values()), problems) == ({"done"}, [])
    assert run(folder, "plan", "spec.yaml", "--format", "json").json["changes"] == []


@pytest.mark.parametrize("kind", sorted(set(EDITED) - MEMBERWISE))
def test_an_edit_by_hand_is_caught_and_the_rest_goes_on(kind: str, folder: Path) -> None:
    address, by_hand = EDITED[kind]
    edit(folder / "tenant.db", by_hand)
    held = tenant(folder / "tenant.db")
    ended, problems = outcomes(folder)
    assert [a for a, outcome in ended.items() if outcome == "failed"] == [address]
    assert {a for a, outcome in ended.items() if outcome == "skipped"} == NEED.get(kind, set())
    assert [problem["code"] for problem in problems] == ["apply-stale"]
    assert address in problems[0]["summary"]
    assert " is now " in problems[0]["detail"]
    assert tenant(folder / "tenant.db") != held, "the rest did not go on"
    again = run(folder, "plan", "spec.yaml", "--format", "json").json
    assert address in {change["address"] for change in again["changes"]}


@pytest.mark.parametrize("kind", EDITED)
def test_what_somebody_brought_about_by_hand_is_done(kind: str, folder: Path) -> None:
    """The object is not as the plan found it, but as the plan wants it: an interrupted run looks the same."""
    address, _ = EDITED[kind]
    assert run(folder, "plan", "spec.yaml", "--target", address, "--out", "one.json").code == 0
    assert run(folder, "apply", "one.json").code == 0
    ended, problems = outcomes(folder)
    assert (set(ended.values()), problems) == ({"done"}, [])


DELETED: dict[str, Callable[[Objects], None]] = {
    "application.assistant": lambda o: remove(o["clients"], client(o, "Acme Assistant")),
    "connection.google-oauth2": lambda o: remove(o["connections"], connection(o, "google-oauth2")),
    "api.calendar": lambda o: remove(o["resource_servers"], api(o, "Calendar API")),
    "my_account_api": lambda o: remove(o["resource_servers"], api(o, "Auth0 My Account API")),
    "client_grant.calendar-spa.calendar": lambda o: remove(
        o["client_grants"], grant_of(o, client(o, "Acme Calendar")["client_id"], "calendar.acme.example")
    ),
}


@pytest.mark.parametrize("address", DELETED)
def test_an_object_that_was_deleted_is_told(address: str, folder: Path) -> None:
    edit(folder / "tenant.db", DELETED[address])
    _, problems = outcomes(folder)
    assert f"{address} was deleted since the plan" in [problem["summary"] for problem in problems]


def test_what_a_plan_creates_may_exist_by_now_and_differ(tmp_path: Path) -> None:
    """Every kind that is created: made by somebody else meanwhile, each a little different from what the plan wants."""
    CASES["create-everything"].prepare("create-everything", tmp_path)
    run(tmp_path, "plan", "spec.yaml", "--out", "plan.json")
    assert run(tmp_path, "apply", "spec.yaml", "-y").code == 0
    edit(tmp_path / "tenant.db", _different)
    ended, problems = outcomes(tmp_path)
    created = {c["address"] for c in _changes(tmp_path) if c["action"] == Action.CREATE.value}
    stale = {problem["context"] for problem in problems}
    assert stale == {
        "application.assistant",
        "application.calendar.api_client",
        "connection.acme-crm",
        "api.calendar",
        "my_account_api",
        "client_grant.calendar-spa.calendar",
    }
    assert stale < created
    assert all("created by somebody else since the plan" in problem["summary"] for problem in problems)
    assert ended["credential.nightly-sync.RIdiDoPTRMkA-kWoN5OFQ8FdmCsxZSvDIQxJ6IinMDM"] == "done"


def _changes(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "plan.json").read_text())["changes"]
    return found


def _different(objects: Objects) -> None:
    _application(objects)
    client(objects, "Calendar API (Token Vault)")["grant_types"] = []
    connection(objects, "acme-crm")["options"]["tokenURL"] = "https://crm.acme.example/other"
    _api(objects)
    _my_account(objects)
    _grant(objects)


def test_an_application_of_that_name_made_by_somebody_else_is_not_doubled(tmp_path: Path) -> None:
    CASES["create-everything"].prepare("create-everything", tmp_path)
    run(tmp_path, "plan", "spec.yaml", "--out", "plan.json")

    def by_hand(objects: Objects) -> None:
        like = next(iter(objects["clients"].values()))
        mine = {**like, "client_id": "A" * 32, "name": "Acme Assistant", "global": False, "client_metadata": {}}
        objects["clients"]["A" * 32] = mine

    edit(tmp_path / "tenant.db", by_hand)
    ended, problems = outcomes(tmp_path)
    assert ended["application.assistant"] == "failed"
    assert [p["context"] for p in problems] == ["application.assistant"]
    named = [c for c in tenant(tmp_path / "tenant.db")["clients"].values() if c["name"] == "Acme Assistant"]
    assert len(named) == 1
