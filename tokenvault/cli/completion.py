"""What the shell completes: addresses, application keys, connections and flavors, from the spec on the command line; and
`tokenvault completion`, which prints what a shell needs for it.

A completer reads files only, never a tenant, and has nothing to offer rather than an error.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, MutableMapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokenvault.text import is_safe

if TYPE_CHECKING:
    from tokenvault.model.desired import Graph
    from tokenvault.model.spec import Spec

_BARE_SANDBOX = re.compile(r"(?<=\s)--sandbox(?=\s)(?!\s+\S+\.(?:db|sqlite)(?:\s|$))")
_TYPED = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")


class _Environment(dict[str, str]):
    """The environment, in which no variable is missing: a key does not depend on what a secret is."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name) or "unset"


def addresses(incomplete: str) -> list[str]:
    """The addresses of the spec's objects."""
    return _starting(incomplete, lambda: _graph().nodes)


def addresses_and_codes(incomplete: str) -> list[str]:
    """The addresses of the spec's objects, and every code that explains itself."""
    from tokenvault.operations.codes import code_pages

    codes = [code for code in code_pages() if not code.endswith("*")]
    return [*addresses(incomplete), *_starting(incomplete, lambda: codes)]


def releasable(incomplete: str) -> list[str]:
    """The addresses that `destroy` leaves alone unless it is asked by name."""
    from tokenvault.kinds import kinds

    def stay() -> Iterator[str]:
        nodes = _graph().nodes.values()
        yield from (node.address for node in nodes if kinds()[node.kind].on_request is not None)

    return _starting(incomplete, stay)


def applications(incomplete: str) -> list[str]:
    """The keys of the spec's applications."""
    return _starting(incomplete, lambda: _spec().users)


def connections(ctx: typer.Context, incomplete: str) -> list[str]:
    """The spec's connections: those of the application on the line, when there is one."""

    def used() -> Iterable[str]:
        spec = _spec()
        app = spec.users.get(str(ctx.params.get("application")))
        return app.connections if app else spec.connections

    return _starting(incomplete, used)


def flavors(incomplete: str) -> list[str]:
    """The flavors that there are."""
    from tokenvault.flavors import flavors as known

    return _starting(incomplete, known)


def _starting(incomplete: str, candidates: Any) -> list[str]:
    """The candidates that begin so and can be shown. What is wrong with the spec is `validate`'s to tell."""
    try:
        return [candidate for candidate in candidates() if candidate.startswith(incomplete) and is_safe(candidate)]
    except Exception:
        return []


def _graph() -> Graph:
    from tokenvault.state.desired import build_graph

    spec = _spec()
    return build_graph(spec, spec.tenant or "tenant")


def _spec() -> Spec:
    from tokenvault.spec.load import load_spec

    return load_spec([word for word in _words() if _is_spec(word)], _Environment(os.environ))


def _words() -> Iterator[str]:
    """The words on the line, as the shell gave them: a parser has not seen those after an option that lacks its value."""
    for line in filter(None, map(os.environ.get, _TYPED)):
        try:
            yield from shlex.split(line)
        except ValueError:  # the word being typed has an open quote
            yield from line.split()


def _is_spec(word: str) -> bool:
    return word.endswith((".yaml", ".yml", "/")) and Path(word).exists()


def typed_with_sandbox_value(environment: MutableMapping[str, str]) -> None:
    """Says what a bare `--sandbox` means on a line that is being completed, so that it does not take the next word."""
    for name in _TYPED:
        if name in environment:
            environment[name] = _BARE_SANDBOX.sub("--sandbox=default", environment[name])


class Shell(StrEnum):
    """The shells that completion is for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", show_default=False)]) -> None:
    """Print what bash, zsh, fish or powershell needs to complete commands, options and the addresses of the spec.

    \b
    source <(tokenvault completion bash)                                     in ~/.bashrc
    tokenvault completion zsh > "${fpath[1]}/_tokenvault"                    once
    tokenvault completion fish > ~/.config/fish/completions/tokenvault.fish  once
    """
    from typer._completion_shared import get_completion_script

    from tokenvault.cli.console import Console

    script = get_completion_script(prog_name="tokenvault", complete_var="_TOKENVAULT_COMPLETE", shell=shell.value)
    Console().out(f"{script}\n")


def members(incomplete: str) -> list[str]:
    """The tenants of the fleet on the line, and their labels."""

    def named() -> Iterator[str]:
        from tokenvault.fleet.load import load_fleet

        file = next((word for word in _words() if _is_spec(word)), "fleet.yaml")
        fleet = load_fleet(Path(file))
        yield from (member.name for member in fleet.members)
        yield from dict.fromkeys(f"{key}={value}" for member in fleet.members for key, value in member.labels.items())

    return _starting(incomplete, named)
