"""What the `addons` of an application may hold: some thirty products, each open to properties of its own."""

from __future__ import annotations

from collections.abc import Mapping

from .check import (
    BOOLEAN,
    NONEMPTY_STRINGS,
    OBJECT,
    STRING,
    Rule,
    array,
    closed,
    either,
    integer,
    nullable,
    opened,
    text,
)


def _addon(texts: str, others: Mapping[str, Rule] | None = None, *, required: str = "") -> Rule:
    fields = {**dict.fromkeys(texts.split(), STRING), **(others or {})}
    return nullable(opened({name: nullable(rule) for name, rule in fields.items()}, tuple(required.split())))


INTEGER = integer()
SALESFORCE_API = _addon("clientid communityName community_url_section principal")
BLOB_RIGHTS = (
    "blob_delete", "blob_read", "blob_write", "container_delete", "container_list", "container_read", "container_write",
)  # fmt: skip
ADDONS = closed(
    {
        **dict.fromkeys(("box", "cloudbees", "concur", "dropbox", "wsfed"), nullable(OBJECT)),
        "oag": nullable(closed({})),
        "aws": _addon("principal role", {"lifetime_in_seconds": integer(least=900, most=43_200)}),
        "azure_blob": _addon(
            "signedIdentifier",
            {
                **dict.fromkeys(BLOB_RIGHTS, BOOLEAN),
                "accountName": text(pattern=r"^([a-z0-9]){3,24}$"),
                "blobName": text(pattern=r"^(.){1,1024}$"),
                "containerName": text(pattern=r"^([a-z0-9]){1}([a-z0-9-]){2,62}$"),
                "storageAccessKey": text(pattern=r"^([A-Za-z0-9+/]){86}==$"),
                "expiration": integer(least=0),
            },
        ),
        "azure_sb": _addon("entityPath namespace sasKey sasKeyName", {"expiration": INTEGER}),
        "echosign": _addon("domain"),
        "egnyte": _addon("domain"),
        "firebase": _addon("client_email private_key private_key_id secret", {"lifetime_in_seconds": INTEGER}),
        "layer": _addon(
            "keyId principal privateKey providerId",
            {"expiration": integer(least=0)},
            required="providerId keyId privateKey",
        ),
        "mscrm": _addon("url", required="url"),
        "newrelic": _addon("account"),
        "office365": _addon("connection domain"),
        "rms": _addon("url", required="url"),
        "salesforce": _addon("entity_id"),
        "salesforce_api": SALESFORCE_API,
        "salesforce_sandbox_api": SALESFORCE_API,
        "samlp": _addon(
            "audience authnContextClassRef destination digestAlgorithm issuer nameIdentifierFormat recipient "
            "signatureAlgorithm",
            {
                **dict.fromkeys(
                    ("createUpnClaim", "mapIdentities", "mapUnknownClaimsAsIs", "passthroughClaimsWithNoMapping",
                     "signResponse"), BOOLEAN
                ),
                "lifetimeInSeconds": INTEGER,
                "mappings": OBJECT,
                "nameIdentifierProbes": NONEMPTY_STRINGS,
            },
        ),
        "sap_api": _addon("clientid nameIdentifierFormat scope servicePassword tokenEndpointUrl usernameAttribute"),
        "sentry": _addon("base_url org_slug"),
        "sharepoint": _addon("url", {"external_url": either(STRING, array(STRING))}),
        "slack": _addon("team", required="team"),
        "springcm": _addon("acsurl"),
        "sso_integration": _addon("name version"),
        "wams": _addon("masterkey"),
        "zendesk": _addon("accountName"),
        "zoom": _addon("account"),
    }
)  # fmt: skip
