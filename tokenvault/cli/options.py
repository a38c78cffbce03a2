"""Arguments and options that commands share, so that one name means one thing everywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tokenvault.cli import BROKEN
from tokenvault.cli.completion import addresses
from tokenvault.tenant.options import MAX_WAIT, TenantOptions

DEFAULT_SPEC = "tokenvault.yaml"
DEFAULT_SANDBOX = ".tokenvault/sandbox.db"
TENANT_PANEL = "Tenant"

# The forms of output. `form` is one of these words: each command says which list it has.
TextOrJson = Literal["text", "json"]
Format = Literal["text", "json", "markdown", "html"]
ProblemFormat = Literal["text", "json", "github"]
DrawingFormat = Literal["mermaid", "dot", "svg", "html"]

Specs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SPEC...", help=f"Spec files, or folders of them. Default: {DEFAULT_SPEC}.", show_default=False
    ),
]
TenantOption = Annotated[
    str | None,
    typer.Option("--tenant", metavar="DOMAIN", help="The tenant; default $AUTH0_DOMAIN.", rich_help_panel=TENANT_PANEL),
]
SandboxOption = Annotated[
    str | None,
    typer.Option(
        "--sandbox",
        metavar="[=PATH]",
        envvar="TOKENVAULT_SANDBOX",
        show_envvar=False,
        help=f"Use the embedded simulated tenant, kept in PATH (default {DEFAULT_SANDBOX}), instead of a real one.",
        rich_help_panel=TENANT_PANEL,
    ),
]
MaxRps = Annotated[
    float | None,
    typer.Option("--max-rps", metavar="N", min=0.01, help="At most N requests a second.", rich_help_panel=TENANT_PANEL),
]
MaxWait = Annotated[
    float,
    typer.Option(
        "--max-wait",
        metavar="SECONDS",
        min=0,
        help="How long to wait for rate limits in all, besides what a plan announces.",
        rich_help_panel=TENANT_PANEL,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="ADDR",
        help="Only these addresses (globs) and what they need. Repeatable.",
        autocompletion=addresses,
    ),
]
Excludes = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="ADDR",
        help="Without these addresses (globs) and what needs them. Repeatable.",
        autocompletion=addresses,
    ),
]
Prune = Annotated[
    bool, typer.Option("--prune", help="Take away the whole objects that this spec dropped: the listed orphans.")
]
MaxDestroy = Annotated[
    int | None,
    typer.Option("--max-destroy", metavar="N", min=0, help="Refuse, before any write, to delete more than N objects."),
]


class FailOn(StrEnum):
    """What a pipeline wants to fail on."""

    BROKEN = "broken"


Fail = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on",
        help=f"Exit {BROKEN} when an application of the spec will not get tokens of a connection once the plan is "
        "carried out. What the token may not read does not count.",
    ),
]
EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", metavar="FILE", help="Read variables from FILE too; the environment wins."),
]
AllowEnv = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-env",
        metavar="NAME",
        help="A variable that the spec may show, besides those of its `variables`. Repeatable.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE.")]


def out_option(says: str, panel: str | None = None) -> Any:
    """The option that names the file which a command writes."""
    return typer.Option("--out", "-o", "--output", metavar="FILE", help=says, rich_help_panel=panel)


Debug = Annotated[bool, typer.Option("--debug", "-v", help="Show each request and its status on stderr; never a body.")]


Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def made_of(factory: Callable[..., object], name: str, without: Collection[str] = ()) -> Decorator:
    """Has a command's parameter of that name made by the factory, from options that several commands have.

    They stand in the factory's signature alone; a command takes them last, less those `without`. typer reads a command's
    signature: it is shown one with them instead of the parameter.
    """
    shared = {key: one for key, one in signature(factory, eval_str=True).parameters.items() if key not in without}

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def called(**given: Any) -> None:
            options = {key: given.pop(key) for key in shared if key in given}
            command(**{name: factory(**options)}, **given)

        own = signature(command, eval_str=True).parameters
        vars(called)["__signature__"] = Signature([*(o for key, o in own.items() if key != name), *_last(shared)])
        return called

    return decorated


def _last(shared: Mapping[str, Parameter]) -> Iterator[Parameter]:
    """Parameters that may follow any others."""
    return (one.replace(kind=Parameter.KEYWORD_ONLY) for one in shared.values())


def tenant_options(
    tenant: str | None, sandbox: str | None, max_rps: float | None = None, max_wait: float = MAX_WAIT
) -> TenantOptions:
    """The tenant that the options name."""
    return TenantOptions(tenant=tenant, sandbox=sandbox_path(sandbox), max_rps=max_rps, max_wait=max_wait)


def sandbox_option(value: str | None) -> tuple[str, ...]:
    """The option `--sandbox` as it is to be typed for the same sandbox; nothing where none was named."""
    path = sandbox_path(value)
    return () if path is None else ("--sandbox",) if path == Path(DEFAULT_SANDBOX) else (f"--sandbox={path}",)


def sandbox_path(value: str | None, default: str = DEFAULT_SANDBOX) -> Path | None:
    """What `--sandbox` names; None where it is not given, or switched off in the environment."""
    if value is None or value.lower() in ("", "0", "false", "no"):
        return None
    return Path(default) if value.lower() in ("1", "true", "yes", "default") else Path(value)


def with_sandbox_value(arguments: Sequence[str]) -> list[str]:
    """`--sandbox` may stand alone: then it means the default file. `--sandbox x.db` and `--sandbox=x` name another."""
    given = list(arguments)
    for index, argument in enumerate(given):
        following = given[index + 1] if index + 1 < len(given) else ""
        if argument == "--":
            break
        if argument == "--sandbox" and not following.endswith((".db", ".sqlite")):
            given[index] = "--sandbox=default"
    return given
