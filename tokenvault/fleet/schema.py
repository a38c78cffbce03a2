"""The JSON Schema of a fleet file, for editors and for what reads it."""

from __future__ import annotations

from functools import cache
from typing import Any

from tokenvault.spec.schema import DOMAIN, VARIABLE_FORM, VARIABLE_PATTERN

SCHEMA_ID = "urn:tokenvault:fleet:1"
NAME_FORM = "At most 64 letters, digits, -, _ and ., beginning and ending with a letter or digit; not `index`."
NAME_PATTERN = "^(?!index$)[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$"


@cache
def fleet_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a fleet file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "tokenvault fleet",
        "description": "Which tenants there are, with the spec, the variables and the credentials of each.",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "fleet", "tenants"],
        "properties": {
            "version": {"description": "The version of this format.", "const": 1, "examples": [1]},
            "fleet": {
                "description": "What the fleet is called in reports.",
                "type": "string",
                "pattern": NAME_PATTERN,
                "errorMessage": NAME_FORM,
                "examples": ["acme"],
            },
            "defaults": {
                "description": "What holds for every tenant that does not say otherwise. `labels` and `variables` are joined "
                "with the tenant's own.",
                "type": "object",
                "additionalProperties": False,
                "properties": _shared(),
                "examples": [{"spec": ["base.yaml"], "max_rps": 2}],
            },
            "tenants": {
                "description": "The members of the fleet, by name. Paths count from the folder of this file.",
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": NAME_PATTERN, "errorMessage": NAME_FORM},
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {**_where(), **_shared()},
                },
                "examples": [{"dev": {"domain": "acme-dev.us.auth0.com", "credentials": {"prefix": "DEV_"}}}],
            },
        },
    }


def _where() -> dict[str, Any]:
    return {
        "domain": {
            "description": "The tenant's domain.",
            "type": "string",
            "minLength": 1,
            "pattern": f"^(https://)?{DOMAIN}/?$",
            "errorMessage": "The tenant's domain alone, without a path.",
            "examples": ["acme-dev.us.auth0.com"],
        },
        "sandbox": {
            "description": "Instead of a domain: the file of a simulated tenant, which needs no credentials.",
            "type": "string",
            "minLength": 1,
            "examples": ["trial.db"],
        },
    }


def _shared() -> dict[str, Any]:
    path = {"type": "string", "minLength": 1}
    return {
        "spec": {
            "description": "The tenant's spec: one file or folder, or a list: base first, then its overlays.",
            "anyOf": [path, {"type": "array", "items": path, "minItems": 1}],
            "examples": [["base.yaml", "production.yaml"]],
        },
        "env_file": {
            "description": "A file of NAME=value lines: variables for the specs of this tenant alone.",
            **path,
            "examples": ["dev.env"],
        },
        "variables": {
            "description": "Variables for the specs of this tenant alone, which see no others. A secret is a reference: "
            "`${env:NAME}` passes one of tokenvault's own environment, `${file:path}` a file.",
            "type": "object",
            "propertyNames": {"pattern": VARIABLE_PATTERN, "errorMessage": VARIABLE_FORM},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "examples": [{"REGION": "eu", "CRM_CLIENT_SECRET": "${env:EU_CRM_CLIENT_SECRET}"}],
        },
        "credentials": _credentials(),
        "labels": {
            "description": "Words to choose tenants by: `--only tier=test`.",
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "examples": [{"tier": "test"}],
        },
        "wave": {
            "description": "When it is its turn: a wave begins when the one before succeeded and is not broken.",
            "type": "integer",
            "minimum": 1,
            "default": 1,
            "examples": [2],
        },
        "protect": {
            "description": "Nothing is ever deleted there: a plan that would is refused.",
            "type": "boolean",
            "default": False,
            "examples": [True],
        },
        "max_destroy": {
            "description": "Refuse to delete more objects than this in one run.",
            "type": "integer",
            "minimum": 0,
            "examples": [0],
        },
        "max_rps": {
            "description": "At most so many requests a second.",
            "type": "number",
            "minimum": 0.01,
            "examples": [2],
        },
    }


def _credentials() -> dict[str, Any]:
    reference = "A reference: `${env:NAME}` or `${file:path}`."
    texts = {
        "client_id": ("The client id of an application that may use the Management API.", "${env:DEV_CLIENT_ID}"),
        "client_secret": (f"Its secret. {reference}", "${env:DEV_CLIENT_SECRET}"),
        "private_key": (f"Its private key as PEM, instead of a secret. {reference}", "${file:keys/dev.pem}"),
        "signing_alg": ("The algorithm that the key signs with; default RS256.", "RS256"),
        "api_token": (f"A Management API token, instead of an application. {reference}", "${env:DEV_API_TOKEN}"),
        "audience": (
            "The Management API's audience, where the domain is a custom one.",
            "https://acme.us.auth0.com/api/v2/",
        ),
    }
    return {
        "description": "How tokenvault signs in to this tenant. Nothing else is looked at: neither $AUTH0_CLIENT_SECRET and its "
        "like nor the login of the Auth0 CLI.",
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "prefix": {
                "description": "What the environment variables begin with: with `DEV_`, $DEV_AUTH0_CLIENT_ID, "
                "$DEV_AUTH0_CLIENT_SECRET, $DEV_AUTH0_API_TOKEN and so on. `{NAME}` stands for the tenant's name in capitals.",
                "type": "string",
                "pattern": "^([A-Za-z_]|\\{NAME\\})([A-Za-z0-9_]|\\{NAME\\})*$",
                "errorMessage": "Letters, digits and _; {NAME} stands for the member's name.",
                "examples": ["DEV_"],
            },
            **{
                name: {"description": description, "type": "string", "minLength": 1, "examples": [example]}
                for name, (description, example) in texts.items()
            },
        },
        "examples": [{"prefix": "DEV_"}],
    }
