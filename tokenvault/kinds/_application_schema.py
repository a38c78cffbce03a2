"""What users may write under `applications`. The flavors add their own settings (see spec/schema.py)."""

from __future__ import annotations

from typing import Any


def _urls(description: str, example: str) -> dict[str, Any]:
    return {
        "description": description,
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 2048},
        "uniqueItems": True,
        "examples": [[example]],
    }


SCHEMA: dict[str, Any] = {
    "description": "The applications, keyed by a name of your own: the key is the address, `application.<key>`.",
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["flavors"],
        "anyOf": [{"required": ["type"]}, {"required": ["client_id"]}],
        "properties": {
            "name": {
                "description": "The application's name in Auth0. Default: the key, or, with `client_id`, the name it has.",
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "pattern": "^[^<>]+$",
                "examples": ["Acme Assistant"],
            },
            "client_id": {
                "description": "Adopt the existing application with this client id instead of looking for one by name.",
                "type": "string",
                "pattern": "^([A-Za-z0-9_-]{1,64}|.*\\$\\{.*)$",
                "examples": ["AbC123dEf456GhI789jKl012mNo345Pq"],
            },
            "type": {
                "description": "What kind of application it is. `spa` and `native` are public: they keep no secret.",
                "enum": ["regular_web", "m2m", "spa", "native"],
                "examples": ["regular_web"],
            },
            "callbacks": _urls(
                "Callback URLs: the login's, and the one that a user comes back to after connecting an account.",
                "https://assistant.acme.com/auth/callback",
            ),
            "logout_urls": _urls("Where a user may be sent after logging out.", "https://assistant.acme.com"),
            "web_origins": _urls("Origins that may use silent authentication.", "https://assistant.acme.com"),
            "allowed_origins": _urls(
                "Origins that may call Auth0 from the browser (CORS), the My Account API among it.",
                "https://calendar.acme.com",
            ),
            "flavors": {"description": "What the application uses Token Vault for.", "type": "array", "minItems": 1},
            "connections": {
                "description": "Connections of this spec that the application uses. Default: all of them.",
                "type": "array",
                "items": {"type": "string"},
                "uniqueItems": True,
                "examples": [["google-oauth2"]],
            },
            "protect": {
                "description": "Never deleted or released, whatever else is asked.",
                "type": "boolean",
                "default": False,
                "examples": [True],
            },
        },
    },
}
