"""Which application has the access tokens of which API exchanged: Auth0 knows an API's Custom API Client, not its callers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tokenvault.flavors import TOKEN_VAULT_GRANT
from tokenvault.kinds import Object
from tokenvault.ownership import read_mark
from tokenvault.paths import get_path
from tokenvault.runtime.tenancy import Sighting, Tenancy, Unreadable
from tokenvault.spec.model import PUBLIC_TYPES

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
