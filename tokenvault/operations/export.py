"""Reads a whole tenant and writes a spec of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenvault.export import Exported, export
from tokenvault.export.draft import public_keys_below
from tokenvault.export.inventory import relevant, relevant_for_repair
from tokenvault.state.live import State
from tokenvault.state.reading import read_tenant

if TYPE_CHECKING:
    from tokenvault.tenant.client import Tenant


async def read_for_export(tenant: Tenant, *, repair: bool = False) -> State:
    """The tenant, as far as a spec could say something of it; with `repair`, of what it is to make work, too."""
    return await read_tenant(tenant, relevant_for_repair if repair else relevant)


def exported(state: State, apps: Sequence[str], name: str | None, file: Path, *, adopt: bool = False) -> Exported:
    """The spec for the place `file`; the public keys that lie below its folder are named instead of quoted.

    `apps` are the applications that it has; default: all. With `adopt`, those are in it that a plan of it repairs.
    """
    keys = public_keys_below(file.parent) if state.objects.get("credentials") else {}
    return export(state, file=file, name=name, only=apps, key_files=keys, adopt=adopt)
