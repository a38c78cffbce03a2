"""The names of APIs in marks, and the upgrade of marks that version 0.1 wrote.

A mark names an API by a digest of its identifier, which never changes. Version 0.1 named it by its key in the spec: that
is looked up in the spec and in the marks of Custom API Clients.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tokenvault.flavors.base import MY_ACCOUNT, audience_name, my_account_audience
from tokenvault.flavors.runtime.request import TOKEN_VAULT_GRANT
from tokenvault.kinds.base import Kind, Object
from tokenvault.model.constraints import Constraint
from tokenvault.model.desired import Graph
from tokenvault.model.marks import API_METADATA_KEY, Mark, Provision, digest, read_mark
from tokenvault.model.paths import get_path
from tokenvault.state.live import Live

CLIENT_SUFFIX = ".api_client"
OF_APIS = ("api", "mrrt")


@dataclass(frozen=True, slots=True)
class ApiNames:
    """The identifiers of APIs by the keys that specs have or had for them, and the keys of this spec by identifier."""

    domain: str
    identifiers: Mapping[str, Mapping[str, str]]
    keys: Mapping[str, str]
    grants: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, graph: Graph, live: Live) -> ApiNames:
        """The names in a graph, and in the marks of Custom API Clients, which know how an API was called before."""
        asked = {n.address.removeprefix("api."): str(n.target.identity["identifier"]) for n in graph.of_kind("api")}
        found: dict[str, dict[str, str]] = defaultdict(dict)
        found[graph.spec_name] |= asked
        for metadata_key in (API_METADATA_KEY, ""):
            for item in live.state.objects.get("clients", ()):
                metadata, identifier = item.get("client_metadata"), item.get("resource_server_identifier")
                mark = read_mark(metadata, metadata_key) if metadata_key else read_mark(metadata)
                if mark and identifier:
                    found[mark.spec].setdefault(mark.key.removesuffix(CLIENT_SUFFIX), str(identifier))
        before = {identifier: key for key, identifier in found[graph.spec_name].items()}
        grants: dict[str, set[str]] = defaultdict(set)
        for grant in live.state.objects.get("client_grants", ()):
            grants[str(grant.get("client_id"))].add(str(grant.get("audience")))
        keys = {**before, **{identifier: key for key, identifier in asked.items()}}
        return cls(graph.domain, found, keys, {client: frozenset(some) for client, some in grants.items()})

    def label(self, audience: str) -> str:
        """The name of an API in the address of a grant."""
        name = audience_name(audience, self.domain)
        return self.keys.get(audience) or name.removeprefix("~")

    def of_api(self, identifier: str) -> str:
        """The name of an API in marks, by its identifier."""
        return f"~{digest(identifier)}"

    def is_unresolved(self, provision: Provision) -> bool:
        """Whether a provision of version 0.1 names an API that nobody knows by that key any more."""
        named = provision.slot.startswith("~") or provision.slot == MY_ACCOUNT
        return provision.verb in OF_APIS and not named

    def today(self, provision: Provision, spec: str, client: Object) -> Iterator[Provision]:
        """A provision as this version records it."""
        if provision == Provision("grant", "exchange"):
            yield Provision("gave", "grants", digest(TOKEN_VAULT_GRANT))
        elif provision.verb in OF_APIS and provision.slot == MY_ACCOUNT:
            yield from (Provision(provision.verb, name) for name in self._my_account(client))
        elif self.is_unresolved(provision):
            identifier = self.identifiers.get(spec, {}).get(provision.slot)
            yield Provision(provision.verb, f"~{digest(identifier)}") if identifier else provision
        else:
            yield provision

    def _my_account(self, client: Object) -> Iterable[str]:
        """Version 0.1 could name the My Account API on a custom domain: that is what an application has, if not this one."""
        policies = get_path(client, "refresh_token.policies") or []
        audiences = self.grants.get(str(client.get("client_id")), frozenset()) | {
            str(p.get("audience")) for p in policies
        }
        others = sorted(a for a in audiences if a.startswith("https://") and a.endswith("/me/") and a.count("/") == 4)
        own = my_account_audience(self.domain)
        return [MY_ACCOUNT] if own in others or not others else [audience_name(a, self.domain) for a in others]


def upgraded(
    mark: Mark, kind: Kind, live: Object, constraints: Mapping[str, Constraint], names: ApiNames
) -> frozenset[Provision]:
    """The provisions of a mark, whichever version wrote it.

    Version 0.1 did not record the attributes of what it created: those that it kept exact are its own.
    """
    found = {today for p in mark.provisions for today in names.today(p, mark.spec, live)}
    if mark.created and not any(p.verb in ("own", "gave", "was") for p in mark.provisions):
        exact = (path for path, field in kind.fields.items() if field.was_exact and path in constraints)
        found |= {Provision("own", kind.slot_at(path)) for path in exact if kind.field_at(path).within is None}
    return frozenset(found)
