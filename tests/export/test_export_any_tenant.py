"""Whatever somebody clicked together: a plan of the exported spec is empty, and nothing is dropped silently."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.export.by_hand import NON_ROTATING, PUBLIC_KEY, ROTATING, Hands, Refused, by_hand, policy
from tests.support import TOKEN_VAULT_GRANT, cli, tenant

CONNECTIONS = ("google-oauth2", "github", "sign-in-with-slack")
APIS = ("https://a.example", "https://b.example/")
SOME = st.sets(st.sampled_from(CONNECTIONS)).map(sorted)

quirks = st.fixed_dictionaries(
    {},
    optional={
        "oidc_conformant": st.booleans(),
        "is_first_party": st.booleans(),
        "token_endpoint_auth_method": st.sampled_from(["none", "client_secret_post", "client_secret_basic"]),
        "grant_types": st.sets(
            st.sampled_from(["authorization_code", "refresh_token", "client_credentials", TOKEN_VAULT_GRANT])
        ).map(sorted),
        "jwt_configuration": st.sampled_from([{"alg": "RS256"}, {"alg": "HS256"}]),
        "client_metadata": st.sampled_from(
            [{"team": "a"}, {"tokenvault": "other/app adopted"}, {"tokenvault": "nonsense"}]
        ),
        "refresh_token": st.builds(
            lambda base, policies: {**base, "policies": policies} if policies else dict(base),
            st.sampled_from([NON_ROTATING, ROTATING]),
            st.sampled_from(
                [[], [policy()], [policy(scope=["read:me:connected_accounts"])], [policy(), policy(APIS[0])]]
            ),
        ),
    },
)
applications = st.lists(
    st.tuples(st.sampled_from(["web", "spa", "worker"]), st.sampled_from(["App", "Büro", "x: y", "7"]), SOME, quirks),
    max_size=5,
)
apis = st.lists(
    st.tuples(st.sampled_from(["allow_all", "require_client_grant", "deny_all"]), st.booleans()), max_size=len(APIS)
)


@given(applications=applications, apis=apis, active=SOME, my_account=st.booleans(), named=st.booleans())
def test_a_plan_of_any_export_is_empty_and_every_user_of_token_vault_is_named(
    applications: list[Any], apis: list[Any], active: list[str], my_account: bool, named: bool
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with by_hand(folder / "tenant.db") as hands:
            hands.my_account(skip_consent_for_verifiable_first_party_clients=my_account)
            build(hands, applications, apis, active)
        (folder / "key.pem").write_text(PUBLIC_KEY)
        before = tenant(folder / "tenant.db")
        options = ("--name", "mine") if named else ()
        result = cli("export", "--sandbox", "tenant.db", "--output", "out.yaml", *options, cwd=folder)
        assert result.code == 0, result.err
        plan = cli("plan", "out.yaml", "--sandbox", "tenant.db", "--format", "json", cwd=folder)
        assert plan.code == 0, plan.err + (folder / "out.yaml").read_text()
        assert plan.json["changes"] == [], (folder / "out.yaml").read_text()
        assert "A plan of it is not empty" not in result.err
        assert tenant(folder / "tenant.db") == before
        told = (folder / "out.yaml").read_text() + result.err
        assert not [client_id for client_id in users_of_token_vault(before) if client_id not in told]
        listed = yaml.safe_load((folder / "out.yaml").read_text()).get("applications", {}).values()
        assert {app["client_id"] for app in listed} <= before["clients"].keys()


def build(hands: Hands, applications: list[Any], apis: list[Any], active: list[str]) -> None:
    """The tenant, as far as Auth0 takes it."""
    for name in active:
        hands.connection(name)
    for identifier, (user_policy, exchanges) in zip(APIS, apis, strict=False):
        types = {"user": {"policy": user_policy}, "client": {"policy": "deny_all"}}
        client_id = hands.api(identifier, "An API", scopes={"read": "Read"}, subject_type_authorization=types)
        if not exchanges:
            hands.ask("PATCH", f"clients/{client_id}", {"grant_types": []})
    for kind, name, connections, settings in applications:
        make = {"web": hands.web, "spa": hands.spa, "worker": hands.worker}[kind]
        with contextlib.suppress(Refused):  # what is there by then stays, half done
            client_id = make(name, *connections, **settings)
            if kind == "spa" and apis and settings.get("oidc_conformant"):
                hands.grant(client_id, APIS[0], ["read"])


def users_of_token_vault(objects: dict[str, Any]) -> list[str]:
    return [
        client_id
        for client_id, client in objects["clients"].items()
        if TOKEN_VAULT_GRANT in (client.get("grant_types") or ()) or client.get("token_vault_privileged_access")
    ]
