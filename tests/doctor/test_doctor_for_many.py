"""The doctor on a tenant of 60 applications × 5 connections: a verdict, three causes, one screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.test_doctor import limited_token
from tests.support import Result, cli, served
from tests.world import CREDENTIALS, World

CONNECTIONS: dict[str, Any] = {
    "google-oauth2": {"strategy": "google-oauth2", "credentials": CREDENTIALS, "offline_access": True},
    "github": {"strategy": "github", "credentials": CREDENTIALS},
    "box": {"strategy": "box", "credentials": CREDENTIALS},
    "slack": {
        "strategy": "oauth2",
        "credentials": CREDENTIALS,
        "options": {
            "authorizationURL": "https://slack.com/oauth/v2/authorize",
            "tokenURL": "https://slack.com/api/oauth.v2.access",
        },
    },
    "fitbit": {"strategy": "fitbit", "credentials": CREDENTIALS},
}
CALLBACK = ["https://apps.acme.example/callback"]
APPS = [f"app-{number:02}" for number in range(1, 61)]


def many_spec() -> dict[str, Any]:
    app = {"type": "regular_web", "callbacks": CALLBACK, "flavors": ["refresh_token_exchange"]}
    return {"version": 1, "name": "many", "connections": CONNECTIONS, "applications": dict.fromkeys(APPS, app)}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("many"), many_spec())
    applied = made.apply()
    assert applied.code == 0, applied.err
    return made


@pytest.fixture(scope="module")
def broken(many: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three causes: a connection without its purpose, twelve applications without callbacks, one that is not enabled."""
    world = many.copy(tmp_path_factory.mktemp("broken"))
    world.patch_connection("box", connected_accounts={"active": False})
    for key in APPS[:12]:
        world.patch_client(key, callbacks=[])
    world.enable("github", APPS[59], False)
    yield world
    world.close()


@pytest.fixture(scope="module")
def shown(broken: World) -> Result:
    return broken.run("doctor", "spec.yaml")


def test_three_causes_of_sixty_applications_fit_a_screen(shown: Result) -> None:
    lines = shown.out.splitlines()
    assert shown.code == 1
    assert len(lines) <= 60 and max(map(len, lines)) <= 80, shown.out


def test_the_verdict_comes_first(shown: Result) -> None:
    first = shown.out.splitlines()[0]
    assert first == "Not ready. 600 cases on sandbox.localhost (spec.yaml): 382 ready, 218 not ready."


def test_a_cause_stands_once_with_how_many_cases_and_which(shown: Result, broken: World) -> None:
    causes = [cause for cause in broken.doctor("spec.yaml")["causes"] if cause["state"] == "not ready"]
    assert sorted((cause["id"], len(cause["cases"])) for cause in causes) == [
        ("application-callbacks", 120),
        ("connection-connected-accounts", 120),
        ("connection-enabled", 2),
    ]
    applications = {cause["id"]: cause["applications"] for cause in causes}
    assert applications == {
        "connection-connected-accounts": APPS,
        "application-callbacks": APPS[:12],
        "connection-enabled": [APPS[59]],
    }
    assert "Not ready, because (3):" in shown.out
    for cause in causes:
        assert shown.out.count(f"[{cause['id']}]") == 1
    told = " ".join(shown.out.split())
    assert "120 of 600 cases: app-01, app-02, app-03 and 57 more × box" in told
    assert "120 of 600 cases: app-01, app-02, app-03 and 9 more × google-oauth2, github, box and 2 more" in told
    assert "2 of 600 cases: app-60 × github" in told


def test_applications_that_stand_alike_are_one_row(shown: Result) -> None:
    rows = [line.split() for line in shown.out.splitlines() if line.startswith("app-")]
    assert ["app-01", "and", "11", "more", *["not", "ready"] * 3] in rows or len(rows) <= 8
    assert any(row[:4] == ["app-13", "and", "46", "more"] for row in rows)
    assert not any(row[0] == "app-20" for row in rows)


# ---- what is asked for


def test_an_application_a_connection_and_a_flavor_can_be_asked_for(broken: World) -> None:
    one = broken.run("doctor", "spec.yaml", "--app", "app-60", "--format", "json").json
    assert one["summary"] == {"ready": 6, "not ready": 4, "unknown": 0}
    assert {case["application"] for case in one["cases"]} == {"app-60"}
    github = broken.run(
        "doctor", "spec.yaml", "--app", "app-60", "--connection", "git*", "--flavor", "connected_accounts"
    )
    assert github.code == 1 and "1 case " in github.out.splitlines()[0]
    assert "[connection-enabled]" in github.out and "[connection-connected-accounts]" not in github.out


def test_what_is_asked_for_decides_the_exit_code(broken: World) -> None:
    result = broken.run("doctor", "spec.yaml", "--app", "app-2?", "--connection", "google-oauth2")
    assert result.code == 0, result.out
    assert result.out.startswith("Ready. 20 cases on ")


def test_an_application_is_known_by_its_client_id_too(broken: World) -> None:
    client_id = broken.client("app-60")["client_id"]
    document = broken.run("doctor", "--app", client_id, "--format", "json").json
    assert {case["client_id"] for case in document["cases"]} == {client_id}


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--app", "app-61"], 'Did you mean "app-'),
        (["--connection", "googel-oauth2"], 'Did you mean "google-oauth2"?'),
        (["--flavor", "refresh_token_exchang"], 'Did you mean "refresh_token_exchange"?'),
        (["--connection", "zzz"], "There are: box, fitbit, github, google-oauth2, slack."),
    ],
)
def test_what_nothing_answers_to_is_refused(broken: World, options: list[str], hint: str) -> None:
    result = broken.run("doctor", "spec.yaml", *options)
    assert (result.code, result.out) == (1, "")
    assert hint in " ".join(result.err.split())


def test_failing_leaves_out_what_is_ready(broken: World) -> None:
    document = broken.run("doctor", "spec.yaml", "--failing", "--format", "json").json
    assert document["summary"]["ready"] == 382 and len(document["cases"]) == 218
    assert "ready" not in {case["state"] for case in document["cases"]}
    assert document["selection"]["failing"] is True
    numbers = {number for cause in document["causes"] for number in cause["cases"]}
    assert numbers == set(range(218))


def test_all_and_a_spec_exclude_each_other(broken: World) -> None:
    result = broken.run("doctor", "spec.yaml", "--all")
    assert result.code == 1 and "[doctor-all]" in result.err


# ---- the spec beside it


def test_the_spec_beside_it_is_what_is_judged(tmp_path: Path, template: World) -> None:
    world = template.copy(tmp_path)
    spec = {**world.spec, "connections": {**world.spec["connections"], "not-there-yet": {}}}
    world.write(spec)
    (tmp_path / "spec.yaml").rename(tmp_path / "tokenvault.yaml")
    beside = world.run("doctor", "--format", "json")
    assert beside.code == 1 and beside.json["spec"] == {"files": ["tokenvault.yaml"]}
    assert "connection-exists" in {finding["id"] for finding in beside.json["findings"]}
    assert "--all" in beside.err
    whole = world.run("doctor", "--all", "--format", "json")
    assert whole.code == 0 and whole.json["spec"] is None


# ---- what the token may not read


def test_three_missing_scopes_are_three_entries(template: World, tmp_path: Path) -> None:
    folder = template.copy(tmp_path).folder
    lacking = {"read:connections_options", "read:client_grants", "read:mfa_policies"}
    with served(folder / "tenant.db") as address:
        env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": limited_token(address, lacking), "PROVIDER_SECRET": "x"}
        document = cli("doctor", "spec.yaml", "--format", "json", cwd=folder, env=env).json
        text = cli("doctor", "spec.yaml", cwd=folder, env=env).out
    causes = [cause for cause in document["causes"] if cause["state"] == "unknown"]
    assert {tuple(cause["scopes"]) for cause in causes} == {(scope,) for scope in lacking}
    assert len(causes) == 3 and "(3):" in text
    assert all(text.count(f"lacks {scope}") == 1 for scope in lacking)


def test_only_checks_of_the_strategy_at_hand_are_unknown(template: World, tmp_path: Path) -> None:
    folder = template.copy(tmp_path).folder
    with served(folder / "tenant.db") as address:
        token = limited_token(address, {"read:connections_options"})
        env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": token, "PROVIDER_SECRET": "x"}
        document = cli("doctor", "spec.yaml", "--format", "json", cwd=folder, env=env).json
    judged: dict[str, set[str]] = {}
    for case in document["cases"]:
        judged.setdefault(case["connection"], set()).update(case["preconditions"])
    assert "connection-github-app" in judged["github"] and "google-testing" not in judged["github"]
    assert "connection-back-channel" in judged["acme-id"] and "connection-prompt" not in judged["acme-id"]
    assert "google-testing" in judged["google-oauth2"] and "slack-app" not in judged["google-oauth2"]


# ---- two of one name


def test_two_applications_of_one_name_are_told_apart(world: World) -> None:
    twin = {
        key: value for key, value in world.client("assistant").items() if key in ("app_type", "grant_types", "name")
    }
    made = world.api("POST", "/clients", {**twin, "oidc_conformant": True, "is_first_party": True})
    world.api("PATCH", f"/clients/{made['client_id']}", {"callbacks": []})
    cause = next(c for c in world.doctor()["causes"] if c["id"] == "application-callbacks")
    assert cause["applications"] == [f"assistant [{made['client_id']}]"]


# ---- the other forms


class Page(HTMLParser):
    """The page's tags with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))


def test_html_is_one_file_with_the_matrix_and_filters(broken: World) -> None:
    result = broken.run("doctor", "spec.yaml", "--format", "html")
    assert result.code == 1
    page = Page()
    page.feed(result.out)
    names = {tag for tag, _ in page.tags}
    assert not names & {"link", "img", "iframe"} and "url(" not in result.out
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}], "one, in the page, for searching"
    rows = [attributes for tag, attributes in page.tags if tag == "tr"]
    assert len(rows) == 1 + 120
    inputs = {attributes["id"] for tag, attributes in page.tags if tag == "input" and "id" in attributes}
    assert {"state-not-ready", "flavor-f0", "connection-k4", "cause-c3"} <= inputs
    for id_ in inputs:
        assert str(id_).endswith("-all") or f"#{id_}:checked" in result.out
    anchors = {attributes.get("id") for _, attributes in page.tags}
    links = [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]
    assert all(link.removeprefix("#") in anchors for link in links if link.startswith("#"))
    assert "prefers-color-scheme: dark" in result.out
    assert "tokenvault apply spec.yaml --sandbox=tenant.db" in result.out


def test_a_ready_tenant_is_a_page_too(many: World) -> None:
    result = many.run("doctor", "spec.yaml", "--format", "html")
    assert result.code == 0 and "Ready." in result.out and 'id="cause-1"' not in result.out


def test_markdown_folds_a_long_matrix(broken: World) -> None:
    text = broken.run("doctor", "spec.yaml", "--format", "markdown").out
    assert text.count("<details>") == text.count("</details>") >= 2
    assert text.index("connection-connected-accounts") < text.index("| application |")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 120 and len({row.count("|") for row in rows}) == 1
    assert re.search(r"3\. \*\*connection\*\* `github`", text)
    assert len(text) < 65_536
