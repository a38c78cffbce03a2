"""What users may write under `connections`."""

from __future__ import annotations

from typing import Any

from tokenvault.kinds._strategies import KNOWN, WRONG_NAMES

REFERENCE = "\\$\\{(env|file):"

SCHEMA: dict[str, Any] = {
    "description": "Connections that applications use through Token Vault, keyed by their name in the tenant. `{}` switches "
    "connected accounts on and touches nothing else.",
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z0-9](-[A-Za-z0-9]|[A-Za-z0-9_.])*$", "maxLength": 128},
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "purpose": {
                "description": "`connected_accounts`: not offered for login. `authentication_and_connected_accounts`: both. "
                "Absent: connected accounts are switched on and login stays as it is.",
                "enum": ["connected_accounts", "authentication_and_connected_accounts"],
                "examples": ["authentication_and_connected_accounts"],
            },
            "offline_access": {
                "description": "Ask the provider for refresh tokens, in the way that its strategy has for it. Without one, "
                "Token Vault has nothing to exchange.",
                "type": "boolean",
                "examples": [True],
            },
            "scopes": {
                "description": "The provider's own scopes, as its documentation spells them. Scopes that the connection "
                "already asks for stay.",
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 280, "pattern": "^\\S+$"},
                "uniqueItems": True,
                "examples": [["email", "https://www.googleapis.com/auth/calendar.events"]],
            },
            "strategy": {
                "description": "The identity provider type. With `credentials`, a connection that does not exist is created.",
                "enum": sorted(KNOWN | set(WRONG_NAMES)),
                "examples": ["oauth2"],
            },
            "credentials": {
                "description": "Your client at the provider. Auth0's developer keys store no tokens.",
                "type": "object",
                "additionalProperties": False,
                "required": ["client_id", "client_secret"],
                "properties": {
                    "client_id": {
                        "description": "The client id that the provider gave you.",
                        "type": "string",
                        "minLength": 1,
                        "examples": ["${env:CRM_CLIENT_ID}"],
                    },
                    "client_secret": {
                        "description": "The client secret that the provider gave you: a reference, never the secret itself.",
                        "type": "string",
                        "pattern": f"^{REFERENCE}[^}}]+\\}}$",
                        "writeOnly": True,
                        "examples": ["${env:CRM_CLIENT_SECRET}"],
                    },
                },
                "examples": [{"client_id": "${env:CRM_CLIENT_ID}", "client_secret": "${env:CRM_CLIENT_SECRET}"}],
            },
            "options": {
                "description": "Further connection options, named as in the Management API. Only what stands here is "
                "managed; every other option is kept.",
                "type": "object",
                "propertyNames": {
                    "pattern": "^[A-Za-z][A-Za-z0-9_-]*$",
                    "not": {"enum": ["client_id", "client_secret", "scope", "freeform_scopes", "offline_access"]},
                },
                "examples": [{"tokenURL": "https://crm.acme.com/token"}],
            },
        },
    },
}
