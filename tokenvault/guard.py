"""The cheapest guard against the wrong tenant: a spec may name its own."""

from __future__ import annotations

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.spec.model import Spec
from tokenvault.tenant_address import Where


def guard(spec: Spec, domain: str, where: Where) -> None:
    """Refuses a tenant that the spec does not name. The sandbox harms nobody and is let through."""
    if spec.tenant and spec.tenant != domain and not where.sandbox:
        raise RefusedError(
            Diagnostic(
                code="tenant-guard",
                summary=f"The spec is for {spec.tenant}, and this is {domain}",
                hint="Set AUTH0_DOMAIN to the spec's tenant, or correct `tenant` in the spec.",
                span=spec.positions.key("tenant"),
            )
        )
