"""tokenvault from asynchronous Python: the functions of `tokenvault`, as coroutines.

    from tokenvault import aio

    spec = await aio.load_spec("tokenvault.yaml")
    plan = await aio.make_plan(spec, tenant="acme.us.auth0.com")
    report = await aio.apply(plan, tenant="acme.us.auth0.com", on_event=print)

Whatever talks to a tenant takes these keywords: `tenant` (default `$AUTH0_DOMAIN`), or `sandbox`, the path of a sandbox's
file; `environment`, from which credentials come (default `os.environ`, and the login of the Auth0 CLI); `max_rps`, requests a
second at most; and `max_wait`, seconds to wait for rate limits at most, in all. A coroutine that is cancelled stops at once;
`apply` and `destroy` take `stop`, an `asyncio.Event`, to end what is under way first.

Who has several tenants gives each its `credentials`, under the names of the environment variables: then nothing else is looked
at, so that no tenant is asked with what belongs to another. They run side by side in one event loop. A `pool` has what they
share: connections, access tokens for as long as they last, and what each tenant told of its rate limits.

    async with aio.TenantPool() as pool:
        acme = {"tenant": "acme.us.auth0.com", "credentials": {"AUTH0_API_TOKEN": token}, "pool": pool}
        plans = await asyncio.gather(aio.make_plan(spec, **acme), aio.make_plan(spec, **another))
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from tokenvault.applier.events import Event, Report
from tokenvault.model.spec import Spec
from tokenvault.operations.apply import applied, refuse_another_tenant, resolved
from tokenvault.operations.doctor import examined
from tokenvault.operations.plan import drifted, planned, planned_destroy
from tokenvault.operations.reading import check_tenant
from tokenvault.plan import file
from tokenvault.plan.deletion import refuse_more_than
from tokenvault.plan.document import plan_document
from tokenvault.plan.drift import Drift
from tokenvault.plan.model import Plan
from tokenvault.plan.planner import Options
from tokenvault.render.text import plan_text
from tokenvault.spec import load
from tokenvault.tenant.client import Tenant
from tokenvault.tenant.connect import TIMEOUT_VARIABLE, TenantPool
from tokenvault.tenant.options import MAX_WAIT, TenantOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

OnEvent = Callable[[Event], None]


class TenantArguments(TypedDict, total=False):
    """Which tenant, how it is reached, and how fast it may be talked to."""

    tenant: str | None
    sandbox: str | Path | None
    environment: Mapping[str, str] | None
    credentials: Mapping[str, str] | None
    pool: TenantPool | None
    max_rps: float | None
    max_wait: float


async def load_spec(
    *paths: str | Path, environment: Mapping[str, str] | None = None, allow_env: Sequence[str] = ()
) -> Spec:
    """Reads and validates spec files (default `tokenvault.yaml`); `SpecError` holds everything that is wrong.

    `allow_env` are variables that the spec may show, besides those of its `variables`.
    """
    return await asyncio.to_thread(load.load_spec, list(paths), environment, allow_env)


async def load_spec_text(
    text: str | bytes | Mapping[str, str | bytes],
    *,
    name: str = "spec.yaml",
    files: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    allow_env: Sequence[str] = (),
) -> Spec:
    """Validates a spec that is no file: its text, which messages call by `name`, or several by their names, base first.

    `files` are the contents of what it refers to (`${file:…}`, public keys), by the path that it gives. Raises `SpecError`
    with everything that is wrong.
    """
    texts = text if isinstance(text, Mapping) else {name: text}
    variables = os.environ if environment is None else environment
    return await asyncio.to_thread(load.load_texts, texts, variables, allow_env, files)


async def make_plan(
    spec: Spec,
    *,
    adopt: bool = False,
    prune: bool = False,
    targets: Sequence[str] = (),
    excludes: Sequence[str] = (),
    **arguments: Unpack[TenantArguments],
) -> Plan:
    """Reads the tenant and plans. Writes nothing.

    `adopt` takes over what another spec owns, `prune` deletes what this spec created and no longer names; `targets` and
    `excludes` are addresses, `*` allowed. Raises `RefusedError` when the spec names another tenant.
    """
    async with _opened(arguments) as (tenant, options):
        check_tenant(spec, tenant.domain, options)
        made = await planned(tenant, spec, Options(adopt=adopt, prune=prune))
        return await asyncio.to_thread(made.restrict, targets, excludes, options.max_rps)


async def make_destroy_plan(
    spec: Spec,
    *,
    also: Sequence[str] = (),
    targets: Sequence[str] = (),
    excludes: Sequence[str] = (),
    **arguments: Unpack[TenantArguments],
) -> Plan:
    """Reads the tenant and plans to delete what the spec created and to release what it adopted. Writes nothing.

    `also` are addresses that stay otherwise: `my_account_api`, `mfa_policy`, `connection.NAME`.
    """
    async with _opened(arguments) as (tenant, options):
        check_tenant(spec, tenant.domain, options)
        made = await planned_destroy(tenant, spec, tuple(also))
        return await asyncio.to_thread(made.restrict, targets, excludes, options.max_rps)


async def apply(
    plan: Plan,
    *,
    max_destroy: int | None = None,
    on_event: OnEvent | None = None,
    stop: asyncio.Event | None = None,
    **arguments: Unpack[TenantArguments],
) -> Report:
    """Carries out exactly this plan and reads it back. What Auth0 refuses is in the report, not raised.

    A plan that was carried out before writes nothing. Raises `RefusedError` when the plan was made for another tenant, when
    the token lacks scopes, or when more than `max_destroy` objects would be deleted.
    """
    report = Report()
    async with _opened(arguments) as (tenant, _):
        refuse_another_tenant(plan, tenant.domain)
        refuse_more_than(max_destroy, plan.changes)
        async for event in applied(plan, tenant, report, stop=stop):
            if on_event:
                on_event(event)
    return report


async def destroy(
    spec: Spec,
    *,
    also: Sequence[str] = (),
    max_destroy: int | None = None,
    on_event: OnEvent | None = None,
    stop: asyncio.Event | None = None,
    **arguments: Unpack[TenantArguments],
) -> Report:
    """Deletes what the spec created and releases what it adopted: `make_destroy_plan` and `apply` in one, without a review."""
    plan = await make_destroy_plan(spec, also=also, **arguments)
    return await apply(plan, max_destroy=max_destroy, on_event=on_event, stop=stop, **arguments)


async def find_drift(spec: Spec, **arguments: Unpack[TenantArguments]) -> Drift:
    """What the spec owns and somebody else changed."""
    async with _opened(arguments) as (tenant, options):
        check_tenant(spec, tenant.domain, options)
        return await drifted(tenant, spec)


async def diagnose(spec: Spec | None = None, **arguments: Unpack[TenantArguments]) -> dict[str, Any]:
    """Whether a token will come back, for each application, connection and flavor: what `doctor --format json` prints.

    Without a spec, for all that the tenant shows to be in use.
    """
    async with _opened(arguments) as (tenant, options):
        if spec:
            check_tenant(spec, tenant.domain, options)
        return await examined(tenant, spec)


async def save_plan(plan: Plan, path: str | Path) -> None:
    """Writes a plan to a file that holds no secret. `RefusedError` when it would have to, or another file is there."""
    await asyncio.to_thread(file.save_plan, Path(path), plan)


async def load_plan(path: str | Path, *, environment: Mapping[str, str] | None = None) -> Plan:
    """A saved plan, its secrets resolved anew. `RefusedError` when it is none, was changed, or a secret is another one."""
    variables = os.environ if environment is None else environment
    document = await asyncio.to_thread(file.read_document, Path(path))
    return await asyncio.to_thread(
        file.load_plan, document, lambda reference, folder: resolved(reference, folder, variables)
    )


async def show(plan: Plan) -> str:
    """The plan as `tokenvault plan` prints it, without colour."""
    return await asyncio.to_thread(lambda: plan_text(plan_document(plan)))


@asynccontextmanager
async def _opened(arguments: TenantArguments) -> AsyncIterator[tuple[Tenant, TenantOptions]]:
    environment, sandbox, credentials = (
        arguments.get("environment"),
        arguments.get("sandbox"),
        arguments.get("credentials"),
    )
    options = TenantOptions(
        tenant=arguments.get("tenant"),
        sandbox=Path(sandbox) if sandbox else None,
        max_rps=arguments.get("max_rps"),
        max_wait=arguments.get("max_wait", MAX_WAIT),
        cli_login=credentials is None,
    )
    variables = os.environ if environment is None else environment
    if credentials is not None:
        variables = {**{name: variables[name] for name in (TIMEOUT_VARIABLE,) if name in variables}, **credentials}
    async with AsyncExitStack() as stack:
        given = arguments.get("pool")
        pool = given if given is not None else await stack.enter_async_context(TenantPool())
        yield await stack.enter_async_context(pool.open(options, variables)), options
