"""The members' specs. One that several members share is read once, unless it refers to what differs between them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping

from tokenvault.model.spec import Spec
from tokenvault.spec.load import load_spec

Seen = dict[str, str | None]


class _Watched(Mapping[str, str]):
    """Variables, with a note of each that was looked at."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.seen: Seen = {}

    def __getitem__(self, name: str) -> str:
        self.seen[name] = self._variables.get(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


class Specs:
    """Reads specs, each once for all that give the variables it looks at the same values."""

    def __init__(self) -> None:
        self._known: defaultdict[tuple[str, ...], list[tuple[Seen, Spec]]] = defaultdict(list)
        self._turns: defaultdict[tuple[str, ...], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def load(self, files: tuple[str, ...], variables: Mapping[str, str]) -> Spec:
        """The spec in these files, with these variables; `SpecError` when it is wrong."""
        async with self._turns[files]:
            for seen, spec in self._known[files]:
                if all(variables.get(name) == value for name, value in seen.items()):
                    return spec
            watched = _Watched(variables)
            spec = await asyncio.to_thread(load_spec, files, watched)
            self._known[files].append((watched.seen, spec))
            return spec
