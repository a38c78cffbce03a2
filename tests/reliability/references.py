"""References at every field of a spec: what a variable or a file holds is shown nowhere, whatever it is called.

Each case is a spec that is whole but for one reference. A secret's value is a word that occurs nowhere else. What a spec may
refer to is decided by the field; those that take a secret are planned, applied and asked about in every form.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

Spec = dict[str, Any]
CANARY = "c4n4ry"

SECRETS: Mapping[str, str] = {
    "DATABASE_URL": f"postgres://app:{CANARY}@db.example.com/app",
    "REDIS_URL": f"redis://:{CANARY}@cache.example.com:6379/0",
    "MONGODB_URI": f"mongodb+srv://app:{CANARY}@cluster.example.net",
    "AMQP_URL": f"amqp://app:{CANARY}@mq.example.com",
    "SENTRY_DSN": f"https://{CANARY}@o1.ingest.sentry.io/2",
    "CI_REPOSITORY_URL": f"https://gitlab-ci-token:{CANARY}@gitlab.example.com/acme/app.git",
    "CI_JOB_JWT": f"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ{CANARY}In0.c2lnbmF0dXJl",
    "CI_JOB_TOKEN": f"glcbt-64_{CANARY}",
    "GITLAB_PAT": f"glpat-{CANARY}0123456789",
    "GITHUB_TOKEN": f"ghp_{CANARY}0123456789012345678901234567",
    "GH_TOKEN": f"github_pat_{CANARY}0123456789",
    "NPM_TOKEN": f"npm_{CANARY}0123456789",
    "ACTIONS_RUNTIME_TOKEN": f"{CANARY}-actions",
    "STRIPE_KEY": f"sk_live_{CANARY}0123456789",
    "OPENAI_API_KEY": f"sk-proj-{CANARY}0123456789",
    "ANTHROPIC_API_KEY": f"sk-ant-{CANARY}0123456789",
    "SENDGRID_API_KEY": f"SG.{CANARY}0123456789.0123456789",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}/EXAMPLEKEY",
    "AWS_SESSION_TOKEN": f"{CANARY}//////////wEaCXVzLWVhc3QtMSJ",
    "DB_PASS": CANARY,
    "PGPASSWORD": f"{CANARY}-pg",
    "MYSQL_PWD": f"{CANARY}-my",
    "SMTP_PASS": f"{CANARY}-smtp",
    "DOCKER_PASSWORD": f"{CANARY}-docker",
    "SSH_KEY": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n-----END OPENSSH PRIVATE KEY-----\n",
    "SLACK_WEBHOOK_URL": f"https://hooks.slack.com/services/T0/B0/{CANARY}",
    "TWILIO_AUTH_TOKEN": f"{CANARY}-twilio",
    "VAULT_TOKEN": f"hvs.{CANARY}",
    "JWT_SIGNING_KEY": f"{CANARY}-jwt",
    "SESSION_COOKIE": f"{CANARY}-session",
    "DEPLOY_CREDS": f"{CANARY}-creds",
    "CRM_INNOCENT": f"{CANARY}.example.com",  # no name tells that this is one
}
"""Variables that hold secrets, as pipelines and platforms call them."""

FILES: Mapping[str, str] = {
    ".git/config": f"[http]\n\textraheader = AUTHORIZATION: basic {CANARY}\n",
    ".env": f"CRM_SECRET={CANARY}\n",
    ".env.production": f"CRM_SECRET={CANARY}\n",
    ".npmrc": f"//registry.npmjs.org/:_authToken={CANARY}\n",
    ".netrc": f"machine example.com password {CANARY}\n",
    ".aws/credentials": f"aws_secret_access_key = {CANARY}\n",
    ".docker/config.json": f'{{"auths": {{"x": {{"auth": "{CANARY}"}}}}}}\n',
    ".ssh/id_rsa": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n-----END OPENSSH PRIVATE KEY-----\n",
    "config/.hidden/token": f"{CANARY}\n",
    "keys/x.pem": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n",
    "secrets/client_secret.txt": f"{CANARY}\n",
    "terraform.tfstate": f'{{"secret": "{CANARY}"}}\n',
}
"""Files of a checkout that hold secrets."""

KINDS: Mapping[str, Callable[[str], str]] = {
    "alone": lambda name: f"${{env:{name}}}",
    "with a default": lambda name: f"${{env:{name}:-fallback}}",
    "inside a text": lambda name: f"https://app.example.com/${{env:{name}}}/x",
}

WHOLE: Spec = {
    "version": 1,
    "name": "acme",
    "connections": {
        "google-oauth2": {"scopes": ["email"]},
        "crm": {
            "strategy": "oauth2",
            "credentials": {"client_id": "crm", "client_secret": "${env:PROVIDED}"},
            "options": {"tokenURL": "https://crm.example.com/token"},
        },
    },
    "apis": {"calendar": {"identifier": "https://calendar.example.com", "scopes": {"read:x": "Read"}}},
    "applications": {
        "web": {
            "name": "Web",
            "type": "regular_web",
            "callbacks": ["https://web.example.com/cb"],
            "flavors": [
                "refresh_token_exchange",
                {"access_token_exchange": {"api": "calendar", "client_name": "Caller"}},
            ],
        },
        "worker": {
            "type": "m2m",
            "flavors": [
                {
                    "privileged_worker": {
                        "public_keys": [{"file": "keys/nightly-sync.pub.pem"}],
                        "ip_allowlist": ["192.0.2.1"],
                        "grants": {"google-oauth2": ["email"]},
                    }
                }
            ],
        },
    },
}
_WORKER = ("applications", "worker", "flavors", 0, "privileged_worker")
_CALLER = ("applications", "web", "flavors", 1, "access_token_exchange")
FIELDS: Mapping[str, tuple[str | int, ...]] = {
    "spec name": ("name",),
    "tenant": ("tenant",),
    "mfa_policy": ("mfa_policy",),
    "my_account_api.domain": ("my_account_api", "domain"),
    "connection scope": ("connections", "crm", "scopes", 0),
    "connection strategy": ("connections", "crm", "strategy"),
    "credentials.client_id": ("connections", "crm", "credentials", "client_id"),
    "connection option": ("connections", "crm", "options", "tokenURL"),
    "option in an option": ("connections", "crm", "options", "upstream_params", "hint", "value"),
    "API name": ("apis", "calendar", "name"),
    "API identifier": ("apis", "calendar", "identifier"),
    "scope description": ("apis", "calendar", "scopes", "read:x"),
    "application name": ("applications", "web", "name"),
    "client_id": ("applications", "web", "client_id"),
    "callback": ("applications", "web", "callbacks", 0),
    "logout URL": ("applications", "web", "logout_urls", 0),
    "web origin": ("applications", "web", "web_origins", 0),
    "allowed origin": ("applications", "web", "allowed_origins", 0),
    "Custom API Client name": (*_CALLER, "client_name"),
    "worker's address": (*_WORKER, "ip_allowlist", 0),
    "worker's grant scope": (*_WORKER, "grants", "google-oauth2", 0),
    "client_secret": ("connections", "crm", "credentials", "client_secret"),
    "secret option": ("connections", "crm", "options", "app_secret"),
    "public key file": (*_WORKER, "public_keys", 0, "file"),
}
"""The fields that take text."""

UNSEEN = ("credentials.client_id", "client_secret", "secret option", "public key file")
"""Those that take a value which nobody may see."""


def spec_with(field: str, value: str) -> Spec:
    """The whole spec with this value at the field."""
    spec = copy.deepcopy(WHOLE)
    path = FIELDS[field]
    place: Any = spec
    for part, following in pairwise(path):
        missing: Any = [] if isinstance(following, int) else {}
        place = place.setdefault(part, missing) if isinstance(place, dict) else place[int(part)]
    last = path[-1]
    if isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return spec


def references() -> Iterator[tuple[str, str]]:
    """Every reference to a secret, with a title."""
    for name in SECRETS:
        for kind, written in KINDS.items():
            yield f"{name} {kind}", written(name)
    for path in FILES:
        yield path, f"${{file:{path}}}"


def plant_files(folder: Path) -> None:
    """Lays the files that hold secrets below the folder."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


ENVIRONMENT = {**SECRETS, "PROVIDED": "a provider's secret", "AUTH0_DOMAIN": "acme.us.auth0.com"}
