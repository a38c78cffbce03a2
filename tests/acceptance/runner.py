"""One run: opens the tenant, asks every probe, lives every life, takes everything away, and tells what was found."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.acceptance.api import Api, Interrupted, Untold
from tests.acceptance.cleaning import clean
from tests.acceptance.journal import Journal
from tests.acceptance.lives import FLAVORS, live
from tests.acceptance.names import Run
from tests.acceptance.probes import PROBES
from tests.acceptance.probes.base import Login, run_probe
from tests.acceptance.redaction import Redactor
from tests.acceptance.report import Found, document, region, shown, write
from tests.acceptance.traffic import PLAYED_AS, Recorder
from tokenvault.errors import TokenVaultError, place_of
from tokenvault.secrets import CREDENTIAL_VARIABLES
from tokenvault.tenant.connect import open_tenant
from tokenvault.tenant.options import TenantOptions

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be run: on which tenant, which probes and lives, with whose logins; `folder` takes what it writes."""

    tenant_options: TenantOptions
    environment: Mapping[str, str]
    folder: Path
    run: Run
    probes: Sequence[str] = tuple(PROBES)
    flavors: Sequence[str] = tuple(FLAVORS)
    logins: Mapping[str, Login] = field(default_factory=dict)
    say: Say = print


@asynccontextmanager
async def opened(job: Job, journal_of: Callable[[str], Journal]) -> AsyncIterator[Api]:
    """The tenant, with everything heard that is said to it; `journal_of` makes the journal for a domain."""
    redactor = Redactor()
    redactor.learn(*(value for name, value in job.environment.items() if name in CREDENTIAL_VARIABLES))
    for login in job.logins.values():
        redactor.learn(login.client_secret, login.subject_token)
    async with open_tenant(job.tenant_options, job.environment) as tenant:
        redactor.aliases[tenant.domain] = PLAYED_AS
        recorder = Recorder(job.run, redactor)
        tenant.http.event_hooks["response"].append(recorder.hear)
        yield Api(tenant, job.run, journal_of(tenant.domain), recorder, asyncio.Event())


@contextmanager
def _signals(api: Api, say: Say) -> Iterator[None]:
    """Has Ctrl-C and SIGTERM end the run tidily: what is under way ends, and what was made is taken away."""

    def stop() -> None:
        if not api.stop.is_set():
            say("Interrupted: what is under way ends, and what was made is taken away ...")
        api.stop.set()

    loop = asyncio.get_running_loop()
    for one in SIGNALS:
        loop.add_signal_handler(one, stop)
    try:
        yield
    finally:
        for one in SIGNALS:
            loop.remove_signal_handler(one)


async def carry_out(job: Job) -> Found:
    """Runs the job and writes report and recordings; raises only where nothing was sent yet."""
    job.folder.mkdir(parents=True, exist_ok=True)
    async with opened(job, lambda domain: Journal.start(job.folder, job.run, domain)) as api:
        redactor = api.recorder.redactor
        started = datetime.now(UTC).isoformat(timespec="seconds")
        tenant = region(api.domain, sandbox=job.tenant_options.sandbox is not None)
        found = Found(run=job.run, tenant=tenant, started=started)
        with _signals(api, job.say):
            try:
                await _all(job, api, found)
            except Interrupted:
                found.broken = "interrupted"
            except TokenVaultError as problem:
                found.broken = str(problem)
            except Exception as problem:
                found.broken = place_of(problem)
            finally:
                found.left = await _cleaned(api)
                files = write(document(found, redactor), job.folder)
                files += api.recorder.write(job.folder / "recordings")
        job.say(f"Wrote {files[1]}, {files[0]} and {len(files) - 2} recordings beside them.")
        return found


async def _all(job: Job, api: Api, found: Found) -> None:
    say: Say = lambda text: job.say(shown(text, api.recorder.redactor))  # noqa: E731
    for name in job.probes:
        found.verdicts[name] = await run_probe(api, PROBES[name], job.logins)
        say(f"{name}: {found.verdicts[name].says.value}: {found.verdicts[name].text}")
    for flavor in job.flavors:
        with tempfile.TemporaryDirectory() as scratch:
            found.lives.append(await live(api, flavor, Path(scratch)))
        life = found.lives[-1]
        say(f"{flavor}: {'lived' if life.ok else f'failed at {life.failed}: {life.steps[life.failed]}'}")


async def _cleaned(api: Api) -> list[str]:
    try:
        return await clean(api)
    except (TokenVaultError, Untold) as problem:
        return [f"nobody knows, for the tenant could not be asked: {problem}; --clean {api.run.id} tries again"]


async def clean_up(job: Job) -> list[str]:
    """Takes away what an earlier run left, by its journal; what is still left."""
    journal = Journal.read(job.folder)
    async with opened(job, lambda _: journal) as api:
        if api.domain != journal.domain:
            raise SystemExit(f"That run was on {journal.domain}, and this is {api.domain}.")
        return await _cleaned(api)
