"""Which application has the access tokens of which API exchanged: Auth0 knows an API's Custom API Client, not its callers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tokenvault.flavors import flavors
from tokenvault.flavors.base import Flavor, suits
from tokenvault.flavors.runtime.request import TOKEN_VAULT_GRANT
from tokenvault.flavors.runtime.tenant_view import DetectedUse, TenantView, Unreadable
from tokenvault.kinds.application import APP_TYPES
from tokenvault.kinds.base import Object
from tokenvault.model.marks import digest, read_mark
from tokenvault.model.paths import get_path
from tokenvault.model.spec import PUBLIC_TYPES
from tokenvault.text import safe

GUESSED = "that it calls {} is a guess: nothing in the tenant says which application does"
SECOND = "it also calls {}, but an application of a spec has the access tokens of one API exchanged"


@dataclass(slots=True)
class Assignment:
    """Maps each client id to one API, with notes on the choice and the APIs that serve unlisted callers."""

    chosen: dict[str, DetectedUse] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    alone: list[DetectedUse] = field(default_factory=list)

    def give(self, detections: Iterable[DetectedUse], remark: str = "") -> None:
        """Chooses these, each for its application, unless that has an API already."""
        for detection in detections:
            client_id = _client_id(detection)
            text = SECOND if client_id in self.chosen else remark
            self.remarks.setdefault(client_id, []).extend([text.format(detection.api)] if text else [])
            self.chosen.setdefault(client_id, detection)


def assign(detections: Iterable[DetectedUse], tenant_view: TenantView) -> Assignment:
    """Assigns clients to APIs: those whose mark says so first, then those that show it; an API without any gets the likeliest
    callers, or serves anyone.
    """
    result = Assignment()
    by_api: dict[str, list[DetectedUse]] = {}
    for detection in detections:
        if takes_part(detection.client):
            by_api.setdefault(detection.api, []).append(detection)
    evident = {api: [s for s in seen if _is_evident(s, tenant_view)] for api, seen in by_api.items()}
    for seen in evident.values():
        result.give(filter(_is_recorded, seen))
    for seen in evident.values():
        result.give(detection for detection in seen if not _is_recorded(detection))
    for api in [api for api, seen in evident.items() if not seen]:
        free = [s for s in by_api[api] if s.app is not None and _client_id(s) not in result.chosen]
        result.give(_likely(free), GUESSED)
        result.alone += [] if free else [replace(by_api[api][0], app=None)]
    return result


def takes_part(api_client: Object) -> bool:
    """Whether a Custom API Client is there for Token Vault; there are other uses of one."""
    return TOKEN_VAULT_GRANT in (api_client.get("grant_types") or ()) or bool(
        read_mark(api_client.get("client_metadata"))
    )


def policies(client: Object) -> Mapping[str, Object]:
    """What the application's refresh tokens reach besides its own audience (MRRT), by API."""
    return {str(policy.get("audience")): policy for policy in get_path(client, "refresh_token.policies") or ()}


def _client_id(detection: DetectedUse) -> str:
    return str((detection.app or {})["client_id"])


def _is_evident(detection: DetectedUse, tenant_view: TenantView) -> bool:
    if detection.app is None:
        return False
    grant = tenant_view.user_grant(_client_id(detection), detection.api)
    return detection.api in policies(detection.app) or (grant is not None and not isinstance(grant, Unreadable))


def _is_recorded(detection: DetectedUse) -> bool:
    """Whether a spec gave the application what it needs to call the API."""
    mark = read_mark((detection.app or {}).get("client_metadata"))
    given = {p.slot for p in mark.provisions if p.verb in ("api", "mrrt")} if mark else set()
    return f"~{digest(detection.api)}" in given


def _likely(detections: Sequence[DetectedUse]) -> Sequence[DetectedUse]:
    """Of public clients, those of a type that is meant to be come first."""
    return [s for s in detections if (s.app or {}).get("app_type") in PUBLIC_TYPES] or detections


TYPES = {app_type: name for name, app_type in APP_TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedApplication:
    """An application of the tenant, the flavors that it uses (by name), and what is to be known of that."""

    client: Object
    flavors: Mapping[str, DetectedUse]
    remarks: tuple[str, ...] = ()

    @property
    def client_id(self) -> str:
        """Its client id."""
        return str(self.client["client_id"])

    @property
    def exchange(self) -> DetectedUse | None:
        """The API whose access tokens it has exchanged, and the Custom API Client that does it, if any."""
        return next((detection for detection in self.flavors.values() if detection.api), None)

    @property
    def is_api(self) -> bool:
        """Whether it is the Custom API Client of an API that serves anyone."""
        return self.exchange is not None and self.exchange.app is None

    @property
    def api_client(self) -> DetectedApplication | None:
        """The Custom API Client of its API, as a user of the flavors that exchange access tokens, whoever calls it."""
        seen = {name: replace(use, app=None) for name, use in self.flavors.items() if use.api}
        return DetectedApplication(client=self.exchange.client, flavors=seen) if self.exchange else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usages:
    """The applications that use Token Vault, and what was seen besides that no spec can say."""

    applications: tuple[DetectedApplication, ...]
    rest: tuple[str, ...]


def title(client: Object) -> str:
    """An application as a person knows it."""
    return f'"{safe(client.get("name"), 100)}" ({client["client_id"]})'


def usages_of(tenant_view: TenantView) -> Usages:
    """Who uses what, in the tenant's order."""
    found: dict[str, dict[str, DetectedUse]] = {}
    remarks: dict[str, list[str]] = {}
    rest: list[str] = []
    for flavor in flavors().values():
        seen = list(flavor.runtime.detections(tenant_view))
        assigned = assign((s for s in seen if s.api), tenant_view)
        rest += _other_api_clients(seen)
        for client_id, says in assigned.remarks.items():
            remarks.setdefault(client_id, []).extend(says)
        for detection in [*(s for s in seen if not s.api), *assigned.chosen.values(), *assigned.alone]:
            _file(flavor, detection, found, remarks)
    clients = {str(client["client_id"]): client for client in tenant_view.clients}
    rest += [f"{title(clients[key])}: {'; '.join(says)}" for key, says in remarks.items() if key not in found]
    applications = (
        _detected(client, found[key], remarks.get(key, [])) for key, client in clients.items() if key in found
    )
    return Usages(applications=tuple(applications), rest=tuple(dict.fromkeys(rest)))


def _other_api_clients(seen: list[DetectedUse]) -> Iterator[str]:
    for detection in seen:
        if detection.api and not takes_part(detection.client):
            yield f"{title(detection.client)} is a Custom API Client without the Token Vault grant: it is left out"


def _file(
    flavor: Flavor, detection: DetectedUse, found: dict[str, dict[str, DetectedUse]], remarks: dict[str, list[str]]
) -> None:
    app = detection.app or detection.client
    client_id, kind = str(app["client_id"]), TYPES.get(str(app.get("app_type")))
    confidential = app.get("token_endpoint_auth_method") != "none"
    if kind and not suits(flavor, kind, confidential=confidential):
        says = f"it shows traces of {flavor.name}, which a {kind} application cannot use: they are left as they are"
        remarks.setdefault(client_id, []).append(says)
    else:
        found.setdefault(client_id, {}).setdefault(flavor.name, detection)


def _detected(client: Object, seen: Mapping[str, DetectedUse], remarks: list[str]) -> DetectedApplication:
    """Flavors that come with another one are not listed beside it."""
    included = {name for flavor in seen for name in flavors()[flavor].includes}
    kept = {name: detection for name, detection in seen.items() if name not in included}
    return DetectedApplication(client=client, flavors=kept, remarks=tuple(dict.fromkeys(remarks)))
