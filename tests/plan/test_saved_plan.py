"""A saved plan: what it holds, what it does later, and what it refuses."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.gallery import CASES, GOLDEN
from tests.plan.tenants import SECRETS, edit, run
from tests.state.world import World, spec_of, web
from tests.support import WRITES, Result, cli, requests_of, tenant, write_spec

CASE = "create-everything"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant, the gallery's spec and its plan, saved. Not to be touched."""
    folder = tmp_path_factory.mktemp("planned")
    CASES[CASE].prepare(CASE, folder)
    made = run(folder, "plan", "spec.yaml", "--out", "plan.json")
    assert made.code == 0, made.err
    return folder


@pytest.fixture
def folder(planned: Path, tmp_path: Path) -> Path:
    """The same, to do with as one likes."""
    return Path(shutil.copytree(planned, tmp_path / "work"))


def document_in(folder: Path) -> dict[str, Any]:
    """What the saved plan holds."""
    document: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return document


def refused(result: Result, code: str) -> None:
    """One error of this code, and not a single request."""
    assert result.code == 1
    assert f"[{code}]" in result.err
    assert not requests_of(result)


def test_a_saved_plan_is_for_its_owner_only_and_holds_no_secret(folder: Path) -> None:
    document = document_in(folder)
    assert stat.S_IMODE((folder / "plan.json").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir() if path.name.startswith(".plan")] == []
    text = (folder / "plan.json").read_text()
    state = (folder / "tenant.db").read_bytes()
    secrets = [*SECRETS.values(), "GOCSPX-acme-sandbox-only", "acme-github-sandbox-only"]
    assert all(secret not in text for secret in secrets)
    assert b"GOCSPX-acme-sandbox-only" in state, "the canary must be somewhere to be missed here"
    reference = document["apply"]["changes"]["connection.acme-crm"]["sets"]["options.client_secret"]
    assert reference["$secret"] == "${env:CRM_CLIENT_SECRET}"


def test_a_saved_plan_does_exactly_what_it_says_and_asks_nothing(folder: Path) -> None:
    document = document_in(folder)
    applied = run(folder, "apply", "plan.json", "--debug")
    assert applied.code == 0, applied.err
    assert len(requests_of(applied, *WRITES)) == document["summary"]["writes"]
    again = run(folder, "plan", "spec.yaml", "--detailed-exitcode")
    assert again.code == 0, again.out


def test_a_saved_plan_that_was_applied_before_sends_no_write(folder: Path) -> None:
    run(folder, "apply", "plan.json")
    before = tenant(folder / "tenant.db")
    again = run(folder, "apply", "plan.json", "--debug")
    assert again.code == 0, again.err
    assert not requests_of(again, *WRITES)
    assert "0 added, 0 changed" in again.out
    assert tenant(folder / "tenant.db") == before


def test_a_saved_plan_that_was_interrupted_goes_on_where_it_stopped(folder: Path) -> None:
    part = run(folder, "plan", "spec.yaml", "--target", "application.*", "--target", "api.*", "--out", "part.json")
    assert part.code == 0, part.err
    assert run(folder, "apply", "part.json").code == 0
    applied = run(folder, "apply", "plan.json")
    assert applied.code == 0, applied.err
    assert "it was so already" in applied.err
    assert run(folder, "plan", "spec.yaml", "--detailed-exitcode").code == 0


def test_a_spec_that_changed_since_does_not_matter(folder: Path) -> None:
    (folder / "spec.yaml").write_text("not even yaml: [")
    assert run(folder, "apply", "plan.json").code == 0


def test_a_secret_is_resolved_again_and_must_be_the_same(folder: Path) -> None:
    other = run(folder, "apply", "plan.json", "--debug", env={"CRM_CLIENT_SECRET": "canary-rotated"})
    refused(other, "plan-file-secret")
    assert "${env:CRM_CLIENT_SECRET}" in other.err
    assert "canary" not in other.err + other.out
    missing = cli("apply", "plan.json", "--sandbox", "tenant.db", "--debug", cwd=folder)
    refused(missing, "spec-unset-variable")


def test_files_of_references_count_from_the_folder_of_their_spec(tmp_path: Path) -> None:
    (tmp_path / "prod").mkdir()
    (tmp_path / "prod" / "crm.secret").write_text("canary-from-a-file\n")
    spec = (GOLDEN / CASE / "spec.yaml").read_text().replace("${env:CRM_CLIENT_SECRET}", "${file:crm.secret}")
    write_spec(tmp_path / "prod", spec)
    assert run(tmp_path, "plan", "prod/spec.yaml", "--out", "plan.json").code == 0
    assert "canary" not in (tmp_path / "plan.json").read_text()
    applied = run(tmp_path, "apply", "plan.json")
    assert applied.code == 0, applied.err
    assert run(tmp_path, "plan", "prod/spec.yaml", "--detailed-exitcode").code == 0


def test_a_secret_that_the_spec_gives_a_part_of_is_not_saved(folder: Path) -> None:
    text = (folder / "spec.yaml").read_text()
    part = 'options: {app_secret: "canary-part-${env:CRM_CLIENT_SECRET}", '
    (folder / "spec.yaml").write_text(text.replace("options: {", part))
    made = run(folder, "plan", "spec.yaml", "--out", "other.json")
    assert (made.code, "[plan-file-secret]" in made.err) == (1, True)
    assert not (folder / "other.json").exists()


def test_a_plan_for_another_tenant_is_refused(folder: Path) -> None:
    elsewhere = {"AUTH0_DOMAIN": "127.0.0.1:1", "AUTH0_API_TOKEN": "t", **SECRETS}
    other = cli("apply", "plan.json", "--debug", cwd=folder, env=elsewhere)
    refused(other, "plan-file-tenant")


def test_a_plan_of_another_version_is_refused(folder: Path) -> None:
    document = document_in(folder)
    for key, value in {"tokenvault_version": "99.0.0", "format_version": "2.0"}.items():
        (folder / "plan.json").write_text(json.dumps({**document, key: value}))
        refused(run(folder, "apply", "plan.json", "--debug"), "plan-file-version")


@given(st.data())
def test_a_plan_that_was_touched_anywhere_is_refused(planned: Path, data: st.DataObject) -> None:
    document = document_in(planned)
    places = [place for place in leaves(document) if place[0] not in ("format", "format_version", "tokenvault_version")]
    place = data.draw(st.sampled_from(places))
    touched = json.loads(json.dumps(document))
    holder = touched
    for part in place[:-1]:
        holder = holder[part]
    holder[place[-1]] = data.draw(
        st.sampled_from([None, "x", 1, True, []]).filter(lambda value: value != holder[place[-1]])
    )
    (planned / "touched.json").write_text(json.dumps(touched))
    for command in ("apply", "show"):
        options = ("--sandbox", "tenant.db", "--debug") if command == "apply" else ()
        refused(cli(command, "touched.json", *options, cwd=planned, env=SECRETS), "plan-file-changed")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the values of a document are."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    return found or [path]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_half_a_plan_is_refused(folder: Path, share: float) -> None:
    text = (folder / "plan.json").read_text()
    (folder / "plan.json").write_text(text[: int(len(text) * share)])
    refused(run(folder, "apply", "plan.json", "--debug"), "plan-file-broken")


def test_a_plan_to_look_at_cannot_be_applied(folder: Path) -> None:
    (folder / "shown.json").write_text(cli("show", "plan.json", "--format", "json", cwd=folder).out)
    refused(run(folder, "apply", "shown.json", "--debug"), "plan-file-broken")


def test_a_forged_plan_cannot_have_a_secret_sent_that_its_maker_does_not_know(folder: Path) -> None:
    from tokenvault.plan.file import _hash

    document = document_in(folder)
    secret = document["apply"]["changes"]["connection.acme-crm"]["sets"]["options.client_secret"]
    secret["$secret"] = "${env:AUTH0_CLIENT_SECRET}"
    document["integrity"] = _hash(document)
    (folder / "plan.json").write_text(json.dumps(document))
    refused(run(folder, "apply", "plan.json", "--debug", env={"AUTH0_CLIENT_SECRET": "canary"}), "plan-file-secret")


@pytest.mark.parametrize("option", [("--adopt",), ("--prune",), ("--target", "api.*"), ("--exclude", "api.*")])
def test_no_option_changes_what_a_saved_plan_does(folder: Path, option: tuple[str, ...]) -> None:
    refused(run(folder, "apply", "plan.json", *option, "--debug"), "plan-file-decided")


def test_a_plan_and_a_spec_are_not_applied_together(folder: Path) -> None:
    refused(run(folder, "apply", "plan.json", "spec.yaml", "-y", "--debug"), "plan-file-beside")


def test_out_never_overwrites_what_is_not_a_plan(folder: Path) -> None:
    before = (folder / "spec.yaml").read_text()
    made = run(folder, "plan", "spec.yaml", "--out", "spec.yaml")
    assert (made.code, "[plan-file-exists]" in made.err) == (1, True)
    assert (folder / "spec.yaml").read_text() == before
    assert run(folder, "plan", "spec.yaml", "--out", "plan.json").code == 0


def test_a_place_that_cannot_be_written_is_told(folder: Path) -> None:
    made = run(folder, "plan", "spec.yaml", "--out", "no/such/folder/plan.json")
    assert (made.code, "[plan-file-write]" in made.err) == (1, True)
    assert "No such file or directory" in made.err


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"format": "tokenvault-plan", "x": ' + "[" * 100_000, "\xff", "null", "{}"]
)
def test_nothing_that_is_no_plan_is_shown(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_bytes(content.encode("latin-1"))
    shown = cli("show", "plan.json", cwd=tmp_path)
    assert (shown.code, "[plan-file-broken]" in shown.err) == (1, True)


def test_an_empty_plan_can_be_saved_and_applied(folder: Path) -> None:
    run(folder, "apply", "plan.json")
    run(folder, "plan", "spec.yaml", "--out", "plan.json")
    applied = run(folder, "apply", "plan.json", "--debug")
    assert (applied.code, requests_of(applied)) == (0, [])
    assert applied.out.startswith("No changes.")


@pytest.mark.parametrize(
    ("name", "content", "way"),
    [
        ("the spec.yaml", "# acme\nversion: 1\nname: acme\n", "`tokenvault plan 'the spec.yaml' --out plan.json`"),
        ("fleet.yaml", "version: 1\nfleet: acme\ntenants: {}\n", "`tokenvault fleet plan fleet.yaml --out plans`"),
    ],
)
@pytest.mark.parametrize("command", [["show"], ["graph", "--plan"]])
def test_a_spec_in_place_of_a_plan_is_told_and_how_to_plan_it(
    tmp_path: Path, command: list[str], name: str, content: str, way: str
) -> None:
    (tmp_path / name).write_text(content)
    shown = cli(*command, name, cwd=tmp_path)
    assert (shown.code, "[plan-is-spec]" in shown.err) == (1, True)
    assert way in shown.err


def test_a_folder_in_place_of_a_plan_is_told_and_which_plan_is_in_it(folder: Path) -> None:
    (folder / "plans").mkdir()
    empty = cli("show", "plans", cwd=folder)
    assert (empty.code, "plans is a folder" in empty.err) == (1, True)
    (folder / "plan.json").rename(folder / "plans" / "plan.json")
    assert "`tokenvault show plans/plan.json`" in cli("show", "plans", cwd=folder).err


def test_a_missing_plan_file_is_told(tmp_path: Path) -> None:
    shown = cli("show", "plan.json", cwd=tmp_path)
    assert (shown.code, "[plan-file-missing]" in shown.err) == (1, True)


def test_deleted_and_created_meanwhile(tmp_path: Path) -> None:
    """Kept here as one story: the plan was reviewed, then somebody tidied up, then it was applied."""
    CASES["one-changed-scope"].prepare("one-changed-scope", tmp_path)
    run(tmp_path, "plan", "spec.yaml", "--out", "plan.json")

    def tidied(objects: dict[str, Any]) -> None:
        api = next(key for key, item in objects["resource_servers"].items() if item["name"] == "Calendar API")
        del objects["resource_servers"][api]

    edit(tmp_path / "tenant.db", tidied)
    applied = run(tmp_path, "apply", "plan.json")
    assert applied.code == 1
    assert "api.calendar was deleted since the plan" in applied.err
    assert "connection.google-oauth2: Update complete" in applied.err


@pytest.mark.parametrize("command", ["plan", "graph", "drift"])
def test_a_saved_plan_where_a_spec_belongs_is_told_in_one_word(folder: Path, command: str) -> None:
    told = run(folder, command, "plan.json").err
    assert told.count("Error:") == 1 and "[spec-is-plan]" in told and "`tokenvault show plan.json" in told


def test_an_object_that_another_spec_took_meanwhile_is_refused(acme: World) -> None:
    """All that the plan wants is there, but for whose it is."""
    mine = spec_of({"portal": web(name="Legacy Portal")})
    acme.plan(mine, "--out", "plan.json")
    acme.apply({**mine, "name": "theirs"})
    done = cli("apply", "plan.json", "-y", "--sandbox=t.db", cwd=acme.folder)
    assert done.code == 1 and "apply-stale" in done.err
    assert acme.client("Legacy Portal")["client_metadata"]["tokenvault"].startswith("theirs/portal ")
