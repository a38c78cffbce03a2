"""What an exchange is made from, found where a user may have put it: a file, the environment, stdin. Never an argument."""

from __future__ import annotations

import base64
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tokenvault.errors import Diagnostic, RefusedError
from tokenvault.exchange import Exchange, SecretProof, variables
from tokenvault.exchange.worker_jwt import MAX_CONTEXT, OnBehalf, read_private_key
from tokenvault.secrets import Secret

if TYPE_CHECKING:
    from tokenvault.cli.session import Session
    from tokenvault.exchange import Exchange, Proof, Subject
    from tokenvault.exchange.exchanger import Exchanger
    from tokenvault.exchange.worker_jwt import OnBehalf, PrivateKey
    from tokenvault.model.spec import Spec
    from tokenvault.operations.exchange import Found

Environment = Mapping[str, str]
NO_CREDENTIALS = "auth-credentials"
MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user gave besides the application and the connection."""

    specs: list[str] | None = None
    flavor: str | None = None
    token_file: str | None = None
    user: str | None = None
    audit_context: str | None = None
    organization: str | None = None
    private_key: Path | None = None
    authentication_key: Path | None = None
    login_hint: str | None = None
    scopes: list[str] | None = None


async def find(session: Session, application: str, connection: str, given: Given) -> Found:
    """The application. Without Management API credentials its client id must come from the environment, or be `application`."""
    from tokenvault.operations.exchange import found_in_tenant

    spec = _spec(session, application, given.specs)
    try:
        async with session.tenant(spec) as tenant:
            return await found_in_tenant(tenant, spec, application, connection, given.flavor)
    except RefusedError as error:
        if error.diagnostics[0].code != NO_CREDENTIALS:
            raise
        return _blind(session, spec, application, given, error)


def _spec(session: Session, application: str, paths: list[str] | None) -> Spec | None:
    """The spec that was named; or the one that lies here, if it knows the application."""
    from tokenvault.spec.load import default_file

    if not paths and not Path(default_file()).is_file():
        return None
    spec = session.spec(paths)
    return spec if paths or application in spec.users else None


def _blind(session: Session, spec: Spec | None, application: str, given: Given, error: RefusedError) -> Found:
    from tokenvault.operations.exchange import found_without_tenant
    from tokenvault.tenant.options import domain_named

    domain = domain_named(session.environment, session.tenant_options.tenant)
    if not domain:
        raise error
    if spec:
        session.check_tenant(spec, domain)
    found = found_without_tenant(spec, domain, session.environment, application, given.flavor)
    if found is None:
        raise error
    session.console.err("There are no Management API credentials: the tenant is not read.\n")
    return found


def exchange_of(environment: Environment, by: Exchanger, connection: str, given: Given) -> Exchange:
    """The exchange to perform; `RefusedError` names what is missing and every way to give it."""

    return Exchange(
        request=by.request,
        client_id=by.client_id,
        subject=_subject(environment, by, connection, given),
        proof=_proof(environment, by, given),
        connection=connection,
        login_hint=given.login_hint,
        scope=" ".join(given.scopes) if given.scopes else None,
    )


# ---- whose token


def _subject(environment: Environment, by: Exchanger, connection: str, given: Given) -> Subject:
    if by.request.signed:
        return _whom(by, given), _key(environment, by, given.private_key)
    if given.user or given.audit_context or given.organization:
        summary = f"--user, --audit-context and --organization are for a privileged worker; {by.flavor} takes a token"
        hint = "Leave them out; the token goes into $AUTH0_SUBJECT_TOKEN, into --subject-token FILE, or is piped in."
        raise RefusedError(Diagnostic(code="exchange-subject", summary=summary, hint=hint))
    text, source = _token(environment, given.token_file)
    if text.startswith("{"):
        text = _of_answer(text, by, source)
    if not text:
        raise RefusedError(_no_token(by, connection))
    return Secret(text, source)


def _of_answer(text: str, by: Exchanger, source: str) -> str:
    """The token in what a token endpoint, or `tokenvault sandbox connect`, answers; `RefusedError` when it holds none."""
    import json

    wanted = by.request.subject_token_type.rpartition(":")[2]
    try:
        token = json.loads(text)[wanted]
    except (ValueError, LookupError, TypeError, RecursionError):
        token = None
    if isinstance(token, str) and token:
        return token
    api = " (with --audience API, in the sandbox)" if wanted == "access_token" else ""
    summary = f"The JSON from {source} holds no `{wanted}`, which is what {by.flavor} exchanges"
    hint = f"Give the token alone, or the answer of a token endpoint that has one{api}."
    raise RefusedError(Diagnostic(code="exchange-subject", summary=summary, hint=hint))


def _token(environment: Environment, file: str | None) -> tuple[str, str]:
    if file and file != "-":
        return _read(Path(file), "subject token").strip(), file
    given = environment.get(variables.SUBJECT_TOKEN, "").strip()
    if given and file is None:
        return given, variables.SUBJECT_TOKEN
    return ("", "") if sys.stdin.isatty() else (sys.stdin.read(MAX_BYTES).strip(), "stdin")


def _no_token(by: Exchanger, connection: str) -> Diagnostic:
    minted = shlex.join(["sandbox", "connect", "auth0|alice", connection, "--client", by.client_id])
    return Diagnostic(
        code="exchange-subject",
        summary=f"There is no token to exchange: {by.flavor} takes {by.request.subject}",
        hint=f"Put it into ${variables.SUBJECT_TOKEN}, pipe it in, or name a file with --subject-token. "
        f"In the sandbox, `tokenvault {minted}` prints one, in JSON that can be piped in as it is.",
    )


def _whom(by: Exchanger, given: Given) -> OnBehalf:

    if given.token_file:
        summary = f"{by.application} signs its own request: --subject-token has no use here"
        raise RefusedError(
            Diagnostic(code="exchange-subject", summary=summary, hint="Pass --user and --audit-context.")
        )
    missing = [name for name, value in (("--user", given.user), ("--audit-context", given.audit_context)) if not value]
    if missing:
        summary = f"A privileged worker says for whom and why: {' and '.join(missing)} missing"
        hint = 'For example: `--user "auth0|abc" --audit-context "nightly calendar sync"` (no personal data: it is logged).'
        raise RefusedError(Diagnostic(code="exchange-subject", summary=summary, hint=hint))
    context = str(given.audit_context)
    if len(context) > MAX_CONTEXT:
        summary = f"--audit-context has {len(context)} characters; Auth0 takes {MAX_CONTEXT}"
        raise RefusedError(Diagnostic(code="exchange-subject", summary=summary, hint="Say it in fewer words."))
    return OnBehalf(user=str(given.user), audit_context=context, organization=given.organization)


# ---- who asks


def _proof(environment: Environment, by: Exchanger, given: Given) -> Proof:
    from tokenvault.exchange.exchanger import MUTUAL_TLS, PRIVATE_KEY_JWT

    secret = environment.get(variables.client_secret(by.prefix), "").strip()
    method = by.method or (PRIVATE_KEY_JWT if by.request.signed and not secret else "client_secret_post")
    if method == PRIVATE_KEY_JWT and by.has_separate_keys:
        return _authentication_key(environment, by, given.authentication_key)
    if method == PRIVATE_KEY_JWT:
        return _key(environment, by, given.private_key)
    if method == MUTUAL_TLS:
        raise RefusedError(_mutual_tls(by.application))
    if method == "none" and not secret:
        summary = f"{by.application} is a public application and proves nothing: it cannot exchange tokens"
        raise RefusedError(
            Diagnostic(code="exchange-public", summary=summary, hint="`tokenvault doctor` says what to do.")
        )
    if not secret:
        raise RefusedError(_no_secret(by))
    source = variables.client_secret(by.prefix)
    return SecretProof(secret=Secret(secret, source), basic=method == "client_secret_basic")


def _mutual_tls(application: str) -> Diagnostic:
    summary = f"{application} authenticates with a client certificate (mTLS), which this command does not do"
    hint = "`tokenvault usage` shows the request; send it with your certificate."
    return Diagnostic(code="exchange-mtls", summary=summary, hint=hint)


def _no_secret(by: Exchanger) -> Diagnostic:
    name = variables.client_secret(by.prefix)
    return Diagnostic(
        code="exchange-secret",
        summary=f"The client secret of {by.application} is not in ${name}",
        hint=f"Have it written to a file with `tokenvault output --out .env` and pass --env-file .env, or set "
        f"${name}. It is never taken as an argument.",
    )


def _key(environment: Environment, by: Exchanger, file: Path | None) -> PrivateKey:
    """The private key that requests are signed with."""
    path, text = variables.private_key_file(by.prefix), variables.private_key(by.prefix)
    found = _key_text(environment, file, path, text)
    if found is None:
        summary = f"The private key of {by.application} is missing"
        hint = f"Pass --private-key FILE, or set ${path} to its path."
        raise RefusedError(Diagnostic(code="exchange-key", summary=summary, hint=hint))
    return _usable_key(by, found)


def _authentication_key(environment: Environment, by: Exchanger, file: Path | None) -> PrivateKey:
    """The private key that the application authenticates with, where that is another one."""
    path, text = variables.authentication_key_file(by.prefix), variables.authentication_key(by.prefix)
    found = _key_text(environment, file, path, text)
    if found is None:
        summary = (
            f"The private key that {by.application} authenticates with is missing: it signs requests with another one"
        )
        hint = f"Pass --authentication-key FILE, or set ${path} to its path."
        raise RefusedError(Diagnostic(code="exchange-key", summary=summary, hint=hint))
    return _usable_key(by, found)


def _usable_key(by: Exchanger, text: Secret) -> PrivateKey:
    """The key, with the algorithm that Auth0 knows it for, and named where there are several."""

    key = read_private_key(text)
    return replace(key, algorithm=by.keys.get(key.kid, "RS256"), named=len(by.keys) > 1)


def _key_text(environment: Environment, file: Path | None, path: str, text: str) -> Secret | None:
    """The key from the file, from the file that one variable names, or from the other variable itself."""
    if file:
        return Secret(_read(file, "private key"), str(file))
    if environment.get(path, "").strip():
        return Secret(_read(Path(environment[path].strip()), "private key"), path)
    if environment.get(text, "").strip():
        return Secret(environment[text].replace("\\n", "\n"), text)
    return None


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text()[:MAX_BYTES]
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        summary = f"The {what} cannot be read from {path}: {reason}"
        hint = "Name a text file that you may read."
        raise RefusedError(Diagnostic(code="exchange-file", summary=summary, hint=hint)) from None


# ---- credentials of another tenant: seen before they are sent anywhere, by what stands beside them


AUTH0 = ".auth0.com"
SENT = "Nothing was sent."


def check_credentials(session: Session, found: Found, subject: Subject) -> None:
    """Refuses a file of variables for another tenant, another client id beside the secret, a token that another issued."""
    problems = [*_of_file(session, found), *_of_client(session, found), *_of_token(found, subject)]
    if problems:
        raise RefusedError(*problems)


def _of_file(session: Session, found: Found) -> list[Diagnostic]:
    """`tokenvault output` writes the domain beside the secrets."""
    from tokenvault.spec.references import read_variables
    from tokenvault.tenant.options import bare_domain

    if session.env_file is None:
        return []
    domain = bare_domain(read_variables(session.env_file).get("AUTH0_DOMAIN", "").strip())
    if not domain or domain in (found.domain, found.exchanger.domain):
        return []
    summary = f"{session.env_file} is for {domain}, and this is {found.domain}"
    hint = f"Pass the file of this tenant (`tokenvault output --out new.env` writes it), or --tenant {domain}. {SENT}"
    return [Diagnostic(code="exchange-other-tenant", summary=summary, hint=hint)]


def _of_client(session: Session, found: Found) -> list[Diagnostic]:
    by = found.exchanger
    name = variables.client_id(by.prefix)
    beside = session.environment.get(name, "").strip()
    if not beside or beside == by.client_id:
        return []
    summary = f"${name} is {beside}, and {by.application} is {by.client_id} on {found.domain}"
    hint = f"The secret beside it is of another application or tenant. Correct or unset ${name}. {SENT}"
    return [Diagnostic(code="exchange-other-client", summary=summary, hint=hint)]


def _of_token(found: Found, subject: Subject) -> list[Diagnostic]:
    """Only Auth0's own domains are judged: a custom domain is not known to be another tenant's."""
    if not isinstance(subject, Secret):
        return []
    issuer = urlsplit(_issuer(subject.reveal())).hostname or ""
    if not issuer.endswith(AUTH0) or issuer in (found.domain, found.exchanger.domain):
        return []
    summary = f"The token to exchange was issued by {issuer}, and this is {found.domain}"
    hint = f"Take one of a login at this tenant, or name that tenant. {SENT}"
    return [Diagnostic(code="exchange-other-tenant", summary=summary, hint=hint)]


def _issuer(token: str) -> str:
    """Who issued it, as it says itself; empty for a token that is no JWT."""

    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return ""
    return str(claims.get("iss") or "") if isinstance(claims, dict) else ""
