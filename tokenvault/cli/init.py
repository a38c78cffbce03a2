"""`tokenvault init`: the wizard."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokenvault.cli.completion import flavors
from tokenvault.cli.options import (
    DEFAULT_SANDBOX,
    DEFAULT_SPEC,
    EnvFile,
    MaxRps,
    MaxWait,
    SandboxOption,
    TenantOption,
    out_option,
    tenant_options,
)
from tokenvault.cli.session import Session, open_session
from tokenvault.errors import RefusedError
from tokenvault.tenant.options import MAX_WAIT, TenantOptions, domain_named
from tokenvault.text import safe

if TYPE_CHECKING:
    from tokenvault.init.answers import Answers, Offers
    from tokenvault.init.draft import Draft
    from tokenvault.init.prompts import Option

# ---- the tenant that `init` offers choices from: asked for, and read, when the first question needs it


NOWHERE = TenantOptions()


@dataclass(slots=True)
class TenantChoices:
    """The session as it becomes while questions are asked. `where` is `NOWHERE` when names are to be typed."""

    session: Session
    _offers: Offers | None = None

    def offers(self) -> Offers:
        """What the tenant has to choose from."""
        import asyncio

        from tokenvault.init.answers import Offers

        if self._offers is None:
            if not (self.session.tenant_options.tenant or self.session.tenant_options.sandbox):
                self.session = replace(self.session, tenant_options=_asked_for(self.session))
            self._offers = asyncio.run(self._read()) if self.is_known else Offers()
            for warning in self._offers.warnings:
                self.session.console.problem(warning)
        return self._offers

    @property
    def is_known(self) -> bool:
        """Whether there is a tenant to read, and to plan on."""
        return self.session.tenant_options != NOWHERE

    async def _read(self) -> Offers:
        from tokenvault.init.answers import read_offers

        async with self.session.tenant() as tenant:
            return await read_offers(tenant)

    @property
    def spec_tenant(self) -> str | None:
        """The domain that the spec is to be limited to; a sandbox is nobody's."""
        return None if self.session.tenant_options.sandbox else named_tenant(self.session)


def named_tenant(session: Session) -> str | None:
    """The tenant that is named outright, by option or variable."""

    return domain_named(session.environment, session.tenant_options.tenant) or None


def _asked_for(session: Session) -> TenantOptions:
    from tokenvault.init import prompts

    reachable = _reachable(session)
    if not reachable:
        session.console.err("No credentials were found: `tokenvault auth status` says how to give some.\n")
    options = [
        *reachable,
        prompts.Option(
            value=TenantOptions(sandbox=Path(DEFAULT_SANDBOX)),
            title="The sandbox: a simulated tenant, no account needed",
        ),
        prompts.Option(value=NOWHERE, title="None: I type the names of applications and connections"),
    ]
    chosen: TenantOptions = prompts.select("Which tenant?", options)
    return chosen


def _reachable(session: Session) -> list[Option]:
    """The tenants that there are credentials for: of the environment first, then the Auth0 CLI's logins."""
    from tokenvault.init.prompts import Option
    from tokenvault.tenant.cli_login import SOURCE, read_logins
    from tokenvault.tenant.credentials import find_credentials

    sources: dict[str, str] = {}
    with suppress(RefusedError):
        found = find_credentials(session.environment)
        sources[found.domain] = found.source
    with suppress(RefusedError):
        for login in read_logins(session.environment).by_domain.values():
            sources.setdefault(login.domain, SOURCE)
    return [
        Option(value=TenantOptions(tenant=domain), title=f"{domain} ({source})") for domain, source in sources.items()
    ]


APPLICATION, FLAVORS, RESULT = "Application", "Flavors and connections", "Result"
Many = list[str] | None

AppName = Annotated[
    str | None,
    typer.Option("--app-name", metavar="NAME", help="Create an application of this name.", rich_help_panel=APPLICATION),
]
ClientIds = Annotated[
    Many,
    typer.Option("--client-id", metavar="ID", help="Adopt this application. Repeatable.", rich_help_panel=APPLICATION),
]
Type = Annotated[
    str | None,
    typer.Option("--type", metavar="TYPE", help="regular_web, m2m, spa or native.", rich_help_panel=APPLICATION),
]
Callbacks = Annotated[
    Many,
    typer.Option("--callback", metavar="URL", help="A callback URL. Repeatable.", rich_help_panel=APPLICATION),
]
LogoutUrls = Annotated[
    Many,
    typer.Option("--logout-url", metavar="URL", help="A logout URL. Repeatable.", rich_help_panel=APPLICATION),
]
FlavorNames = Annotated[
    Many,
    typer.Option(
        "--flavor",
        metavar="NAME",
        help="A Token Vault flavor. Repeatable.",
        rich_help_panel=FLAVORS,
        autocompletion=flavors,
    ),
]
Connections = Annotated[
    Many,
    typer.Option(
        "--connection",
        metavar="NAME[=SCOPE,…]",
        help="A connection that it uses, and scopes to add to it; NAME= uses it as it is. Repeatable.",
        rich_help_panel=FLAVORS,
    ),
]
ApiIdentifier = Annotated[
    str | None,
    typer.Option(
        "--api-identifier", metavar="URI", help="The API whose access tokens are exchanged.", rich_help_panel=FLAVORS
    ),
]
ApiName = Annotated[
    str | None, typer.Option("--api-name", metavar="NAME", help="The API's name.", rich_help_panel=FLAVORS)
]
ApiClientName = Annotated[
    str | None,
    typer.Option(
        "--api-client-name", metavar="NAME", help="The name of its Custom API Client.", rich_help_panel=FLAVORS
    ),
]
Authentication = Annotated[
    str | None,
    typer.Option(
        "--authentication",
        metavar="HOW",
        help="How a worker authenticates: private_key_jwt or client_secret_post.",
        rich_help_panel=FLAVORS,
    ),
]
PublicKeys = Annotated[
    Many,
    typer.Option("--public-key", metavar="FILE", help="A worker's public key, as PEM.", rich_help_panel=FLAVORS),
]
GenerateKey = Annotated[
    bool,
    typer.Option("--generate-key", help="Make an RSA key pair for the worker, in keys/.", rich_help_panel=FLAVORS),
]
Ips = Annotated[
    Many,
    typer.Option("--ip", metavar="ADDRESS", help="An address or network of the worker.", rich_help_panel=FLAVORS),
]
Grants = Annotated[
    Many,
    typer.Option(
        "--grant",
        metavar="NAME=SCOPE,…",
        help="A connection and the scopes that the worker may get of it. Repeatable.",
        rich_help_panel=FLAVORS,
    ),
]
Sets = Annotated[
    Many,
    typer.Option(
        "--set", metavar="FLAVOR.SETTING=VALUE", help="Any other setting of a flavor, as YAML.", rich_help_panel=FLAVORS
    ),
]
SpecName = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="The spec's name; default after the application.", rich_help_panel=RESULT
    ),
]
Output = Annotated[Path, out_option("Write the spec to FILE.", RESULT)]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE.", rich_help_panel=RESULT)]
NoInput = Annotated[bool, typer.Option("--no-input", help="Ask nothing: the flags say it all.", rich_help_panel=RESULT)]
DEFAULT_OUTPUT = Path(DEFAULT_SPEC)


def init(
    app_name: AppName = None,
    client_ids: ClientIds = None,
    type_: Type = None,
    callbacks: Callbacks = None,
    logout_urls: LogoutUrls = None,
    flavors: FlavorNames = None,
    connections: Connections = None,
    api_identifier: ApiIdentifier = None,
    api_name: ApiName = None,
    api_client_name: ApiClientName = None,
    authentication: Authentication = None,
    public_keys: PublicKeys = None,
    generate_key: GenerateKey = False,
    ips: Ips = None,
    grants: Grants = None,
    sets: Sets = None,
    name: SpecName = None,
    out: Output = DEFAULT_OUTPUT,
    force: Force = False,
    no_input: NoInput = False,
    tenant: TenantOption = None,
    sandbox: SandboxOption = None,
    max_rps: MaxRps = None,
    max_wait: MaxWait = MAX_WAIT,
    env_file: EnvFile = None,
) -> None:
    """Make a spec: ask what it is to do, or take it from options, and write it. Changes nothing in the tenant.

    Only what no option answers is asked. Without a terminal everything needed must be given; no tenant is read then.

    \b
    tokenvault init                               ask everything
    tokenvault init --app-name Web --type spa     ask only the rest
    """
    from tokenvault.init.draft import refuse_to_overwrite
    from tokenvault.init.flags import Flags, answers_of

    if not force:
        refuse_to_overwrite(out)
    choices = TenantChoices(open_session(tenant_options(tenant, sandbox, max_rps, max_wait), env_file=env_file))
    flags = Flags(
        name=name,
        app_name=app_name,
        client_ids=tuple(client_ids or ()),
        type=type_,
        callbacks=tuple(callbacks or ()),
        logout_urls=tuple(logout_urls or ()),
        flavors=tuple(flavors or ()),
        connections=tuple(connections or ()),
        api_identifier=api_identifier,
        api_name=api_name,
        api_client_name=api_client_name,
        authentication=authentication,
        public_keys=tuple(public_keys or ()),
        generate_key=generate_key,
        ips=tuple(ips or ()),
        grants=tuple(grants or ()),
        sets=tuple(sets or ()),
    )
    answers = answers_of(flags, folder=out.parent)
    if choices.session.console.is_interactive and not no_input:
        _in_a_dialogue(choices, answers, out, force=force, env_file=env_file)
    else:
        _without_questions(choices, answers, out, force=force)


def _without_questions(choices: TenantChoices, answers: Answers, output: Path, *, force: bool) -> None:
    from tokenvault.init.flags import missing

    problem = missing(answers)
    if problem:
        raise RefusedError(problem)
    draft = _draft(choices, answers, output)
    choices.session.console.out(draft.text)
    _write(choices.session, draft, force=force)
    choices.session.console.err(f"\nNext: {choices.session.command('plan', *_named(output))}\n")


def _in_a_dialogue(
    choices: TenantChoices, answers: Answers, output: Path, *, force: bool, env_file: Path | None
) -> None:
    from tokenvault.init.prompts import Cancelled

    try:
        draft = _draft(choices, _asked(choices, answers, output), output)
        choices.session.console.out(f"\n{draft.text}\n")
        with_plan = _confirmed(choices, output)
    except Cancelled:
        choices.session.console.err("\nCancelled. Nothing was written.\n")
        raise typer.Exit(1) from None
    _write(choices.session, draft, force=force)
    if with_plan:
        _plan(choices.session, output, env_file)
    choices.session.console.err(
        f"\nNext: {choices.session.command('apply' if with_plan else 'plan', *_named(output))}\n"
    )


def _asked(choices: TenantChoices, answers: Answers, output: Path) -> Answers:
    from tokenvault.init.answers import Desk
    from tokenvault.init.questions import open_questions

    desk = Desk(offers=choices.offers, tell=choices.session.console.err, folder=output.parent)
    while (question := next(open_questions(answers), None)) is not None:
        answers = question.ask(answers, desk)
    return answers


def _draft(choices: TenantChoices, answers: Answers, output: Path) -> Draft:
    from tokenvault.init.draft import make_draft
    from tokenvault.init.flags import with_default_name

    complete = replace(with_default_name(answers), tenant=choices.spec_tenant)
    return make_draft(complete, output, choices.session.environment)


def _confirmed(choices: TenantChoices, output: Path) -> bool:
    """Whether the plan is to be shown as well; `Cancelled` when nothing is to be written."""
    from tokenvault.init import prompts
    from tokenvault.init.prompts import Cancelled

    with_plan = [prompts.Option(value="plan", title="Yes, and show the plan")] if choices.is_known else []
    options = [*with_plan, prompts.Option(value="write", title="Yes"), prompts.Option(value="no", title="No")]
    chosen = prompts.select(f"Write {output}?", options)
    if chosen == "no":
        raise Cancelled
    return bool(chosen == "plan")


def _write(session: Session, draft: Draft, *, force: bool) -> None:
    from tokenvault.init.draft import write

    written = write(draft, replace=force)
    width = max(map(len, written)) + 2
    session.console.err(
        "\nWritten:\n" + "".join(f"  {safe(f'{file:<{width}}{what}')}\n" for file, what in written.items())
    )


def _plan(session: Session, output: Path, env_file: Path | None) -> None:
    from tokenvault.cli.plan import plan

    at = session.tenant_options
    plan(specs=[str(output)], tenant=at.tenant, sandbox=str(at.sandbox) if at.sandbox else None, env_file=env_file)


def _named(output: Path) -> list[str]:
    """The spec as an argument; the default one needs none."""
    return [str(output)] if str(output) != DEFAULT_SPEC else []
