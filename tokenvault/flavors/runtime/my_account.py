"""What the My Account API must be (users connect accounts through it), and the tenant-wide MFA policy."""

from __future__ import annotations

from tokenvault.flavors.runtime.precondition import (
    HOLDS,
    SKIPPED,
    Precondition,
    State,
    Step,
    Verdict,
    broken,
    look,
    missing,
)
from tokenvault.flavors.runtime.tenant_view import Case, Object, Subject, Unreadable
from tokenvault.kinds.mfa_policy import ACTION_HINT, ALWAYS, FLAG, REASON
from tokenvault.model.constraints import Equals, NotIn
from tokenvault.model.paths import get_path

DOC = "https://auth0.com/docs/manage-users/my-account-api"


def _no_policy(api: Object, case: Case) -> Verdict:
    policy = get_path(api, "authorization_policy.policy_id")
    return broken(f"it has the Default Policy {policy} (Require 2FA)") if policy else HOLDS


def _no_possession(api: Object, case: Case) -> Verdict:
    required = get_path(api, "proof_of_possession.required")
    return broken("it requires proof of possession (DPoP)") if required else HOLDS


def _mfa(tenant: Object, case: Case) -> Verdict:
    if not case.expected.judges_mfa:
        return SKIPPED
    by_action, always = tenant["mfa_by_action"], 'the tenant-wide MFA policy is "Always"'
    if ALWAYS not in tenant["policies"]:
        return HOLDS
    if isinstance(by_action, Unreadable):
        lacks = " or ".join(by_action.scopes)
        says = f"{always}, and whether an Action decides in its place ({FLAG}) is not known: the token lacks {lacks}"
        return Verdict(State.UNKNOWN, says, by_action.scopes)
    if by_action:
        return look(f"{always}, and a post-login Action decides about MFA in its place ({FLAG})", person=ACTION_HINT)
    return broken(always)


SKIPS_CONSENT = Precondition(
    id="my-account-skips-consent",
    of=Subject.MY_ACCOUNT,
    means="MRRT needs an API that asks first parties for no consent",
    attribute="skip_consent_for_verifiable_first_party_clients",
    wants=Equals(True),
    otherwise="it asks first parties for consent",
    person="Switch on Allow Skipping User Consent in its settings.",
    page="apis",
    step=Step.CONNECT,
    error="consent-required",
    doc=DOC,
)
USER_POLICY = Precondition(
    id="my-account-user-policy",
    of=Subject.MY_ACCOUNT,
    means="users' applications must be able to get tokens for it",
    attribute="subject_type_authorization.user.policy",
    wants=NotIn(("deny_all",), "require_client_grant"),
    otherwise="its user policy is deny_all: no application gets tokens for it",
    person="Set user access under Application Access Policy to `via client-grant`.",
    page="apis",
    step=Step.CONNECT,
    error="client-not-authorized",
    doc=DOC,
)
MY_ACCOUNT_CHECKS = (
    Precondition(
        id="my-account-active",
        of=Subject.MY_ACCOUNT,
        means="users connect accounts through the My Account API, which must be active",
        check=missing("the My Account API is not active"),
        existence=True,
        attribute="skip_consent_for_verifiable_first_party_clients",
        person="Activate the Auth0 My Account API.",
        page="apis",
        step=Step.CONNECT,
        error="service-not-found",
        doc=DOC,
    ),
    SKIPS_CONSENT,
    USER_POLICY,
    Precondition(
        id="my-account-default-policy",
        of=Subject.MY_ACCOUNT,
        means="the Default Policy of the My Account API must not ask for a second factor that applications cannot give",
        check=_no_policy,
        person="Set the Default Policy of the My Account API to None, or have the application step up. "
        "It is a security setting: tokenvault does not change it.",
        page="apis",
        step=Step.CONNECT,
        error="unmet-authentication-requirements",
        doc=DOC,
    ),
    Precondition(
        id="my-account-no-dpop",
        of=Subject.MY_ACCOUNT,
        means="an application that does not prove possession of its tokens cannot use an API that requires it",
        check=_no_possession,
        person="Switch off Require Token Sender-Constraining in its settings, or have the application use DPoP. "
        "It is a security setting: tokenvault does not change it.",
        page="apis",
        step=Step.CONNECT,
        error="dpop-required",
        doc=DOC,
    ),
)
MFA_POLICY_CHECK = Precondition(
    id="mfa-policy",
    of=Subject.TENANT,
    means=REASON,
    check=_mfa,
    attribute="policies",
    spec="Write `mfa_policy: set_never`; it changes the policy for the whole tenant.",
    person='Set the policy to "Never", and ask for MFA where it is needed in a post-login Action.',
    page="security/mfa",
    error="mfa-required",
)
