"""What the labels of marks call an API, and what the spec calls it by now: a key may be renamed, an identifier stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from tokenvault.desired import Graph
from tokenvault.flavors import MY_ACCOUNT, loans
from tokenvault.live import Live
from tokenvault.ownership import API_METADATA_KEY, read_mark

CLIENT_SUFFIX = ".api_client"


@dataclass(frozen=True, slots=True)
class Names:
    """The identifiers of APIs by the names that each spec's labels have for them, and this spec's keys by identifier."""

    spec: str
    identifiers: Mapping[str, Mapping[str, str]]
    keys: Mapping[str, str]

    @classmethod
    def of(cls, graph: Graph, live: Live) -> Names:
        """The names in a graph, and in the marks of Custom API Clients, which know how an API was called before."""
        asked = _asked(graph)
        found: dict[str, dict[str, str]] = defaultdict(lambda: {MY_ACCOUNT: asked[MY_ACCOUNT]})
        found[graph.spec_name] |= asked
        for metadata_key in (API_METADATA_KEY, ""):
            for item in live.state.objects.get("clients", ()):
                metadata, identifier = item.get("client_metadata"), item.get("resource_server_identifier")
                mark = read_mark(metadata, metadata_key) if metadata_key else read_mark(metadata)
                if mark and identifier:
                    found[mark.spec][mark.key.removesuffix(CLIENT_SUFFIX)] = str(identifier)
        return cls(graph.spec_name, found, {identifier: name for name, identifier in asked.items()})

    @property
    def own(self) -> Mapping[str, str]:
        """The identifiers by the names that this spec's labels have for them."""
        return self.identifiers[self.spec]

    def now(self, label: str, spec: str) -> str:
        """A label of that spec as this one writes it today."""
        verb, name = label.split(":", 1)
        if verb not in loans() or not loans()[verb].of_api:
            return label
        identifier = self.identifiers.get(spec, {}).get(name, "")
        return f"{verb}:{self.keys.get(identifier, name)}"


def _asked(graph: Graph) -> dict[str, str]:
    found = {MY_ACCOUNT: f"https://{graph.domain}/me/"}
    for node in graph.of_kind("api"):
        found[node.address.removeprefix("api.")] = str(node.target.identity["identifier"])
    for node in graph.of_kind("my_account_api"):
        found[MY_ACCOUNT] = str(node.target.identity["identifier"])
    return found
