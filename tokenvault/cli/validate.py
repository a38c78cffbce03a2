"""`tokenvault validate`."""

from __future__ import annotations

from tokenvault.cli.options import EnvFile, Specs, where
from tokenvault.cli.session import session


def validate(specs: Specs = None, env_file: EnvFile = None) -> None:
    """Check a spec: its schema and every rule that needs no tenant.

    All problems are told at once, sorted by line, each with a code and a way out. Nothing is sent.
    """
    from tokenvault.graph import build_graph

    here = session(where(None, None), env_file=env_file)
    spec = here.spec(specs)
    build_graph(spec, spec.tenant or "tenant.invalid")
    applications, connections = len(spec.applications), len(spec.connections)
    here.console.out(
        f"{here.console.paint('Valid.', 'bold', 'green')} {applications} application{'s' * (applications != 1)}, "
        f"{connections} connection{'s' * (connections != 1)}.\n"
    )
