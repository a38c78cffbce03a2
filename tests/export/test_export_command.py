"""The command: what it selects, where it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.export.by_hand import Hands, by_hand, policy, said
from tests.support import EXAMPLES, Result, cli, served, tenant, write_spec
from tests.world import WORKER, World

HEADER = "# yaml-language-server: $schema="


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tenant with two web applications, a single-page one with its API, and a stranger."""
    with by_hand(tmp_path / "tenant.db") as hands:
        company(hands)
    return tmp_path


def company(hands: Hands) -> None:
    hands.my_account()
    hands.connection("google-oauth2")
    hands.connection("github")
    hands.web("Assistant", "google-oauth2", "github")
    hands.web("Portal", "github", exchanges=False)
    hands.api("https://calendar.example", "Calendar API", scopes={"read:calendar": "Read it"})
    reaches = [policy(), policy("https://calendar.example", ["read:calendar"])]
    refresh_token = {"rotation_type": "rotating", "expiration_type": "expiring", "policies": reaches}
    hands.spa("Calendar", "google-oauth2", refresh_token=refresh_token)


def export(folder: Path, *options: object) -> Result:
    return cli("export", "--sandbox", "tenant.db", *options, cwd=folder)


def exported_keys(result: Result) -> list[str]:
    assert result.code == 0, result.err
    return list(yaml.safe_load(result.out)["applications"])


def test_stdout_is_the_spec_and_nothing_else(folder: Path) -> None:
    result = export(folder)
    assert result.out.startswith(HEADER)
    assert exported_keys(result) == ["assistant", "portal", "calendar"]
    assert "3 applications, 2 connections, 1 API" in said(result)


def test_live_facts_stand_beside_what_they_are_about(folder: Path) -> None:
    text = export(folder, "--app", "Assistant").out
    assert "enabled for 3 other applications" in text, "Portal, and the two that the sample company comes with"
    assert "Left as they are: 1 callback." in text


@pytest.mark.parametrize("wanted", ["Portal", "key", "id"])
def test_an_application_is_chosen_by_name_or_client_id(folder: Path, wanted: str) -> None:
    ids = {c["name"]: c["client_id"] for c in tenant(folder / "tenant.db")["clients"].values()}
    asked = {"Portal": "Portal", "key": "Portal", "id": ids["Portal"]}[wanted]
    result = export(folder, "--app", asked)
    assert exported_keys(result) == ["portal"]
    assert list(yaml.safe_load(result.out)["connections"]) == ["github"]


def test_several_applications_are_chosen_one_by_one(folder: Path) -> None:
    assert exported_keys(export(folder, "--app", "Calendar", "--app", "Assistant")) == ["assistant", "calendar"]


def test_a_custom_api_client_stands_for_the_applications_that_it_serves(folder: Path) -> None:
    assert exported_keys(export(folder, "--app", "Calendar API exchanger")) == ["calendar"]


def test_an_unknown_application_is_refused_with_the_nearest_name(folder: Path) -> None:
    result = export(folder, "--app", "Asistant")
    assert result.code == 1
    assert not result.out
    assert 'There is no application "Asistant"' in said(result)
    assert 'Did you mean "Assistant"?' in said(result)


def test_an_application_that_does_not_use_token_vault_is_refused(folder: Path) -> None:
    result = export(folder, "--app", "Legacy Portal")
    assert result.code == 1
    assert "does not use Token Vault" in said(result)


def test_two_applications_of_one_name_are_exported_both_and_refused_by_that_name(folder: Path) -> None:
    with by_hand(folder / "tenant.db") as hands:
        ids = sorted([hands.web("Twin", "github"), hands.web("Twin", "github")])
    spec = yaml.safe_load(export(folder).out)
    assert sorted(spec["applications"][key]["client_id"] for key in ("twin", "twin-2")) == ids
    assert_plan_is_empty(folder, export(folder).out)
    result = export(folder, "--app", "Twin")
    assert result.code == 1
    assert all(client_id in result.err for client_id in ids)


def assert_plan_is_empty(folder: Path, text: str) -> None:
    (folder / "plan-me.yaml").write_text(text)
    plan = cli("plan", "plan-me.yaml", "--sandbox", "tenant.db", "--detailed-exitcode", cwd=folder)
    assert plan.code == 0, plan.out + plan.err


def test_a_file_is_never_written_over_without_force(folder: Path) -> None:
    (folder / "spec.yaml").write_text("mine")
    refused = export(folder, "--output", "spec.yaml")
    assert refused.code == 1
    assert "spec.yaml exists" in refused.err
    assert "--force" in refused.err
    assert (folder / "spec.yaml").read_text() == "mine"
    assert export(folder, "--output", "spec.yaml", "--force").code == 0
    assert (folder / "spec.yaml").read_text().startswith(HEADER)


def test_a_file_that_cannot_be_written_is_told(folder: Path) -> None:
    result = export(folder, "--output", "no/such/folder.yaml")
    assert result.code == 1
    assert "no/such/folder.yaml cannot be written: No such file or directory" in said(result)


def test_a_name_is_chosen_or_made_of_the_domain(folder: Path) -> None:
    assert yaml.safe_load(export(folder).out)["name"] == "sandbox"
    assert yaml.safe_load(export(folder, "--name", "acme-prod").out)["name"] == "acme-prod"
    result = export(folder, "--name", "Acme Prod")
    assert result.code == 1
    assert '"Acme Prod" cannot be the name of a spec' in said(result)


def test_objects_of_two_specs_are_exported_one_spec_at_a_time(tmp_path: Path) -> None:
    for stem in ("quickstart", "react-spa"):
        path = write_spec(tmp_path, next(p for p in EXAMPLES if p.stem == stem).read_text(), f"{stem}.yaml")
        text = path.read_text().replace("purpose: authentication_and_connected_accounts", "")
        path.write_text(text.replace("offline_access: true", "").replace("google-oauth2:\n", "google-oauth2: {}\n"))
        lines = path.read_text().splitlines()
        path.write_text("\n".join(line for line in lines if not line.strip().startswith("scopes: [")) + "\n")
        applied = cli("apply", path.name, "-y", "--sandbox", "tenant.db", cwd=tmp_path)
        assert applied.code == 0, applied.err
    result = export(tmp_path)
    assert result.code == 1
    assert "2 specs: quickstart (4), react-assistant (2)" in said(result)
    chosen = export(tmp_path, "--name", "react-assistant")
    assert exported_keys(chosen) == ["assistant-spa"]
    assert "belongs to another spec: export that with --name quickstart" in said(chosen)
    assert_plan_is_empty(tmp_path, chosen.out)
    assert_plan_is_empty(tmp_path, export(tmp_path, "--name", "quickstart").out)


def test_it_works_the_same_over_a_socket(folder: Path) -> None:
    with served(folder / "tenant.db") as address:
        env = {"AUTH0_DOMAIN": address, "AUTH0_API_TOKEN": "sandbox"}
        result = cli("export", "--output", "served.yaml", "--name", "sandbox", cwd=folder, env=env)
        assert result.code == 0, result.err
        plan = cli("plan", "served.yaml", "--detailed-exitcode", cwd=folder, env=env)
        assert plan.code == 0, plan.out + plan.err
    spec, embedded = yaml.safe_load((folder / "served.yaml").read_text()), yaml.safe_load(export(folder).out)
    assert spec["applications"] == embedded["applications"]


def test_the_file_reads_well_in_an_editor(folder: Path) -> None:
    """The schema that the first line names is the one that `tokenvault schema` prints."""
    text = export(folder).out
    name = text.splitlines()[0].removeprefix(HEADER)
    assert f"tokenvault schema > {name}" in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_one_application_of_a_spec_is_exported_with_what_the_spec_says_of_its_connections(tmp_path: Path) -> None:
    """Otherwise a plan of it would take the options back that the connection was given."""
    world = World(tmp_path)
    world.make_key()
    assert world.apply().code == 0
    exported = world.run("export", "--app", WORKER, "--output", "one.yaml")
    assert exported.code == 0 and "Not in the spec" not in exported.err, exported.err
    assert world.run("plan", "one.yaml", "--format", "json").json["changes"] == []
