"""One example per application and flavor that exchanges: everything that a program needs, ids real where they are known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from tokenvault.exchange import variables
from tokenvault.exchange.exchanger import MUTUAL_TLS, PRIVATE_KEY_JWT, Exchanger, exchangers_of, with_live
from tokenvault.flavors import flavors
from tokenvault.flavors.runtime.request import CONNECTED_ACCOUNTS_SCOPES, ExchangeRequest
from tokenvault.kinds.base import Object
from tokenvault.model.desired import Graph
from tokenvault.model.spec import ApplicationSpec, FlavorUse, Spec

CLIENT_ID, DOMAIN, CALLBACK = "<CLIENT_ID>", "<YOUR_DOMAIN>", "<CALLBACK_URL>"
ORGANIZATION, REQUEST_URI = "<ORGANIZATION_ID>", "<REQUEST_URI>"
PLACEHOLDERS = (CLIENT_ID, CALLBACK, ORGANIZATION, REQUEST_URI)
PROOF_NEEDED = (
    "The application requires DPoP: add a DPoP header with a proof for the request, which no program here makes."
)
CONNECTS_NOTHING = (
    "Whoever calls the API connects no accounts: its users do that before, in an application of yours that uses "
    "connected_accounts."
)
PROOF = "DPoP: <a proof for this request: the application requires proof of possession>"
USER, CONTEXT = "AUTH0_USER_ID", "AUDIT_CONTEXT"
SECRET, BASIC, KEY, CERTIFICATE = "secret", "basic", "key", "certificate"
_PROOFS = {PRIVATE_KEY_JWT: KEY, MUTUAL_TLS: CERTIFICATE, "client_secret_basic": BASIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A private key: the variable with the path of its file, its algorithm, and its `kid` where there are several keys."""

    file: str
    algorithm: str
    kid: str

    @property
    def header(self) -> Mapping[str, str]:
        """What the header of its JWTs says of it."""
        return {"alg": self.algorithm, **({"kid": self.kid} if self.kid else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One exchange as an application performs it: `key` signs its requests, `authentication_key` says who it is.

    `scopes` are those that the spec asks of the connection, `api` is whose access tokens are traded (empty: nobody's);
    `proves_possession`: its token requests need a DPoP proof. `serves_anyone`: those who call it are not in the spec.
    """

    application: str
    flavor: str
    client_id: str
    connection: str
    connections: tuple[str, ...]
    domain: str
    base_url: str
    request: ExchangeRequest
    proof: str
    prefix: str
    key: Signer
    authentication_key: Signer
    scopes: tuple[str, ...] = ()
    api: str = ""
    proves_possession: bool = False
    serves_anyone: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What the programs leave to their reader."""
        notes = {PROOF_NEEDED: self.proves_possession, CONNECTS_NOTHING: self.serves_anyone}
        return tuple(note for note, applies in notes.items() if applies)

    @property
    def url(self) -> str:
        """The token endpoint."""
        return f"{self.base_url}/oauth/token"

    @property
    def audience(self) -> str:
        """Whom the application's JWTs are for: the tenant."""
        return f"https://{self.domain}/"

    @property
    def parameters(self) -> Mapping[str, str]:
        """The parameters that are written out in every program."""
        return {**self.request.form(self.connection), "client_id": self.client_id}

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that its programs read, and what each holds."""
        found: dict[str, str] = {}
        if self.proof in (SECRET, BASIC):
            found[self.secret] = "the client secret; `tokenvault output --out .env` writes it"
        for key in self.keys:
            used = "that it authenticates with " if key != self.key else ""
            found[key.file] = f"the path of the private key {used}(PEM)"
        if self.request.signed:
            found[USER] = "the user whose token is wanted, as auth0|abc"
            found[CONTEXT] = "why, for the tenant's logs: 1 to 256 characters, no personal data"
        else:
            found[variables.SUBJECT_TOKEN] = self.request.subject
        return found

    @property
    def secret(self) -> str:
        """The variable with the client secret."""
        return variables.client_secret(self.prefix)

    @property
    def keys(self) -> Sequence[Signer]:
        """The private keys that its programs sign with, each once."""
        signing = [self.key] if self.request.signed else []
        return list(dict.fromkeys([*signing, *([self.authentication_key] if self.proof == KEY else [])]))


def examples(
    spec: Spec, graph: Graph, live: Mapping[str, Object], base_url: str, *, only: str | None, connection: str | None
) -> Iterator[Example]:
    """The examples of the spec's applications, or of `only` one."""
    for exchanger in exchangers_of(spec, graph):
        app = spec.users[exchanger.application]
        if only in (None, app.key) and (connection is None or connection in app.connections):
            client = live.get(exchanger.address)
            known = with_live(exchanger, client) if client else exchanger
            example = _example(known, app, graph.domain, base_url, connection or app.connections[0])
            scopes = tuple(spec.connections[example.connection].scopes or ())
            proves = (client or {}).get("require_proof_of_possession") is True
            settings = next((one.settings for one in app.flavors if one.name == exchanger.flavor), {})
            api = spec.apis[settings["api"]].identifier if "api" in settings else ""
            yield replace(example, scopes=scopes, api=api, proves_possession=proves, serves_anyone=bool(app.serves))


def _example(exchanger: Exchanger, app: ApplicationSpec, domain: str, base_url: str, connection: str) -> Example:
    own = exchanger.domain
    names = variables.private_key_file(exchanger.prefix), variables.authentication_key_file(exchanger.prefix)
    key = _signer(exchanger, exchanger.signing, names[0])
    other = _signer(exchanger, exchanger.authenticating, names[1])
    return Example(
        application=exchanger.application,
        flavor=exchanger.flavor,
        client_id=exchanger.client_id or CLIENT_ID,
        connection=connection,
        connections=app.connections,
        domain=own or domain,
        base_url=f"https://{own}" if own else base_url,
        request=exchanger.request,
        proof=_proof(exchanger),
        prefix=exchanger.prefix,
        key=key,
        authentication_key=other if exchanger.has_separate_keys else key,
    )


def _signer(exchanger: Exchanger, kids: Sequence[str], file: str) -> Signer:
    kid = next(iter(kids or exchanger.keys), "")
    several = len(exchanger.keys) > 1
    return Signer(file=file, algorithm=exchanger.keys.get(kid, "RS256"), kid=kid if several else "")


def _proof(exchanger: Exchanger) -> str:
    return _PROOFS.get(exchanger.method, SECRET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """How users of an application connect an account: log in, get a token for the My Account API, run the connect flow."""

    application: str
    client_id: str
    domain: str
    base_url: str
    callback: str
    audience: str
    connections: tuple[str, ...]
    connection: str = ""
    scopes: tuple[str, ...] = ()
    organization: str = ""
    pushes: bool = False
    proves_possession: bool = False

    @property
    def my_account(self) -> str:
        """The My Account API's audience."""
        return f"https://{self.domain}/me/"

    @property
    def authorization(self) -> Mapping[str, str]:
        """The parameters of the login."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": "openid profile offline_access",
            "audience": self.audience,
            "organization": self.organization,
        }
        return {name: value for name, value in query.items() if value}

    @property
    def login(self) -> str:
        """Where the browser is sent for a refresh token."""
        query = self.authorization
        if self.pushes:
            query = {"client_id": self.client_id, "request_uri": REQUEST_URI}
        return f"{self.base_url}/authorize?" + "&".join(f"{name}={_encoded(value)}" for name, value in query.items())

    @property
    def begin(self) -> Mapping[str, Any]:
        """The body of the connect request. Scopes in it replace those of the connection, so it names all that are needed."""
        scopes = {"scopes": list(self.scopes)} if self.scopes else {}
        return {"connection": self.connection, "redirect_uri": self.callback, "state": "...", **scopes}

    @property
    def steps(self) -> Sequence[str]:
        """The steps, in words and requests."""
        callback, api = json.dumps(self.callback, ensure_ascii=False), f"{self.base_url}/me/v1/connected-accounts"
        proof = f"\n  {PROOF}" if self.proves_possession else ""
        return (
            *self._logging_in(),
            f"Trade it for a token for the My Account API:\nPOST {self.base_url}/oauth/token\n"
            f"  grant_type=refresh_token  client_id={self.client_id}  refresh_token=...\n"
            f"  audience={self.my_account}\n  scope={' '.join(CONNECTED_ACCOUNTS_SCOPES)}{proof}",
            f"Start the connect flow with that token:\nPOST {api}/connect\n"
            f"  {json.dumps(self.begin, ensure_ascii=False)}{proof}",
            "Send the user to the answer's connect_uri?ticket=<connect_params.ticket>; the provider asks for consent.",
            "Back at the redirect_uri, with the connect_code that stands there and the auth_session of the connect request:\n"
            f"POST {api}/complete\n"
            f'  {{"auth_session": "...", "connect_code": "...", "redirect_uri": {callback}}}{proof}',
        )

    def _logging_in(self) -> Iterator[str]:
        """How the browser is sent to log in; where the application requires it, by a request that is pushed before."""
        if self.pushes:
            parameters = "\n".join(f"  {name}={value}" for name, value in self.authorization.items())
            yield (
                "Push the authorization request (the application requires PAR), with the client secret or assertion:\n"
                f"POST {self.base_url}/oauth/par\n{parameters}"
            )
        where = " to the user's organization" if self.organization else ""
        yield f"Log in{where} with offline access, and keep the refresh token:\n{self.login}"


def _encoded(value: str) -> str:
    """The value inside a query. A placeholder stays as it is, for people to find."""
    return value if value in PLACEHOLDERS else quote(value, safe="")


def is_interactive(app: ApplicationSpec) -> bool:
    """Whether users log in to the application: it has a flavor that machines cannot hold."""
    return any(map(_has_login, app.flavors))


def _has_login(use: FlavorUse) -> bool:
    return "m2m" not in flavors()[use.name].types


def connecting(
    spec: Spec,
    graph: Graph,
    live: Mapping[str, Object],
    base_url: str,
    *,
    only: str | None,
    connection: str | None = None,
) -> Iterator[Connecting]:
    """The applications whose users connect accounts: those with callbacks, in flavors that machines cannot hold."""
    for app in spec.applications.values():
        interactive = [use for use in app.flavors if _has_login(use)]
        if interactive and only in (None, app.key):
            client, own = live.get(app.address, {}), spec.login_domain(app)
            callbacks = client.get("callbacks") or app.callbacks or ()
            chosen = connection if connection in app.connections else app.connections[0]
            apis = [spec.apis[use.settings["api"]].identifier for use in interactive if "api" in use.settings]
            yield Connecting(
                application=app.key,
                client_id=str(client.get("client_id") or app.client_id or CLIENT_ID),
                domain=own or graph.domain,
                base_url=f"https://{own}" if own else base_url,
                callback=str(callbacks[0]) if callbacks else CALLBACK,
                audience=apis[0] if apis else "",
                connections=app.connections,
                connection=chosen,
                scopes=tuple(spec.connections[chosen].scopes or ()),
                organization=ORGANIZATION if _names_organization(client) else "",
                pushes=client.get("require_pushed_authorization_requests") is True,
                proves_possession=client.get("require_proof_of_possession") is True,
            )


def _names_organization(client: Object) -> bool:
    """Whether a login must say which organization: the application requires one, and Auth0 asks nobody for it."""
    asks = client.get("organization_require_behavior") in ("pre_login_prompt", "post_login_prompt")
    return client.get("organization_usage") == "require" and not asks
