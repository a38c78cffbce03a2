"""tokenvault from Python: load a spec, plan it, apply the plan. What the command line does, without the command line.

    import tokenvault

    spec = tokenvault.load_spec("tokenvault.yaml")
    plan = tokenvault.make_plan(spec, tenant="acme.us.auth0.com")
    print(tokenvault.show(plan))
    if not plan.is_empty:
        report = tokenvault.apply(plan, tenant="acme.us.auth0.com")
        assert report.succeeded
    assert tokenvault.find_drift(spec, tenant="acme.us.auth0.com").is_empty
    assert tokenvault.diagnose(spec, tenant="acme.us.auth0.com")["ready"]

A plan can wait for a review: `tokenvault.save_plan(plan, "plan.json")`, later `tokenvault.load_plan("plan.json")`. One that was
carried out before writes nothing. `tokenvault.make_destroy_plan` and `tokenvault.destroy` take away what a spec gave.

Inside a running event loop, use the same functions of `tokenvault.aio`, which are coroutines:

    from tokenvault import aio

    plan = await aio.make_plan(await aio.load_spec("tokenvault.yaml"), tenant="acme.us.auth0.com")

Whatever talks to a tenant takes `tenant` or `sandbox`, `environment` or `credentials`, `max_rps` and `max_wait`, as
`tokenvault.aio` says.
Credentials come from the environment, as for the command line. Errors are `tokenvault.errors.TokenVaultError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tokenvault import aio
from tokenvault.applier.events import Report
from tokenvault.model.spec import Spec
from tokenvault.plan.drift import Drift
from tokenvault.plan.model import Plan

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")


def load_spec(*paths: str | Path, environment: Mapping[str, str] | None = None, allow_env: Sequence[str] = ()) -> Spec:
    """Reads and validates spec files (default `tokenvault.yaml`); `SpecError` holds everything that is wrong.

    `allow_env` are variables that the spec may show, besides those of its `variables`.
    """
    return _run(aio.load_spec(*paths, environment=environment, allow_env=allow_env))


def load_spec_text(
    text: str | bytes | Mapping[str, str | bytes],
    *,
    name: str = "spec.yaml",
    files: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    allow_env: Sequence[str] = (),
) -> Spec:
    """Validates a spec that is no file: its text, which messages call by `name`, or several by their names, base first."""
    return _run(aio.load_spec_text(text, name=name, files=files, environment=environment, allow_env=allow_env))


def make_plan(
    spec: Spec,
    *,
    adopt: bool = False,
    prune: bool = False,
    targets: Sequence[str] = (),
    excludes: Sequence[str] = (),
    **arguments: Unpack[aio.TenantArguments],
) -> Plan:
    """Reads the tenant and plans. Writes nothing. Raises `RefusedError` when the spec names another tenant."""
    return _run(aio.make_plan(spec, adopt=adopt, prune=prune, targets=targets, excludes=excludes, **arguments))


def make_destroy_plan(
    spec: Spec,
    *,
    also: Sequence[str] = (),
    targets: Sequence[str] = (),
    excludes: Sequence[str] = (),
    **arguments: Unpack[aio.TenantArguments],
) -> Plan:
    """Reads the tenant and plans to delete what the spec created and to release what it adopted. Writes nothing."""
    return _run(aio.make_destroy_plan(spec, also=also, targets=targets, excludes=excludes, **arguments))


def apply(
    plan: Plan,
    *,
    max_destroy: int | None = None,
    on_event: aio.OnEvent | None = None,
    **arguments: Unpack[aio.TenantArguments],
) -> Report:
    """Carries out exactly this plan and reads it back. What Auth0 refuses is in the report, not raised.

    Raises `RefusedError` before the first write: another tenant, missing scopes, more than `max_destroy` deletions.
    """
    return _run(aio.apply(plan, max_destroy=max_destroy, on_event=on_event, **arguments))


def destroy(
    spec: Spec,
    *,
    also: Sequence[str] = (),
    max_destroy: int | None = None,
    on_event: aio.OnEvent | None = None,
    **arguments: Unpack[aio.TenantArguments],
) -> Report:
    """Deletes what the spec created and releases what it adopted: `make_destroy_plan` and `apply` in one, without a review."""
    return _run(aio.destroy(spec, also=also, max_destroy=max_destroy, on_event=on_event, **arguments))


def find_drift(spec: Spec, **arguments: Unpack[aio.TenantArguments]) -> Drift:
    """What the spec owns and somebody else changed."""
    return _run(aio.find_drift(spec, **arguments))


def diagnose(spec: Spec | None = None, **arguments: Unpack[aio.TenantArguments]) -> dict[str, Any]:
    """Whether a token will come back, for each application, connection and flavor: what `doctor --format json` prints."""
    return _run(aio.diagnose(spec, **arguments))


def save_plan(plan: Plan, path: str | Path) -> None:
    """Writes a plan to a file that holds no secret. `RefusedError` when it would have to, or another file is there."""
    _run(aio.save_plan(plan, path))


def load_plan(path: str | Path, *, environment: Mapping[str, str] | None = None) -> Plan:
    """A saved plan, its secrets resolved anew. `RefusedError` when it is none, was changed, or a secret is another one."""
    return _run(aio.load_plan(path, environment=environment))


def show(plan: Plan) -> str:
    """The plan as `tokenvault plan` prints it, without colour."""
    return _run(aio.show(plan))


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """What the coroutine answers. `RuntimeError` inside an event loop, which it would block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    coroutine.close()
    raise RuntimeError("An event loop is running here: await the function of the same name in tokenvault.aio")
