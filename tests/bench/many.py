"""Specs of any size: so many applications on so many connections, as a platform team would write them."""

from __future__ import annotations

from pathlib import Path

HEAD = """\
version: 1
name: bench
connections:
{connections}
applications:
{applications}
"""
CONNECTION = """\
  crm-{number}:
    strategy: oauth2
    credentials: {{client_id: crm-{number}, client_secret: "${{env:BENCH_SECRET}}"}}
    options: {{authorizationURL: https://crm-{number}.example.com/a, tokenURL: https://crm-{number}.example.com/t}}
    scopes: [contacts.read, offline_access]
"""
APPLICATION = """\
  app-{number}:
    name: Application {number}
    type: regular_web
    callbacks: [https://app-{number}.example.com/callback]
    flavors: [connected_accounts, refresh_token_exchange]
"""
ENVIRONMENT = {"BENCH_SECRET": "not-a-secret"}


def spec(applications: int, connections: int) -> str:
    """The text of a spec in which every application uses every connection."""
    return HEAD.format(
        connections="".join(CONNECTION.format(number=number) for number in range(connections)),
        applications="".join(APPLICATION.format(number=number) for number in range(applications)),
    )


def write_spec(folder: Path, applications: int, connections: int) -> Path:
    """A file that holds such a spec."""
    path = folder / f"{applications}x{connections}.yaml"
    path.write_text(spec(applications, connections))
    return path
