"""Multi-factor authentication, `/guardian/…`: the policies, the factors, and the settings of single factors."""

from __future__ import annotations

from typing import Any

from . import tenant_settings
from .check import BOOLEAN, OBJECT, STRING, Rule, array, closed, enum, opened
from .errors import bad_request
from .routing import Call, Endpoint, Reply, Route
from .store import Transaction

FACTORS = (
    "sms", "push-notification", "otp", "email", "duo", "webauthn-roaming", "webauthn-platform", "recovery-code",
)  # fmt: skip
POLICIES = ("all-applications", "confidence-score")


def policies(tx: Transaction) -> list[str]:
    """The tenant's MFA policies; none means Never."""
    return list((tx.get("tenant", "policies") or {"policies": []})["policies"])


def always_asks(tx: Transaction) -> bool:
    """Whether every login asks for a second factor: so the policy says, and no Action decides in its place."""
    by_action = tenant_settings.settings(tx).get("customize_mfa_in_postlogin_action")
    return "all-applications" in policies(tx) and not by_action


def get_policies(call: Call) -> Reply:
    """GET /guardian/policies: a bare array."""
    return Reply(200, policies(call.tx))


def put_policies(call: Call) -> Reply:
    """PUT /guardian/policies: replaces."""
    call.tx.put("tenant", "policies", {"policies": call.body})
    return Reply(200, call.body)


def get_factors(call: Call) -> Reply:
    """GET /guardian/factors: all of them, always."""
    enabled = call.tx.get("tenant", "factors") or {}
    return Reply(200, [{"name": name, "enabled": bool(enabled.get(name)), "trial_expired": False} for name in FACTORS])


def put_factor(call: Call) -> Reply:
    """PUT /guardian/factors/{name}: on or off."""
    name = call.params["name"]
    if name not in FACTORS:
        raise bad_request(f"Path validation error: 'No enum match for: {name}' on property name.", "invalid_uri")
    call.tx.put("tenant", "factors", (call.tx.get("tenant", "factors") or {}) | {name: call.body["enabled"]})
    return Reply(200, {"enabled": call.body["enabled"]})


# ---- settings of single factors: small documents with a default, written whole


def _reader(name: str, default: Any) -> Endpoint:
    def read(call: Call) -> Reply:
        return Reply(200, (call.tx.get("guardian", name) or {"value": default})["value"])

    return read


def _writer(name: str, default: Any, *, whole: bool) -> Endpoint:
    def write(call: Call) -> Reply:
        before = (call.tx.get("guardian", name) or {"value": default})["value"]
        value = call.body if whole else before | call.body
        call.tx.put("guardian", name, {"value": value})
        return Reply(200, value)

    return write


def _provider(*names: str) -> Rule:
    return closed({"provider": enum(*names)}, ("provider",))


TEMPLATES = closed({"enrollment_message": STRING, "verification_message": STRING},
                   ("enrollment_message", "verification_message"))  # fmt: skip
PASSKEYS = opened({"userVerification": STRING, "relyingPartyIdentifier": STRING, "overrideRelyingParty": BOOLEAN})
PASSKEY_DEFAULT = {"userVerification": "preferred", "overrideRelyingParty": False, "relyingPartyIdentifier": ""}
TEMPLATE_DEFAULT = {
    "enrollment_message": "{{code}} is your verification code for {{tenant.friendly_name}}. "
    "Please enter this code to verify your enrollment.",
    "verification_message": "{{code}} is your verification code for {{tenant.friendly_name}}.",
}
SETTINGS: dict[str, tuple[Rule, Any]] = {
    "phone/message-types": (closed({"message_types": array(enum("sms", "voice"))}, ("message_types",)),
                            {"message_types": []}),
    "phone/selected-provider": (_provider("auth0", "twilio", "phone-message-hook"), {"provider": "auth0"}),
    "phone/templates": (TEMPLATES, TEMPLATE_DEFAULT),
    "phone/providers/twilio": (OBJECT, {}),
    "sms/selected-provider": (_provider("auth0", "twilio", "phone-message-hook"), {"provider": "auth0"}),
    "sms/templates": (TEMPLATES, TEMPLATE_DEFAULT),
    "sms/providers/twilio": (OBJECT, {}),
    "push-notification/selected-provider": (_provider("guardian", "sns", "direct"), {"provider": "guardian"}),
    "push-notification/providers/sns": (OBJECT, {}),
    "push-notification/providers/apns": (OBJECT, {}),
    "push-notification/providers/fcm": (OBJECT, {}),
    "push-notification/providers/fcmv1": (OBJECT, {}),
    "webauthn-roaming/settings": (PASSKEYS, PASSKEY_DEFAULT),
    "webauthn-platform/settings": (PASSKEYS, PASSKEY_DEFAULT),
    "duo/settings": (OBJECT, {}),
}  # fmt: skip


def _setting_routes() -> tuple[Route, ...]:
    routes: list[Route] = []
    read, write = ("read:guardian_factors",), ("update:guardian_factors",)
    for name, (rule, default) in SETTINGS.items():
        path = f"/guardian/factors/{name}"
        put, patch = _writer(name, default, whole=True), _writer(name, default, whole=False)
        routes += (
            Route(method="GET", path=path, scopes=read, endpoint=_reader(name, default)),
            Route(method="PUT", path=path, scopes=write, endpoint=put, body=rule),
            Route(method="PATCH", path=path, scopes=write, endpoint=patch, body=OBJECT),
        )
    return tuple(routes)


ROUTES = (
    Route(method="GET", path="/guardian/policies", scopes=("read:mfa_policies",), endpoint=get_policies),
    Route(
        method="PUT",
        path="/guardian/policies",
        scopes=("update:mfa_policies",),
        endpoint=put_policies,
        body=array(enum(*POLICIES)),
    ),
    Route(method="GET", path="/guardian/factors", scopes=("read:guardian_factors",), endpoint=get_factors),
    Route(
        method="PUT",
        path="/guardian/factors/{name}",
        scopes=("update:guardian_factors",),
        endpoint=put_factor,
        body=closed({"enabled": BOOLEAN}, ("enabled",)),
    ),
    *_setting_routes(),
)
