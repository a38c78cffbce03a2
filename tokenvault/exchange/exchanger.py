"""Which application performs an exchange, and how: from a spec and the tenant, or from the client id alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tokenvault.doctor.cases import asked_keys, exchanging_address, slot_kids
from tokenvault.errors import Diagnostic, RefusedError, did_you_mean
from tokenvault.exchange.variables import prefix, prefixes
from tokenvault.flavors import flavor_usages, flavors
from tokenvault.flavors.base import Flavor
from tokenvault.flavors.provisions import KEYS_SLOT, PRIVILEGED_SLOT, attached_ids, keys_are_separate
from tokenvault.flavors.runtime.request import ExchangeRequest
from tokenvault.kinds.base import Object
from tokenvault.model.constraints import Equals
from tokenvault.model.desired import Graph
from tokenvault.model.spec import Spec

PRIVATE_KEY_JWT = "private_key_jwt"
MUTUAL_TLS = "mtls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanger:
    """An application that exchanges. `address` and `application` say where it stands in the spec, if it does.

    `method` is how it authenticates (empty: not known), `keys` the algorithms of its keys by kid, of which it signs
    requests with those of `signing` and authenticates with those of `authenticating`. `prefix` is that of its environment
    variables, `domain` the one on which its users log in (empty: the tenant's own).
    """

    application: str
    flavor: str
    prefix: str
    address: str = ""
    client_id: str = ""
    method: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    signing: tuple[str, ...] = ()
    authenticating: tuple[str, ...] = ()
    domain: str = ""

    @property
    def has_separate_keys(self) -> bool:
        """Whether it authenticates with other keys than it signs requests with."""
        return keys_are_separate(self.signing, self.authenticating)

    @property
    def request(self) -> ExchangeRequest:
        """The request of its flavor."""
        request = flavors()[self.flavor].runtime.exchange
        assert request is not None
        return request


def exchanging_flavors() -> Mapping[str, Flavor]:
    """The flavors that exchange anything."""
    return {name: flavor for name, flavor in flavors().items() if flavor.runtime.exchange}


def exchangers_of(spec: Spec, graph: Graph) -> list[Exchanger]:
    """Every application of the spec × exchanging flavor."""
    found = []
    names = prefixes(node.address for node in graph.of_kind("application"))
    for flavor, context in flavor_usages(spec, graph.domain):
        request = flavor.runtime.exchange
        if request is None:
            continue
        address = exchanging_address(flavor, context)
        found.append(
            Exchanger(
                application=context.app.key,
                flavor=flavor.name,
                prefix=names[address],
                address=address,
                client_id=context.app.client_id or "" if address == context.app.address else "",
                method=_asked_method(graph, address),
                keys=asked_keys(graph, address),
                signing=slot_kids(graph, address, PRIVILEGED_SLOT),
                authenticating=slot_kids(graph, address, KEYS_SLOT),
                domain="" if request.signed else spec.login_domain(context.app),
            )
        )
    return found


def _asked_method(graph: Graph, address: str) -> str:
    """How the spec has the application authenticate, where it says so."""
    constraints = graph.nodes[address].constraints
    if KEYS_SLOT in constraints:
        return PRIVATE_KEY_JWT
    method = constraints.get("token_endpoint_auth_method")
    return str(method.value) if isinstance(method, Equals) and method.value else ""


def chosen(candidates: Sequence[Exchanger], application: str, flavor: str | None) -> Exchanger:
    """The one that is meant; `RefusedError` says what there is to choose from."""
    of_app = [one for one in candidates if one.application == application]
    if not of_app:
        names = list(dict.fromkeys(one.application for one in candidates))
        hint = did_you_mean(application, names) or f"Applications that exchange: {', '.join(names) or 'none'}."
        summary = f'"{application}" is not an application that exchanges tokens'
        raise RefusedError(Diagnostic(code="exchange-application", summary=summary, hint=hint))
    fitting = [one for one in of_app if flavor in (None, one.flavor)]
    if len(fitting) == 1:
        return fitting[0]
    names = [one.flavor for one in of_app]
    summary = (
        f"{application} does not use {flavor}" if not fitting else f"{application} exchanges in {len(fitting)} ways"
    )
    hint = f"Choose with --flavor: {', '.join(names)}."
    raise RefusedError(Diagnostic(code="exchange-flavor", summary=summary, hint=hint))


def from_client(client: Object, application: str, flavor: str) -> Exchanger:
    """An application that no spec names, as the tenant shows it."""
    plain = Exchanger(application=application, flavor=flavor, prefix=prefix(application))
    return with_live(plain, client)


def with_live(exchanger: Exchanger, client: Object, credentials: Sequence[Object] = ()) -> Exchanger:
    """The exchanger with what the tenant says of it: its id, how it authenticates, its keys as far as they can be read."""
    known = {str(one["id"]): one for one in credentials if one.get("kid")}

    def in_slot(path: str) -> tuple[str, ...]:
        return tuple(str(known[i]["kid"]) for i in attached_ids(client, path) if i in known)

    return replace(
        exchanger,
        client_id=str(client["client_id"]),
        method=_live_method(client) or exchanger.method,
        keys={str(one["kid"]): str(one.get("alg") or "RS256") for one in known.values()} or exchanger.keys,
        signing=in_slot(PRIVILEGED_SLOT) or exchanger.signing,
        authenticating=in_slot(KEYS_SLOT) or exchanger.authenticating,
    )


def _live_method(client: Object) -> str:
    methods = client.get("client_authentication_methods") or {}
    if methods:
        return PRIVATE_KEY_JWT if PRIVATE_KEY_JWT in methods else MUTUAL_TLS
    return str(client.get("token_endpoint_auth_method") or "")
