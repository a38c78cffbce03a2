"""Whatever spec validates: apply makes every run-time precondition hold, and the plan after it is empty."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.preconditions import check_spec
from tests.support import WRITES, cli, requests_of, tenant, write_spec
from tests.unmanaged import assert_only_planned_changes

CALENDAR = "https://www.googleapis.com/auth/calendar.events"
WEB_FLAVORS: list[Any] = ["connected_accounts", "refresh_token_exchange", {"access_token_exchange": {"api": "backend"}}]
google = st.fixed_dictionaries(
    {},
    optional={
        "purpose": st.sampled_from(["connected_accounts", "authentication_and_connected_accounts"]),
        "offline_access": st.just(True),
        "scopes": st.lists(st.sampled_from(["email", "profile", CALENDAR]), unique=True, min_size=1),
    },
)
custom = st.fixed_dictionaries(
    {"strategy": st.just("oauth2"), "credentials": st.just({"client_id": "c", "client_secret": "${env:CRM_SECRET}"})},
    optional={
        "options": st.just({"tokenURL": "https://crm.example.com/token", "upstream_params": {"a": {"value": "b"}}}),
        "scopes": st.just(["contacts.read", "offline_access"]),
    },
)
connections = st.fixed_dictionaries(
    {"google-oauth2": google}, optional={"github": st.just({}), "sign-in-with-slack": st.just({}), "crm": custom}
)
urls = st.lists(st.sampled_from([f"https://a{n}.example.com/callback" for n in range(4)]), unique=True, max_size=3)


def worker(extra: dict[str, Any]) -> dict[str, Any]:
    grants = {"google-oauth2": [CALENDAR]}
    keys = [{"file": "keys/nightly-sync.pub.pem"}]
    return {"privileged_worker": {"public_keys": keys, "ip_allowlist": ["203.0.113.0/24"], "grants": grants, **extra}}


workers = st.fixed_dictionaries({}, optional={"authentication": st.just("client_secret_post")}).map(worker)
user_facing = st.lists(st.sampled_from(range(3)), unique=True, min_size=1).map(lambda ns: [WEB_FLAVORS[n] for n in ns])
public = st.lists(st.sampled_from([0, 2]), unique=True, min_size=1).map(lambda ns: [WEB_FLAVORS[n] for n in ns])
with_urls = {"callbacks": urls, "logout_urls": urls}
applications = st.one_of(
    st.fixed_dictionaries({"type": st.just("regular_web"), "flavors": user_facing}, optional=with_urls),
    st.fixed_dictionaries({"type": st.sampled_from(["spa", "native"]), "flavors": public}, optional=with_urls),
    st.fixed_dictionaries({"type": st.just("m2m"), "flavors": workers.map(lambda w: [w])}),
    st.tuples(user_facing, workers).map(lambda t: {"type": "regular_web", "flavors": [*t[0], t[1]]}),
)
specs = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "name": st.just("any"),
        "connections": connections,
        "apis": st.just({"backend": {"identifier": "https://backend.example.com", "scopes": {"read:it": "Read it"}}}),
        "applications": st.dictionaries(st.sampled_from(["one", "two", "three"]), applications, min_size=1),
    },
    optional={"mfa_policy": st.sampled_from(["warn", "set_never", "ignore"])},
)


@given(specs)
def test_apply_brings_about_what_each_flavor_needs_and_nothing_else(spec: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, env = Path(name), {"CRM_SECRET": "canary-crm-secret"}
        write_spec(folder, spec)
        cli("sandbox", "reset", "--state", "t.db", cwd=folder)
        before = tenant(folder / "t.db")
        document = cli("plan", "spec.yaml", "--sandbox=t.db", "--format", "json", cwd=folder, env=env).json
        applied = cli("apply", "spec.yaml", "--sandbox=t.db", "-y", cwd=folder, env=env)
        assert applied.code == 0, applied.err
        again = cli("apply", "spec.yaml", "--sandbox=t.db", "-y", "--debug", cwd=folder, env=env)
        assert again.out.startswith("No changes."), again.out
        assert requests_of(again, *WRITES) == []
        after = tenant(folder / "t.db")
        check_spec(after, spec)
        assert_only_planned_changes(before, after, document)
        assert "canary-crm-secret" not in applied.out + applied.err + again.err + str(document)
