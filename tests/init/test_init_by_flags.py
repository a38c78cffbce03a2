"""`init` without a terminal: the flags say it all, and what it writes works."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.init.flags import FLAGS, NEW, READONLY, without
from tests.support import by_name, cli, tenant
from tokenvault import flavors as flavor_package
from tokenvault.flavors import flavors
from tokenvault.flavors.public_keys import read_public_key
from tokenvault.spec.load import load_spec
from tokenvault.spec.schema import editor_schema, spec_schema

SPEC = "tokenvault.yaml"


def test_every_flavor_is_tried() -> None:
    assert FLAGS.keys() == flavors().keys(), "give a new flavor the flags that say everything, in tests/init/flags.py"


@pytest.mark.parametrize("flavor", FLAGS)
def test_what_is_written_validates_plans_applies_and_is_then_in_place(folder: Path, flavor: str) -> None:
    made = cli("init", *FLAGS[flavor], cwd=folder)
    assert made.code == 0, made.err
    assert made.out == (folder / SPEC).read_text()
    assert cli("validate", cwd=folder).code == 0
    planned = cli("plan", "--sandbox", "--detailed-exitcode", cwd=folder)
    assert planned.code == 2, planned.err
    applied = cli("apply", "-y", "--sandbox", cwd=folder)
    assert applied.code == 0, applied.err
    again = cli("plan", "--sandbox", "--detailed-exitcode", cwd=folder)
    assert again.code == 0, again.out


@pytest.mark.parametrize("flavor", FLAGS)
def test_what_is_written_is_all_that_doctor_asks_for(folder: Path, flavor: str) -> None:
    assert cli("init", *FLAGS[flavor], cwd=folder).code == 0
    assert cli("apply", "-y", "--sandbox", cwd=folder).code == 0
    judged = cli("doctor", "--sandbox", cwd=folder)
    assert judged.code == 0, judged.out


@pytest.mark.parametrize("flavor", FLAGS)
def test_no_tenant_is_needed_and_none_is_asked(folder: Path, flavor: str) -> None:
    made = cli("init", *FLAGS[flavor], cwd=folder, env={"AUTH0_DOMAIN": "127.0.0.1:1", "AUTH0_API_TOKEN": "x"})
    assert made.code == 0, made.err
    assert load_spec([folder / SPEC], {}).tenant == "127.0.0.1:1"
    assert not (folder / ".tokenvault").exists()


@pytest.mark.parametrize("flavor", FLAGS)
def test_the_file_is_commented_fits_into_80_columns_and_starts_with_its_schema(folder: Path, flavor: str) -> None:
    cli("init", *FLAGS[flavor], cwd=folder)
    lines = (folder / SPEC).read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=tokenvault.schema.json"
    assert sum(line.lstrip().startswith("#") for line in lines) >= 5
    assert max(map(len, lines)) <= 80
    assert json.loads((folder / "tokenvault.schema.json").read_text()) == editor_schema()


@pytest.mark.parametrize("flavor", FLAGS)
def test_every_answer_that_a_flavor_needs_is_missed_by_its_flag_all_at_once(folder: Path, flavor: str) -> None:
    needed = {
        "access_token_exchange": ["--api-identifier"],
        "privileged_worker": ["--public-key", "--generate-key", "--ip", "--grant"],
    }
    made = cli("init", "--flavor", flavor, cwd=folder)
    assert made.code == 1 and "[init-missing]" in made.err and not made.out
    for flag in ("--app-name", "--client-id", "--type", "--callback", "--connection", *needed.get(flavor, [])):
        assert f"  {flag}" in made.err.replace(", or ", "  "), flag
    assert max(map(len, made.err.splitlines()[1:])) <= 80
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("flavor", FLAGS)
def test_each_needed_flag_is_missed_when_it_is_the_only_one_left_out(folder: Path, flavor: str) -> None:
    optional = {"--logout-url", "--api-name", "--api-client-name"}
    for flag in {flag for flag in FLAGS[flavor] if flag.startswith("--")} - optional:
        made = cli("init", *without(FLAGS[flavor], flag), cwd=folder)
        assert made.code == 1 and flag in made.err, flag
    assert list(folder.iterdir()) == []


def test_no_input_asks_nothing_even_where_it_could(folder: Path) -> None:
    made = cli("init", "--no-input", cwd=folder)
    assert made.code == 1 and "[init-missing]" in made.err


def test_everything_that_is_wrong_with_the_flags_is_told_at_once(folder: Path) -> None:
    wrong = [
        "--type",
        "web",
        "--flavor",
        "refresh_exchange",
        "--callback",
        "here",
        "--grant",
        "google",
        "--app-name",
        "A",
    ]
    made = cli("init", *wrong, "--client-id", "x", "--generate-key", "--public-key", "k.pem", cwd=folder)
    assert made.code == 1 and made.err.count("Error:") == 6
    assert 'Did you mean "refresh_token_exchange"?' in made.err


def test_a_flag_of_another_flavor_says_which(folder: Path) -> None:
    made = cli("init", *FLAGS["connected_accounts"], "--ip", "10.0.0.1", cwd=folder)
    assert made.code == 1 and "--ip is for privileged_worker" in made.err


def test_answers_that_make_no_valid_spec_are_placed_and_not_written(folder: Path) -> None:
    flags = without(FLAGS["refresh_token_exchange"], "--type")
    made = cli("init", *flags, "--type", "spa", cwd=folder)
    assert made.code == 1 and "nothing was written" in made.err
    assert "[spec-public-client]" in made.err and f"on {SPEC}:" in made.err
    assert list(folder.iterdir()) == []


def test_a_wrong_address_of_a_worker_is_placed_as_well(folder: Path) -> None:
    made = cli("init", *without(FLAGS["privileged_worker"], "--ip"), "--ip", "300.1.1.1", cwd=folder)
    assert made.code == 1 and "[spec-worker-address]" in made.err
    assert list(folder.iterdir()) == []


def test_a_file_that_is_there_is_replaced_only_by_force(folder: Path) -> None:
    (folder / SPEC).write_text("mine")
    refused = cli("init", *FLAGS["connected_accounts"], cwd=folder)
    assert refused.code == 1 and "[init-exists]" in refused.err
    assert (folder / SPEC).read_text() == "mine"
    assert cli("init", *FLAGS["connected_accounts"], "--force", cwd=folder).code == 0
    assert (folder / SPEC).read_text().startswith("# yaml-language-server")
    assert sorted(path.name for path in folder.iterdir()) == ["tokenvault.schema.json", SPEC]


def test_an_invalid_spec_replaces_nothing_even_by_force(folder: Path) -> None:
    (folder / SPEC).write_text("mine")
    flags = [*without(FLAGS["refresh_token_exchange"], "--type"), "--type", "spa", "--force"]
    assert cli("init", *flags, cwd=folder).code == 1
    assert (folder / SPEC).read_text() == "mine"


def test_existing_applications_are_adopted_each_under_a_key_of_its_own(folder: Path) -> None:
    flags = ["--flavor", "refresh_token_exchange", "--connection", "google-oauth2", "--type", "regular_web"]
    made = cli("init", "--client-id", "AAAABBBB1", "--client-id", "AAAABBBB2", *flags, cwd=folder)
    assert made.code == 0, made.err
    applications = load_spec([folder / SPEC], {}).applications
    assert {key: app.client_id for key, app in applications.items()} == {
        "app-AAAABBBB": "AAAABBBB1",
        "app-AAAABBBB-2": "AAAABBBB2",
    }


def test_adopting_changes_only_what_the_flavor_needs(folder: Path) -> None:
    cli("plan", "--sandbox", cwd=folder)
    before = by_name(tenant(folder / ".tokenvault/sandbox.db")["clients"], "Legacy Portal")
    flags = ["--flavor", "connected_accounts", "--connection", "github"]
    assert cli("init", "--client-id", before["client_id"], *flags, cwd=folder).code == 0
    assert cli("apply", "-y", "--sandbox", cwd=folder).code == 0
    after = by_name(tenant(folder / ".tokenvault/sandbox.db")["clients"], "Legacy Portal")
    assert (after["callbacks"], after["app_type"]) == (before["callbacks"], before["app_type"])


def test_a_single_page_application_may_call_auth0_from_its_origins(folder: Path) -> None:
    flags = without(FLAGS["access_token_exchange"], "--callback")
    urls = ["--callback", "http://localhost:5173/a", "--callback", "http://localhost:5173/b"]
    cli("init", *flags, *urls, cwd=folder)
    app = load_spec([folder / SPEC], {}).applications["acme-calendar"]
    assert app.web_origins == app.allowed_origins == ("http://localhost:5173",)


def test_scopes_that_a_worker_is_granted_are_asked_of_the_provider(folder: Path) -> None:
    cli("init", *FLAGS["privileged_worker"], cwd=folder)
    connection = load_spec([folder / SPEC], {}).connections["google-oauth2"]
    assert (connection.scopes, connection.offline_access) == ((READONLY,), True)


def test_scopes_of_a_connection_can_be_given_with_it(folder: Path) -> None:
    flags = without(FLAGS["connected_accounts"], "--connection")
    cli("init", *flags, "--connection", "google-oauth2=email,profile", cwd=folder)
    assert load_spec([folder / SPEC], {}).connections["google-oauth2"].scopes == ("email", "profile")


def test_any_setting_of_a_flavor_can_be_given(folder: Path) -> None:
    made = cli(
        "init", *FLAGS["privileged_worker"], "--set", "privileged_worker.authentication=client_secret_post", cwd=folder
    )
    assert made.code == 0, made.err
    worker = load_spec([folder / SPEC], {}).applications["nightly-sync"].flavors[0]
    assert worker.settings["authentication"] == "client_secret_post"
    wrong = cli(
        "init", *FLAGS["privileged_worker"], "--force", "--set", "privileged_worker.autentication=x", cwd=folder
    )
    assert wrong.code == 1 and 'Did you mean "privileged_worker.authentication"?' in wrong.err


FLAVOR = """
from tokenvault.flavors.base import Flavor

FLAVOR = Flavor(
    name="made_up", summary="Nobody knew of it.", doc="https://example.com", includes=(), type_hint="",
    schema={"type": "object", "required": ["region"], "properties": {"region": {"type": "string", "description": "Where"}}},
    types=frozenset({"regular_web"}), expand=lambda context: (), rules=lambda context: (),
)
"""


@pytest.fixture
def made_up(tmp_path: Path) -> Iterator[None]:
    """A flavor that is one more file, as the package finds its own."""
    folder = tmp_path / "flavors"
    folder.mkdir()
    (folder / "made_up.py").write_text(FLAVOR)
    flavor_package.__path__.append(str(folder))
    flavors.cache_clear(), spec_schema.cache_clear()
    yield
    flavor_package.__path__.remove(str(folder))
    sys.modules.pop("tokenvault.flavors.made_up", None)
    flavors.cache_clear(), spec_schema.cache_clear()


def test_a_flavor_that_nobody_knew_is_offered_and_its_settings_asked_for(folder: Path, made_up: None) -> None:
    flags = [*NEW, "--connection", "github", "--flavor", "made_up"]
    asked = cli("init", *flags, cwd=folder)
    assert asked.code == 1 and "--set made_up.region=VALUE" in asked.err and "      Where" in asked.err
    made = cli("init", *flags, "--set", "made_up.region=eu", cwd=folder)
    assert made.code == 0, made.err
    assert load_spec([folder / SPEC], {}).applications["acme-assistant"].flavors[0].settings == {"region": "eu"}


def test_a_new_key_is_for_the_worker_alone_and_stays_out_of_git(folder: Path) -> None:
    made = cli("init", *FLAGS["privileged_worker"], cwd=folder)
    private, public = folder / "keys/nightly-sync.key.pem", folder / "keys/nightly-sync.pub.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in private.read_text() and "PRIVATE" not in made.out
    assert private.read_text().splitlines()[1] not in made.out + made.err
    assert read_public_key(public.read_text()).kid
    assert (folder / ".gitignore").read_text() == "/keys/nightly-sync.key.pem\n"


def test_what_git_ignores_already_stays(folder: Path) -> None:
    (folder / ".gitignore").write_text("/dist")
    cli("init", *FLAGS["privileged_worker"], cwd=folder)
    assert (folder / ".gitignore").read_text() == "/dist\n/keys/nightly-sync.key.pem\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_git_does_ignore_the_key_and_nothing_else(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    cli("init", *FLAGS["privileged_worker"], cwd=folder)
    status = ["git", "-C", str(folder), "status", "--short", "--untracked-files=all"]
    seen = subprocess.run(status, check=True, capture_output=True, text=True).stdout
    assert "keys/nightly-sync.pub.pem" in seen and "keys/nightly-sync.key.pem" not in seen


def test_a_second_key_does_not_replace_the_first(folder: Path) -> None:
    cli("init", *FLAGS["privileged_worker"], cwd=folder)
    first = (folder / "keys/nightly-sync.key.pem").read_text()
    assert cli("init", *FLAGS["privileged_worker"], "--force", cwd=folder).code == 0
    assert (folder / "keys/nightly-sync.key.pem").read_text() == first
    assert (folder / "keys/nightly-sync-2.key.pem").exists()
    assert load_spec([folder / SPEC], {}).applications["nightly-sync"].flavors[0].settings["public_keys"]


def test_a_public_key_that_exists_is_named_from_the_folder_of_the_spec(folder: Path) -> None:
    cli("init", *FLAGS["privileged_worker"], "-o", "first.yaml", cwd=folder)
    flags = without(FLAGS["privileged_worker"], "--generate-key")
    made = cli("init", *flags, "--public-key", "keys/nightly-sync.pub.pem", "-o", "keys/worker.yaml", cwd=folder)
    assert made.code == 0, made.err
    written = yaml.safe_load((folder / "keys/worker.yaml").read_text())
    used = written["applications"]["nightly-sync"]["flavors"][0]["privileged_worker"]["public_keys"]
    assert used == [{"file": "nightly-sync.pub.pem"}]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("missing.pem", "spec-missing-file"),
        ("../k.pem", "spec-file-outside"),
        ("keys/nightly-sync.key.pem", "spec-worker-key"),
    ],
)
def test_a_public_key_that_cannot_be_used_is_told(folder: Path, key: str, code: str) -> None:
    cli("init", *FLAGS["privileged_worker"], "-o", "first.yaml", cwd=folder)
    flags = without(FLAGS["privileged_worker"], "--generate-key")
    made = cli("init", *flags, "--public-key", key, cwd=folder)
    assert made.code == 1 and f"[{code}]" in made.err
    assert not (folder / SPEC).exists()


def test_what_cannot_be_written_whole_is_not_written_at_all(folder: Path) -> None:
    (folder / "keys").write_text("in the way")
    (folder / ".gitignore").write_text("/dist\n")
    made = cli("init", *FLAGS["privileged_worker"], cwd=folder)
    assert made.code == 1 and "[init-write]" in made.err and "Nothing was written." in made.err
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "keys"]
    assert (folder / ".gitignore").read_text() == "/dist\n"


def test_folders_on_the_way_are_made_and_taken_back(folder: Path) -> None:
    assert cli("init", *FLAGS["connected_accounts"], "-o", "specs/prod/assistant.yaml", cwd=folder).code == 0
    assert load_spec([folder / "specs/prod/assistant.yaml"], {}).name == "acme-assistant"
    (folder / "file").write_text("")
    made = cli("init", *FLAGS["connected_accounts"], "-o", "file/below/it.yaml", cwd=folder)
    assert made.code == 1 and "[init-write]" in made.err


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>"), min_size=1, max_size=40)


@given(name=TEXT, path=TEXT.filter(lambda text: not any(c.isspace() for c in text)))
def test_whatever_is_answered_reads_back_as_it_was_answered(
    tmp_path_factory: pytest.TempPathFactory, name: str, path: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    url = f"https://app.example.com/{path}"
    flags = [f"--app-name={name}", "--type", "native", f"--callback={url}", "--flavor", "connected_accounts"]
    made = cli("init", *flags, "--connection", "github", cwd=folder, env={"HIDDEN": "canary"})
    assert made.code == 0, made.err
    app = next(iter(load_spec([folder / SPEC], {"HIDDEN": "canary"}).applications.values()))
    assert (app.name, app.callbacks) == (name, (url,))


@pytest.mark.parametrize(
    "name",
    [
        "${env:HIDDEN}",
        "$${env:HIDDEN}",
        "${file:/etc/passwd}",
        "a: b",
        "- x",
        "#",
        "yes",
        "1",
        ":x",
        "?x",
        "it's, [a]",
        "'",
        '"',
    ],
)
def test_an_answer_is_never_taken_for_yaml_or_for_a_reference(folder: Path, name: str) -> None:
    flags = without(FLAGS["connected_accounts"], "--app-name")
    assert cli("init", *flags, "--app-name", name, cwd=folder).code == 0
    assert next(iter(load_spec([folder / SPEC], {"HIDDEN": "canary"}).applications.values())).name == name


@pytest.mark.parametrize("path", ["it's,me", "a'b,c?d=[e]", "{x}", "x#y", "a,b:", "'", '",', "$%7Bx}"])
def test_an_address_of_any_form_is_written_so_that_it_reads_back(folder: Path, path: str) -> None:
    """A quote and a comma in one address made a list that was no YAML."""
    url = f"https://app.example.com/{path}"
    flags = without(FLAGS["refresh_token_exchange"], "--callback", "--logout-url")
    made = cli("init", *flags, "--callback", url, "--logout-url", url, cwd=folder)
    assert made.code == 0, made.err
    app = next(iter(load_spec([folder / SPEC], {}).applications.values()))
    assert (app.callbacks, app.logout_urls) == ((url,), (url,))


def test_a_text_that_is_longer_than_a_line_stays_a_text(folder: Path) -> None:
    flags = without(FLAGS["connected_accounts"], "--app-name")
    assert cli("init", *flags, "--app-name", "A" * 190, cwd=folder).code == 0
    assert next(iter(load_spec([folder / SPEC], {}).applications.values())).name == "A" * 190
