"""Finds out what a real tenant does where nobody has seen one: `python -m tests.acceptance --tenant DOMAIN`.

Makes objects whose names hold a random word, asks one question after the other, lives one life of each flavor through
tokenvault, and takes everything away again. What was there before is read and not touched. The report and the recordings
go into a folder, without secrets and without the tenant's name. Credentials come as for tokenvault: from the environment,
an env file, or the Auth0 CLI's login.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tests.acceptance.journal import Journal
from tests.acceptance.lives import FLAVORS
from tests.acceptance.names import RUN, Run
from tests.acceptance.probes import PROBES
from tests.acceptance.probes.base import Login
from tests.acceptance.runner import Job, carry_out, clean_up
from tokenvault.cli.options import DEFAULT_SANDBOX
from tokenvault.errors import TokenVaultError
from tokenvault.spec.references import read_variables
from tokenvault.tenant.credentials import find_credentials
from tokenvault.tenant.options import TenantOptions

INTERRUPTED = 130


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.acceptance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tenant", metavar="DOMAIN", help="the tenant; default $AUTH0_DOMAIN")
    add("--sandbox", metavar="PATH", nargs="?", const=DEFAULT_SANDBOX, type=Path, help="the simulated tenant in a file")
    add("--env-file", metavar="FILE", type=Path, help="read variables from FILE too; the environment wins")
    add("--yes", metavar="DOMAIN", help="go on without asking, if this is the tenant's domain")
    add("--only", metavar="NAME", action="append", choices=[*PROBES, *FLAVORS], help="only this unknown or flavor")
    add(
        "--logins",
        metavar="FILE",
        type=Path,
        help="what the unknowns that need a person take, as the report says; YAML",
    )
    add("--max-rps", metavar="N", type=float, help="at most N requests a second")
    add("--out", metavar="FOLDER", type=Path, help="write there; default acceptance-RUN")
    add("--clean", metavar="RUN", type=_run, help="only take away what a run left that was killed")
    add("--list", action="store_true", help="show the unknowns, and ask nothing")
    return parser.parse_args(arguments)


def _run(text: str) -> Run:
    if not RUN.fullmatch(text):
        raise argparse.ArgumentTypeError("a run is twelve hex digits, as in the name of its folder")
    return Run(text)


def main(arguments: Sequence[str]) -> int:
    """Runs what the command line asks for; the exit code."""
    given = options(arguments)
    if given.list:
        print("\n".join(f"{one.name}\n  assumed  {one.usually}\n  or else  {one.instead}" for one in PROBES.values()))
        return 0
    try:
        return _carried_out(given)
    except TokenVaultError as problem:
        for one in problem.diagnostics:
            print(f"{one.summary} [{one.code}]", *filter(None, (one.detail, one.hint)), sep="\n  ", file=sys.stderr)
        return 1


def _carried_out(given: argparse.Namespace) -> int:
    environment = {**(read_variables(given.env_file) if given.env_file else {}), **os.environ}
    tenant_options = TenantOptions(tenant=given.tenant, sandbox=given.sandbox, max_rps=given.max_rps)
    if not given.sandbox:
        _confirm(find_credentials(environment, given.tenant).domain, given.yes)
    run = given.clean or Run.new()
    job = Job(
        tenant_options=tenant_options,
        environment=environment,
        folder=given.out or Path(run.mark),
        run=run,
        probes=[name for name in PROBES if not given.only or name in given.only],
        flavors=[name for name in FLAVORS if not given.only or name in given.only],
        logins=_logins(given.logins),
    )
    if given.clean:
        return _cleaned(job)
    print(f"Run {run.id}. If it is killed: --clean {run.id}")
    found = asyncio.run(carry_out(job))
    for one in found.left:
        print(f"Left: {one}")
    return INTERRUPTED if found.broken == "interrupted" else int(not found.ok)


def _cleaned(job: Job) -> int:
    if not job.folder.is_dir() or Journal.read(job.folder).run != job.run:
        raise SystemExit(f"{job.folder} holds no journal of run {job.run.id}; --out names its folder.")
    left = asyncio.run(clean_up(job))
    print("\n".join(f"Left: {one}" for one in left) or "Nothing is left.")
    return int(bool(left))


def _confirm(domain: str, given: str | None) -> None:
    """Ends the process unless somebody names the tenant."""
    if given is None:
        print(f"This creates and deletes applications, connections and APIs of its own in {domain}.")
        try:
            given = input("Type the tenant's domain to go on: ").strip()
        except (EOFError, KeyboardInterrupt):
            given = ""
    if given != domain:
        raise SystemExit(f"Not run: the tenant is {domain}, and that is not what was typed.")


def _logins(path: Path | None) -> Mapping[str, Login]:
    """The logins of a file: for the name of an unknown, `connection`, `client_id`, `client_secret`, `subject_token`."""
    if path is None:
        return {}
    try:
        logins = {name: Login(**fields) for name, fields in yaml.safe_load(path.read_text()).items()}
    except (OSError, TypeError, AttributeError, yaml.YAMLError):
        shape = "UNKNOWN: {connection, client_id, client_secret, subject_token}"
        raise SystemExit(f"{path} cannot be read as {shape}, one or more") from None
    by_hand = [name for name, one in PROBES.items() if one.steps]
    if unknown := sorted(logins.keys() - set(by_hand)):
        raise SystemExit(
            f"{path}: no unknown that needs a person is called {unknown[0]}; there are {', '.join(by_hand)}"
        )
    return logins


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
