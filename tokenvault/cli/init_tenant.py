"""The tenant that `init` offers choices from: asked for, and read, when the first question needs it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenvault.cli.options import DEFAULT_SANDBOX
from tokenvault.cli.session import Session
from tokenvault.errors import RefusedError
from tokenvault.tenant.options import TenantOptions

if TYPE_CHECKING:
    from tokenvault.init.answers import Offers
    from tokenvault.init.prompts import Option

NOWHERE = TenantOptions()


@dataclass(slots=True)
class TenantChoices:
    """The session as it becomes while questions are asked. `where` is `NOWHERE` when names are to be typed."""

    session: Session
    _offers: Offers | None = None

    def offers(self) -> Offers:
        """What the tenant has to choose from."""
        import asyncio

        from tokenvault.init.answers import Offers

        if self._offers is None:
            if not (self.session.tenant_options.tenant or self.session.tenant_options.sandbox):
                self.session = replace(self.session, tenant_options=_asked(self.session))
            self._offers = asyncio.run(self._read()) if self.is_known else Offers()
            for warning in self._offers.warnings:
                self.session.console.problem(warning)
        return self._offers

    @property
    def is_known(self) -> bool:
        """Whether there is a tenant to read, and to plan on."""
        return self.session.tenant_options != NOWHERE

    async def _read(self) -> Offers:
        from tokenvault.init.answers import read_offers

        async with self.session.tenant() as tenant:
            return await read_offers(tenant)

    @property
    def spec_tenant(self) -> str | None:
        """The domain that the spec is to be limited to; a sandbox is nobody's."""
        return None if self.session.tenant_options.sandbox else named_tenant(self.session)


def named_tenant(session: Session) -> str | None:
    """The tenant that is named outright, by option or variable."""
    from tokenvault.tenant.address import domain_named

    return domain_named(session.environment, session.tenant_options.tenant) or None


def _asked(session: Session) -> TenantOptions:
    from tokenvault.init import prompts

    reachable = _reachable(session)
    if not reachable:
        session.console.err("No credentials were found: `tokenvault auth status` says how to give some.\n")
    options = [
        *reachable,
        prompts.Option(
            value=TenantOptions(sandbox=Path(DEFAULT_SANDBOX)),
            title="The sandbox: a simulated tenant, no account needed",
        ),
        prompts.Option(value=NOWHERE, title="None: I type the names of applications and connections"),
    ]
    chosen: TenantOptions = prompts.select("Which tenant?", options)
    return chosen


def _reachable(session: Session) -> list[Option]:
    """The tenants that there are credentials for: of the environment first, then the Auth0 CLI's logins."""
    from tokenvault.init.prompts import Option
    from tokenvault.tenant.cli_login import SOURCE, read_logins
    from tokenvault.tenant.credentials import find_credentials

    sources: dict[str, str] = {}
    with suppress(RefusedError):
        found = find_credentials(session.environment)
        sources[found.domain] = found.source
    with suppress(RefusedError):
        for login in read_logins(session.environment).by_domain.values():
            sources.setdefault(login.domain, SOURCE)
    return [
        Option(value=TenantOptions(tenant=domain), title=f"{domain} ({source})") for domain, source in sources.items()
    ]
