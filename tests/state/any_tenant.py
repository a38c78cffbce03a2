"""Tenants as years of clicking leave them, made at random through the API, and specs that move into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.export.by_hand import MY_ACCOUNT, NON_ROTATING, ROTATING, Hands, policy
from tests.state.world import Spec, worker

OTHERS_API, OWN_API = "https://others.example.com", "https://backend.example.com"
PLAIN = ["authorization_code", "implicit", "refresh_token", "client_credentials", "password"]
METHODS = {"spa": ["none"], "native": ["none", "client_secret_post"], None: [None]}
WEB_FLAVORS: list[Any] = ["connected_accounts", "refresh_token_exchange", {"access_token_exchange": {"api": "backend"}}]

metadata = st.one_of(
    st.just({}),
    st.dictionaries(st.sampled_from([f"key-{n}" for n in range(9)]), st.sampled_from(["x", "4711"]), max_size=9),
    st.just({f"full-{n}": "x" for n in range(10)}),
    st.just({"team": "portal", "tokenvault": "other/portal created"}),
    st.just({"tokenvault": "not a mark of ours"}),
)
settings = st.fixed_dictionaries(
    {},
    optional={
        "description": st.just("Handle with care"),
        "logo_uri": st.just("https://app.example/logo.png"),
        "initiate_login_uri": st.just("https://app.example/login"),
        "sso": st.booleans(),
        "is_first_party": st.just(True),
        "mobile": st.just({"ios": {"team_id": "9JA89QQLNQ", "app_bundle_identifier": "com.acme.app"}}),
        "native_social_login": st.just({"apple": {"enabled": False}, "facebook": {"enabled": False}}),
        "oidc_conformant": st.booleans(),
        "jwt_configuration": st.sampled_from(
            [{"alg": "HS256", "lifetime_in_seconds": 28800}, {"alg": "RS256", "lifetime_in_seconds": 60}]
        ),
        "web_origins": st.just(["https://app.example"]),
        "allowed_origins": st.just(["https://app.example"]),
        "client_metadata": metadata,
    },
)
callbacks = st.lists(st.sampled_from([f"https://a{n}.example.com/callback" for n in range(4)]), unique=True, max_size=3)


@dataclass(frozen=True)
class Application:
    """An application of the tenant: its body, and what hangs on it."""

    body: dict[str, Any]
    connections: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    is_exchanging: bool = False

    @property
    def is_foreign(self) -> bool:
        """Whether another spec claims it."""
        mark = self.body.get("client_metadata", {}).get("tokenvault", "")
        return bool(mark.startswith("other/"))


@st.composite
def applications(draw: st.DrawFn, name: str) -> Application:
    """One application with unrelated settings, half of them configured for Token Vault by hand already."""
    app_type = draw(st.sampled_from(["regular_web", "spa", "native", "non_interactive", None]))
    method = draw(st.sampled_from(METHODS.get(app_type, ["client_secret_post", "client_secret_basic"])))
    grants = draw(st.lists(st.sampled_from(PLAIN), unique=True, min_size=1))
    policies = draw(st.lists(st.sampled_from([OTHERS_API, MY_ACCOUNT]), unique=True, max_size=2))
    refresh = dict(ROTATING if app_type == "spa" else draw(st.sampled_from([ROTATING, NON_ROTATING])))
    if policies:
        refresh["policies"] = [
            policy(audience, ["read:it"] if audience == OTHERS_API else None) for audience in policies
        ]
    body = {
        "name": name,
        "grant_types": grants,
        "refresh_token": refresh,
        "callbacks": draw(callbacks),
        **draw(settings),
    }
    body |= {"app_type": app_type} if app_type else {}
    body |= {"token_endpoint_auth_method": method} if method else {}
    used = draw(st.lists(st.sampled_from(["google-oauth2", "github", "sign-in-with-slack"]), unique=True))
    audiences = draw(st.lists(st.sampled_from([OTHERS_API, MY_ACCOUNT]), unique=True, max_size=2))
    return Application(body, tuple(used), tuple(audiences), draw(st.booleans()))


@dataclass(frozen=True)
class Past:
    """What a tenant holds before tokenvault comes."""

    applications: tuple[Application, ...]
    my_account: bool
    backend: bool
    connections: dict[str, dict[str, Any]]
    crowd: int

    def build(self, hands: Hands) -> None:
        """Makes it so, request by request."""
        others = [app for app in self.applications if MY_ACCOUNT in app.audiences]
        if self.my_account or others:
            hands.my_account()
        api = {"identifier": OTHERS_API, "name": "Others", "scopes": [{"value": "read:it", "description": "Read it"}]}
        hands.ask("POST", "resource-servers", api)
        if self.backend:
            hands.ask("POST", "resource-servers", {"identifier": OWN_API, "name": "Ours", "token_lifetime": 60})
        for name, body in self.connections.items():
            found = [c for c in hands.ask("GET", "connections?take=100")["connections"] if c["name"] == name]
            hands.ask("PATCH", f"connections/{found[0]['id']}", body)
        for app in self.applications:
            self._add(hands, app)
        crowd = [hands.application(f"Crowd {n}") for n in range(self.crowd)]
        for start in range(0, len(crowd), 50):
            hands.enable("google-oauth2", *crowd[start : start + 50])

    def _add(self, hands: Hands, app: Application) -> None:
        client_id = hands.application(app.body["name"], **{k: v for k, v in app.body.items() if k != "name"})
        for audience in app.audiences:
            hands.grant(client_id, audience, ["read:it"] if audience == OTHERS_API else None)
        for connection in app.connections:
            hands.enable(connection, client_id)


purposes = st.fixed_dictionaries(
    {},
    optional={
        "connected_accounts": st.just({"active": True}),
        "authentication": st.fixed_dictionaries({"active": st.booleans()}),
        "metadata": st.sampled_from([{"cost": "1"}, {"tokenvault": "other/it adopted"}]),
        "display_name": st.just("Sign in with it"),
    },
).filter(bool)


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """Any tenant."""
    found = tuple(draw(applications(f"App {n}")) for n in range(draw(st.integers(0, 4))))
    connections = draw(st.dictionaries(st.sampled_from(["google-oauth2", "github"]), purposes))
    crowd = draw(st.sampled_from([0] * 11 + [120]))
    return Past(found, draw(st.booleans()), draw(st.booleans()), connections, crowd)


def flavors_for(app_type: str | None) -> st.SearchStrategy[list[Any]]:
    """Flavors that an application of this type can hold."""
    if app_type == "non_interactive":
        return st.just([worker()["flavors"][0]])
    choices = [0, 2] if app_type in ("spa", "native") else [0, 1, 2]
    chosen = st.lists(st.sampled_from(choices), unique=True, min_size=1)
    return chosen.map(lambda numbers: [WEB_FLAVORS[number] for number in numbers])


@st.composite
def specs(draw: st.DrawFn, past: Past, ids: dict[str, str]) -> Spec:
    """A spec for this tenant: it adopts some of its applications, by name or by client id, and has some of its own."""
    applications: dict[str, Any] = {}
    connections = draw(st.lists(st.sampled_from(["github", "sign-in-with-slack"]), unique=True))
    used = ["google-oauth2", *connections]
    for number, app in enumerate(past.applications):
        how = draw(st.sampled_from(["not", "by id", "by name"]))
        app_type = app.body.get("app_type")
        if how == "not" or app.is_foreign or (how == "by name" and app_type is None):
            continue
        entry: dict[str, Any] = {"client_id": ids[app.body["name"]]} if how == "by id" else {"name": app.body["name"]}
        if how == "by name":
            entry["type"] = {"non_interactive": "m2m"}.get(str(app_type), app_type)
        entry["flavors"] = draw(flavors_for(app_type))
        entry["connections"] = used if app_type != "non_interactive" else ["google-oauth2"]
        applications[f"old-{number}"] = entry
    for key in draw(st.lists(st.sampled_from(["new-web", "new-spa", "new-worker"]), unique=True)):
        kind = {"new-web": "regular_web", "new-spa": "spa", "new-worker": "non_interactive"}[key]
        entry = {"type": "m2m" if kind == "non_interactive" else kind, "flavors": draw(flavors_for(kind))}
        entry["connections"] = used if kind != "non_interactive" else ["google-oauth2"]
        if draw(st.booleans()) and kind != "non_interactive":
            entry["callbacks"] = draw(callbacks)
        applications[key] = entry
    google: Any = draw(st.sampled_from([{}, {"offline_access": True}, {"purpose": "connected_accounts"}]))
    claimed = past.connections.get("google-oauth2", {}).get("metadata", {}).get("tokenvault")
    return {
        "version": 1,
        "name": "any",
        "connections": {"google-oauth2": {} if claimed else google, **{name: {} for name in connections}},
        "apis": {"backend": {"identifier": OWN_API, "scopes": {"read:it": "Read it"}}},
        "applications": applications,
    }
