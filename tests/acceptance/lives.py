"""One life of each flavor through tokenvault itself: apply, an empty plan, doctor, export, destroy, and nothing left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tests.acceptance.api import Api, Interrupted
from tests.acceptance.cleaning import PATIENCE, named_after_the_run
from tests.acceptance.names import Run
from tests.acceptance.probes.applications import public_key
from tests.acceptance.probes.base import standing_api
from tokenvault.applier.events import Ended, Report
from tokenvault.errors import Diagnostic, TokenVaultError
from tokenvault.kinds import kinds
from tokenvault.model.spec import Spec
from tokenvault.operations.apply import applied
from tokenvault.operations.doctor import examined
from tokenvault.operations.export import exported, read_for_export
from tokenvault.operations.plan import planned, planned_destroy
from tokenvault.plan.model import Action, Plan
from tokenvault.plan.planner import Options
from tokenvault.spec.load import load_spec
from tokenvault.state.live import State

SECRET = {"ACCEPTANCE_PROVIDER_SECRET": "made-up-by-acceptance"}
STANDING = ("application", "connection", "api", "my_account_api")  # what else there is goes with one of these
SCOPES = ("openid", "offline_access")


@dataclass
class Life:
    """How one life went: its steps with what each came to, and the first that failed."""

    flavor: str
    steps: dict[str, str] = field(default_factory=dict)
    failed: str = ""

    @property
    def ok(self) -> bool:
        """Whether every step came to what it should."""
        return not self.failed


class StepFailed(Exception):
    """A step came to something else than it should; the text says to what."""


# ---- the specs


def _regular_web(flavor: str) -> Callable[[Run], dict[str, Any]]:
    return lambda run: {
        "applications": {
            "web": {
                "name": run.name("web"),
                "type": "regular_web",
                "callbacks": [f"https://{run.mark}.example/callback"],
                "flavors": [flavor],
            }
        }
    }


def _spa(run: Run) -> dict[str, Any]:
    api = {"identifier": run.identifier("backend"), "name": run.name("backend"), "scopes": {"read:all": "Read"}}
    exchange = {"access_token_exchange": {"api": "backend", "client_name": run.name("api-client")}}
    spa = {
        "name": run.name("spa"),
        "type": "spa",
        "callbacks": [f"https://{run.mark}.example/callback"],
        "flavors": [exchange],
    }
    return {"apis": {"backend": api}, "applications": {"spa": spa}}


def _provider(run: Run, flavor: str) -> str:
    """The connection's name, another one for each flavor: that of a deleted one may be taken for a while."""
    return run.name(f"{flavor.replace('_', '-')}-provider")


def _worker(run: Run) -> dict[str, Any]:
    settings = {
        "public_keys": [{"file": "worker.pub.pem"}],
        "authentication_keys": [{"file": "worker-auth.pub.pem"}],  # a tenant may want a key for each use
        "ip_allowlist": ["192.0.2.0/24"],
        "grants": {_provider(run, "privileged_worker"): [SCOPES[0]]},
    }
    worker = {"name": run.name("worker"), "type": "m2m", "flavors": [{"privileged_worker": settings}]}
    return {"applications": {"worker": worker}}


FLAVORS: Mapping[str, Callable[[Run], dict[str, Any]]] = {
    "connected_accounts": _regular_web("connected_accounts"),
    "refresh_token_exchange": _regular_web("refresh_token_exchange"),
    "access_token_exchange": _spa,
    "privileged_worker": _worker,
}


def write_spec(run: Run, flavor: str, folder: Path) -> Path:
    """Writes the flavor's spec, and public keys beside it."""
    host = f"https://{run.mark}.example"
    provider = {
        "strategy": "oauth2",
        "purpose": "connected_accounts",
        "credentials": {"client_id": "acceptance", "client_secret": "${env:ACCEPTANCE_PROVIDER_SECRET}"},
        "options": {"authorizationURL": f"{host}/authorize", "tokenURL": f"{host}/token"},
        "scopes": list(SCOPES),
    }
    spec = {
        "version": 1,
        "name": run.mark,
        "connections": {_provider(run, flavor): provider},
        "mfa_policy": "ignore",
        **FLAVORS[flavor](run),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for which, key in enumerate(("worker.pub.pem", "worker-auth.pub.pem")):
        (folder / key).write_text(public_key(which))
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


# ---- a life


async def live(api: Api, flavor: str, folder: Path) -> Life:
    """Lives one life; whatever happens, what it made is taken away."""
    life = Life(flavor)
    before = len(api.journal.entries)
    spec = load_spec([str(write_spec(api.run, flavor, folder))], SECRET)
    steps: dict[str, Callable[[Api, Spec, Path], Awaitable[str]]] = {
        "apply": _apply,
        "empty plan": _empty_plan,
        "doctor": _doctor,
        "export": _export,
    }
    with api.recorder.chapter(flavor):
        try:
            await standing_api(api, api.my_account)
            for name, step in steps.items():
                done = await _step(life, name, step(api, spec, folder))
                if api.stop.is_set():
                    raise Interrupted
                if not done and name == "apply":
                    break
        finally:
            await _step(life, "destroy", _destroy(api, spec, before))
            await _step(life, "nothing left", _nothing_left(api, before))
    return life


async def _step(life: Life, name: str, step: Awaitable[str]) -> bool:
    try:
        life.steps[name] = await step
        return True
    except StepFailed as problem:
        life.steps[name] = str(problem)
    except TokenVaultError as problem:
        life.steps[name] = _told(problem.diagnostics)
    life.failed = life.failed or name
    return False


def _told(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> str:
    return "; ".join(f"{one.summary}{f' ({one.detail})' if one.detail else ''} [{one.code}]" for one in diagnostics)


async def _apply(api: Api, spec: Spec, folder: Path) -> str:
    made = await planned(api.tenant, spec, Options())
    plan = made.restrict((), (), None)
    foreign = [change.address for change in plan.changes if not _is_ours(api, change.action, change.kind)]
    if foreign:
        raise StepFailed(f"not tried: it would change the tenant's own {', '.join(foreign)}")
    report = await _carry_out(api, plan, stoppable=True)
    if report.problems or not report.succeeded:
        raise StepFailed(_told(report.problems) or "it did not end")
    warnings = f"; it warns: {_told(list(plan.warnings))}" if plan.warnings else ""
    return f"{len(plan.changes)} changes{warnings}"


def _is_ours(api: Api, action: Action, kind: str) -> bool:
    """Everything that a life's spec names is new to the tenant, but for the My Account API and the MFA policy."""
    return action is Action.CREATE or kind not in ("my_account_api", "mfa_policy")


async def _carry_out(api: Api, plan: Plan, *, stoppable: bool) -> Report:
    """Applies the plan; what it creates is in the journal first."""
    created = [change for change in plan.changes if change.action is Action.CREATE]
    entries = {}
    for change in created:
        if change.kind in STANDING:
            name = str(change.identity.get("identifier") or change.name)
            entries[change.address] = api.journal.intend(kinds()[change.kind].path, name)
    report = Report()
    async for event in applied(plan, api.tenant, report, stop=api.stop if stoppable else None, fresh=True):
        if isinstance(event, Ended) and event.address in entries and event.id:
            entry = entries[event.address]
            api.journal.made(entry, f"{entry.path}/{event.id}")
    return report


async def _empty_plan(api: Api, spec: Spec, folder: Path) -> str:
    plan = (await planned(api.tenant, spec, Options())).plan
    if not plan.is_settled:
        changes = [f"{change.action.value} {change.address}" for change in plan.changes]
        raise StepFailed(f"the plan is not empty: {', '.join(changes)}")
    return "empty"


async def _doctor(api: Api, spec: Spec, folder: Path) -> str:
    document = await examined(api.tenant, spec)
    says = [f"{one['id']} {one['state']}: {one['says']}" for one in document["findings"]]
    if not document["ready"]:
        raise StepFailed("; ".join(says))
    return "; ".join(["ready", *says])


async def _export(api: Api, spec: Spec, folder: Path) -> str:
    """Writes a spec of the life's objects, as if the tenant held nothing else; a plan of it is empty, too."""
    file = folder / "exported.yaml"
    made = exported(_only_ours(api.run, await read_for_export(api.tenant)), [], api.run.mark, file)
    lacking, hidden = (
        "; ".join(made.not_exported),
        "Auth0 does not show its privileged access" in str(made.not_exported),
    )
    if made.applications < len(spec.applications) and not hidden:
        raise StepFailed(f"the export lacks an application: {lacking}")
    if hidden:
        return f"what Auth0 does not show is not in it, as it says: {lacking}"
    file.write_text(made.text)
    plan = (await planned(api.tenant, load_spec([str(file)], _Anything(SECRET)), Options())).plan
    if plan.changes:
        what = ", ".join(f"{one.action.value} {one.address} {sorted(one.patch)}" for one in plan.changes)
        raise StepFailed(f"a plan of the export is not empty: {what}")
    return f"{made.applications} applications, {made.connections} connections, {made.apis} APIs"


def _only_ours(run: Run, state: State) -> State:
    """The state without what others have in the tenant: which API is whose is guessed from all that is there."""
    clients = {str(one["client_id"]) for one in state.objects["clients"] if run.owns(one.get("name"))}

    def is_ours(item: Mapping[str, Any]) -> bool:
        if "client_id" in item and "identifier" not in item:
            return str(item["client_id"]) in clients
        named = "identifier" in item or ("name" in item and "strategy" in item)
        return (
            not named or item.get("is_system") is True or any(map(run.owns, (item.get("identifier"), item.get("name"))))
        )

    objects = {name: [item for item in items if is_ours(item)] for name, items in state.objects.items()}
    return replace(state, objects=objects)


class _Anything(dict[str, str]):
    """Variables of which each has some value: an export refers to secrets by names of its own."""

    def __missing__(self, name: str) -> str:
        return SECRET["ACCEPTANCE_PROVIDER_SECRET"]


async def _destroy(api: Api, spec: Spec, before: int) -> str:
    """Takes back what the spec gave, and the My Account API where this life created it."""
    created = {entry.name for entry in api.journal.left if entry.number >= before and entry.at}
    also = ("my_account_api",) if api.my_account in created else ()
    plan = (await planned_destroy(api.tenant, spec, also)).restrict((), (), None)
    report = await _carry_out(api, plan, stoppable=False)
    if report.problems or not report.succeeded:
        raise StepFailed(_told(report.problems) or "it did not end")
    return f"{len(plan.changes)} changes"


async def _nothing_left(api: Api, before: int) -> str:
    """Destroy leaves the connection, which tokenvault never deletes; with that deleted by hand, nothing is there."""
    left = [path async for path, _ in named_after_the_run(api) if not path.startswith("connections/")]
    await api.take_away(since=before)
    if left:
        raise StepFailed(f"destroy left {', '.join(path.split('/')[0] for path in left)}")
    for seconds in PATIENCE:
        await api.tenant.pacer.clock.sleep(seconds)
        if not [path async for path, _ in named_after_the_run(api)]:
            return "nothing, once the connection was deleted, which tokenvault never does"
    raise StepFailed("the connection is still there after it was deleted")
