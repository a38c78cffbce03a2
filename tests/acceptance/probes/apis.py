"""The My Account API, its grants, and the tenant's settings."""

from __future__ import annotations

from tests.acceptance.api import Api, Untold
from tests.acceptance.probes.base import (
    Verdict,
    as_assumed,
    my_account_api,
    other,
    probe,
    standing_api,
    told,
    without_my_account_api,
)

SCOPES = ["create:me:connected_accounts", "read:me:connected_accounts", "delete:me:connected_accounts"]


@probe("canonical-my-account")
async def canonical(api: Api) -> Verdict:
    """A second My Account API, for a custom domain, where the tenant has such a domain."""
    listed = await api.ok("GET", "custom-domains")
    domains = listed if isinstance(listed, list) else listed["custom_domains"]
    ready = [one["domain"] for one in domains if one.get("status") == "ready"]
    if not ready:
        raise Untold("the tenant has no custom domain that is verified")
    api.recorder.redactor.aliases[ready[0]] = "login.acceptance.example"
    api.recorder.seed("custom-domains", {"domain": ready[0], "type": "auth0_managed_certs"}, {})
    identifier = f"https://{ready[0]}/me/"
    found = await standing_api(api, identifier)
    if found is None:
        body = {"identifier": identifier, "name": api.run.name("custom-domain")}
        await api.made("resource-servers", body)
        found = await api.find_api(identifier) or {}
    return told(
        found.get("is_system") is True,
        "/me/ on the custom domain is a system API, too",
        "/me/ on the custom domain is an ordinary API",
    )


@probe("my-account-needs-name")
async def needs_name(api: Api) -> Verdict:
    """Activates the My Account API with its identifier alone, then with a name."""
    await without_my_account_api(api)
    bare = await api.create("resource-servers", {"identifier": api.my_account})
    if bare.ok:
        return as_assumed(
            f"the identifier alone activates it ({bare.status}); is_system is {bare.body.get('is_system')}"
        )
    named = await api.create("resource-servers", {"identifier": api.my_account, "name": api.run.name("my-account")})
    if not named.ok:
        raise Untold(f"it cannot be activated at all: {bare.said}; with a name {named.said}")
    return other(f"the identifier alone is refused ({bare.said}); with a name it is activated")


@probe("default-policy")
async def default_policy(api: Api) -> Verdict:
    """Whether a new My Account API comes with an authorization policy."""
    await without_my_account_api(api)
    made, _ = await my_account_api(api)
    shown = made if made.get("authorization_policy") else await api.ok("GET", f"resource-servers/{made['id']}")
    policy = shown.get("authorization_policy")
    return told(not policy, "a new My Account API has no authorization policy", "a policy is attached to a new one")


@probe("system-client-policy-fixed")
async def client_policy(api: Api) -> Verdict:
    """Sends both halves of subject_type_authorization as they are, then the users' alone."""
    await without_my_account_api(api)
    made, _ = await my_account_api(api)
    path, policies = f"resource-servers/{made['id']}", made["subject_type_authorization"]
    both = await api.ask("PATCH", path, {"subject_type_authorization": policies})
    if both.ok:
        return as_assumed("both halves can be sent as they are")
    alone = await api.ask("PATCH", path, {"subject_type_authorization": {"user": policies["user"]}})
    if not alone.ok:
        raise Untold(f"neither both halves ({both.said}) nor the users' alone ({alone.said}) can be sent")
    return other(f"both halves are refused ({both.said}); the users' alone is taken")


@probe("user-grant-as-client")
async def user_grant(api: Api) -> Verdict:
    """Creates a user's grant on the My Account API, and reads back what it became."""
    audience, _ = await my_account_api(api)
    app = await api.application(app_type="regular_web", grant_types=["authorization_code", "refresh_token"])
    body = {"client_id": app["client_id"], "audience": audience["identifier"], "scope": SCOPES, "subject_type": "user"}
    grant = await api.made("client-grants", body)
    listed = await api.ok("GET", "client-grants", client_id=app["client_id"])
    grants = listed if isinstance(listed, list) else listed["client_grants"]
    kinds = [one.get("subject_type", "absent") for one in grants if one["id"] == grant["id"]]
    return told(kinds == ["user"], "it is kept as a user's", f"it is kept as {' and '.join(kinds) or 'nothing'}")


@probe("mfa-by-action")
async def mfa_by_action(api: Api) -> Verdict:
    """Reads whether an Action decides about MFA."""
    settings = await api.ok("GET", "tenants/settings")
    on = settings.get("customize_mfa_in_postlogin_action") is True
    return told(
        not on,
        "customize_mfa_in_postlogin_action is off, so the MFA policy decides",
        'customize_mfa_in_postlogin_action is on: an Action decides, and an exchange may work under "Always"',
    )
