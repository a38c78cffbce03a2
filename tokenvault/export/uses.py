"""Which applications of a tenant use which flavors, told by the sightings that `doctor` goes by too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tokenvault.export.callers import NOBODY, assign, takes_part
from tokenvault.flavors import Flavor, flavors
from tokenvault.kinds import Object
from tokenvault.kinds.application import APP_TYPES
from tokenvault.render.safe import safe
from tokenvault.runtime.tenancy import Sighting, Tenancy

TYPES = {app_type: name for name, app_type in APP_TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """An application of the tenant, the flavors that it uses (by name), and what is to be known of that."""

    client: Object
    flavors: Mapping[str, Sighting]
    remarks: tuple[str, ...] = ()

    @property
    def client_id(self) -> str:
        """Its client id."""
        return str(self.client["client_id"])

    @property
    def exchange(self) -> Sighting | None:
        """The API whose access tokens it has exchanged, and the Custom API Client that does it, if any."""
        return next((sighting for sighting in self.flavors.values() if sighting.api), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """The applications that use Token Vault, and what was seen besides that no spec can say."""

    applications: tuple[Used, ...]
    rest: tuple[str, ...]


def title(client: Object) -> str:
    """An application as a person knows it."""
    return f'"{safe(client.get("name"), 100)}" ({client["client_id"]})'


def uses_of(tenancy: Tenancy) -> Uses:
    """Who uses what, in the tenant's order."""
    found: dict[str, dict[str, Sighting]] = {}
    remarks: dict[str, list[str]] = {}
    rest: list[str] = []
    for flavor in flavors().values():
        seen = list(flavor.runtime.sightings(tenancy))
        assigned = assign((s for s in seen if s.api), tenancy)
        rest += [f"{title(s.client)} {NOBODY.format(s.api)}" for s in assigned.unclaimed]
        rest += _other_api_clients(seen)
        for client_id, says in assigned.remarks.items():
            remarks.setdefault(client_id, []).extend(says)
        for sighting in [*(s for s in seen if not s.api), *assigned.chosen.values()]:
            _file(flavor, sighting, found, remarks)
    clients = {str(client["client_id"]): client for client in tenancy.clients}
    rest += [f"{title(clients[key])}: {'; '.join(says)}" for key, says in remarks.items() if key not in found]
    applications = (_used(client, found[key], remarks.get(key, [])) for key, client in clients.items() if key in found)
    return Uses(applications=tuple(applications), rest=tuple(dict.fromkeys(rest)))


def _other_api_clients(seen: list[Sighting]) -> Iterator[str]:
    for sighting in seen:
        if sighting.api and not takes_part(sighting.client):
            yield f"{title(sighting.client)} is a Custom API Client without the Token Vault grant: it is left out"


def _file(
    flavor: Flavor, sighting: Sighting, found: dict[str, dict[str, Sighting]], remarks: dict[str, list[str]]
) -> None:
    app = sighting.app or sighting.client
    client_id, kind = str(app["client_id"]), TYPES.get(str(app.get("app_type")))
    if kind and kind not in flavor.types:
        says = f"it shows traces of {flavor.name}, which a {kind} application cannot use: they are left as they are"
        remarks.setdefault(client_id, []).append(says)
    else:
        found.setdefault(client_id, {}).setdefault(flavor.name, sighting)


def _used(client: Object, seen: Mapping[str, Sighting], remarks: list[str]) -> Used:
    """Flavors that come with another one are not listed beside it."""
    included = {name for flavor in seen for name in flavors()[flavor].includes}
    kept = {name: sighting for name, sighting in seen.items() if name not in included}
    return Used(client=client, flavors=kept, remarks=tuple(dict.fromkeys(remarks)))
