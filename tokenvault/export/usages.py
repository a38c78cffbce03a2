"""Which application has the access tokens of which API exchanged: Auth0 knows an API's Custom API Client, not its callers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tokenvault.flavors import flavors
from tokenvault.flavors.base import Flavor
from tokenvault.flavors.runtime.request import TOKEN_VAULT_GRANT
from tokenvault.flavors.runtime.tenancy import Sighting, Tenancy, Unreadable
from tokenvault.kinds.application import APP_TYPES
from tokenvault.kinds.base import Object
from tokenvault.model.marks import read_mark
from tokenvault.model.paths import get_path
from tokenvault.model.spec import PUBLIC_TYPES
from tokenvault.text import safe

GUESSED = "that it calls {} is a guess: nothing in the tenant says which application does"
SECOND = "it also calls {}, but an application of a spec has the access tokens of one API exchanged"
NOBODY = "exchanges access tokens of {}, but no application that connects accounts was found for it"


@dataclass(slots=True)
class Assignment:
    """One API for each application, by client id, what is to be said of the choice, and the APIs that nobody is left for."""

    chosen: dict[str, Sighting] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    unclaimed: list[Sighting] = field(default_factory=list)

    def give(self, sightings: Iterable[Sighting], remark: str = "") -> None:
        """Chooses these, each for its application, unless that has an API already."""
        for sighting in sightings:
            client_id = _client_id(sighting)
            text = SECOND if client_id in self.chosen else remark
            self.remarks.setdefault(client_id, []).extend([text.format(sighting.api)] if text else [])
            self.chosen.setdefault(client_id, sighting)


def assign(sightings: Iterable[Sighting], tenancy: Tenancy) -> Assignment:
    """Callers that show it come first; an API without any gets the applications that most likely call it."""
    result = Assignment()
    by_api: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        if takes_part(sighting.client):
            by_api.setdefault(sighting.api, []).append(sighting)
    evident = {api: [s for s in seen if _is_evident(s, tenancy)] for api, seen in by_api.items()}
    for seen in evident.values():
        result.give(seen)
    for api in [api for api, seen in evident.items() if not seen]:
        free = [s for s in by_api[api] if s.app is not None and _client_id(s) not in result.chosen]
        result.give(_likely(free), GUESSED)
        result.unclaimed += [] if free else by_api[api][:1]
    return result


def takes_part(api_client: Object) -> bool:
    """Whether a Custom API Client is there for Token Vault; there are other uses of one."""
    return TOKEN_VAULT_GRANT in (api_client.get("grant_types") or ()) or bool(
        read_mark(api_client.get("client_metadata"))
    )


def policies(client: Object) -> Mapping[str, Object]:
    """What the application's refresh tokens reach besides its own audience (MRRT), by API."""
    return {str(policy.get("audience")): policy for policy in get_path(client, "refresh_token.policies") or ()}


def _client_id(sighting: Sighting) -> str:
    return str((sighting.app or {})["client_id"])


def _is_evident(sighting: Sighting, tenancy: Tenancy) -> bool:
    if sighting.app is None:
        return False
    grant = tenancy.user_grant(_client_id(sighting), sighting.api)
    return sighting.api in policies(sighting.app) or (grant is not None and not isinstance(grant, Unreadable))


def _likely(sightings: Sequence[Sighting]) -> Sequence[Sighting]:
    """Public clients have no other way to use Token Vault; next come those that exchange nothing themselves."""
    public = [s for s in sightings if (s.app or {}).get("app_type") in PUBLIC_TYPES]
    idle = [s for s in sightings if TOKEN_VAULT_GRANT not in ((s.app or {}).get("grant_types") or ())]
    return public or idle or sightings


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
