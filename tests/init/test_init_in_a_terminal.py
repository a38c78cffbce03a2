"""The wizard in a real pseudo-terminal, to the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.init.flags import FLAGS, READONLY, without
from tests.init.ways import CONNECTIONS, SANDBOX, SPEC, ways
from tests.init.wizard import DOWN, ENTER, ERASE, ESCAPE, SPACE, UP, Wizard
from tests.support import cli, served, tenant
from tokenvault.flavors import flavors
from tokenvault.kinds.strategies import NEVER
from tokenvault.sandbox import open_sandbox


def test_every_flavor_is_tried() -> None:
    assert ways().keys() == flavors().keys(), "give a new flavor its questions and answers, in tests/init/ways.py"


@pytest.mark.parametrize("flavor", ways())
def test_the_way_to_the_end_writes_a_spec_and_shows_a_plan_that_works(folder: Path, flavor: str) -> None:
    wizard = Wizard(folder, *SANDBOX)
    wizard.answer([*ways()[flavor], (f"Write {SPEC}?", ENTER)])
    assert wizard.end() == 0, wizard.shown
    assert "Plan:" in wizard.shown and "Next: tokenvault apply --sandbox" in wizard.shown
    assert "Written:" in wizard.shown and "PRIVATE KEY" not in wizard.shown
    applied = cli("apply", "-y", "--sandbox", cwd=folder)
    assert applied.code == 0, applied.err
    assert cli("plan", "--sandbox", "--detailed-exitcode", cwd=folder).code == 0


def test_every_answer_is_in_the_spec(folder: Path) -> None:
    wizard = Wizard(folder, *SANDBOX)
    wizard.answer([*ways()["privileged_worker"], (f"Write {SPEC}?", DOWN + ENTER)])
    assert wizard.end() == 0 and "Next: tokenvault plan --sandbox" in wizard.shown
    spec = yaml.safe_load((folder / SPEC).read_text())
    assert spec["name"] == "nightly"
    assert spec["applications"]["nightly-sync"]["flavors"][0]["privileged_worker"] == {
        "authentication": "client_secret_post",
        "public_keys": [{"file": "keys/nightly-sync.pub.pem"}],
        "ip_allowlist": ["203.0.113.0/24", "127.0.0.1"],
        "grants": {"google-oauth2": [READONLY]},
    }
    assert (folder / "keys/nightly-sync.key.pem").stat().st_mode & 0o777 == 0o600


def test_only_what_no_flag_answers_is_asked(folder: Path) -> None:
    wizard = Wizard(folder, *without(FLAGS["connected_accounts"], "--callback"), "--name", "x")
    wizard.answer(
        [("Callback URLs", "https://a.example/cb" + ENTER), ("Logout URLs", ENTER), (f"Write {SPEC}?", ENTER)]
    )
    assert wizard.end() == 0
    assert wizard.shown.count("? ") <= 12 and "Which tenant?" not in wizard.shown


def test_a_wrong_answer_is_told_at_once_and_can_be_corrected(folder: Path) -> None:
    given = (*FLAGS["privileged_worker"], "--authentication", "private_key_jwt")
    flags = without(given, "--ip", "--app-name", "--grant")
    wizard = Wizard(folder, *SANDBOX, *flags)
    wizard.answer([("Which application?", ENTER), ("Name of the new application:", "<Acme>" + ENTER)])
    wizard.expect("does not have the right form")
    wizard.press(ERASE + "Sync" + ENTER)
    wizard.answer([("that the worker sends from", "300.1.1.1" + ENTER)])
    wizard.expect('"300.1.1.1" is neither an IP address nor a network')
    wizard.press(ERASE + " ".join(f"10.0.0.{number}" for number in range(11)) + ENTER)
    wizard.expect("A privileged worker has at most 10 addresses")
    wizard.press(ERASE + "10.0.0.0/8" + ENTER)
    wizard.answer([("Scopes that it may get", " ".join("abcdefghijklmnopqrstu") + ENTER)])
    wizard.expect("A privileged worker has at most 20 scopes")
    wizard.press(ERASE + "a" + ENTER)
    wizard.answer([("Name of this spec", "_" + ENTER)])
    wizard.expect("does not have the right form")
    wizard.press(ERASE + "sync" + ENTER)
    wizard.answer([(f"Write {SPEC}?", DOWN + ENTER)])
    assert wizard.end() == 0
    assert cli("validate", cwd=folder).code == 0


def test_existing_applications_are_found_by_typing_and_keep_their_type(folder: Path) -> None:
    with_many_applications(folder)
    wizard = Wizard(folder, *SANDBOX)
    wizard.answer([
        ("Which application?", DOWN + ENTER),
        ("Which existing applications?", "legacy" + SPACE + ENTER),
        ("Which flavors", SPACE + ENTER),
        (CONNECTIONS, SPACE + ENTER),
        ("Name of this spec", ENTER),
        (f"Write {SPEC}?", DOWN + ENTER),
    ])  # fmt: skip
    assert wizard.end() == 0, wizard.shown
    portal = yaml.safe_load((folder / SPEC).read_text())["applications"]["legacy-portal"]
    known = tenant(folder / ".tokenvault/sandbox.db")["clients"][portal["client_id"]]
    assert (known["name"], portal["type"]) == ("Legacy Portal", "regular_web")


def with_many_applications(folder: Path) -> None:
    """A tenant whose lists are long enough to be searched."""
    (folder / ".tokenvault").mkdir()
    sandbox = open_sandbox(folder / ".tokenvault/sandbox.db")
    state = sandbox.export_state()
    portal = next(c for c in state["objects"]["clients"].values() if c["name"] == "Legacy Portal")
    database = next(c for c in state["objects"]["connections"].values() if c["strategy"] == "auth0")
    for number in range(9):
        copy, other = {**portal, "client_id": f"copy{number}", "name": f"Copy {number}"}, f"con_{number}copy"
        state["objects"]["clients"][copy["client_id"]] = copy
        state["objects"]["connections"][other] = {**database, "id": other, "name": f"employees-{number}"}
    sandbox.load_state(json.loads(json.dumps(state)))
    sandbox.close()


def test_applications_without_a_flavor_in_common_are_refused(folder: Path) -> None:
    wizard = Wizard(folder, *SANDBOX)
    all_three = SPACE + DOWN + SPACE + DOWN + SPACE + ENTER
    wizard.answer([("Which application?", DOWN + ENTER), ("Which existing applications?", all_three)])
    wizard.expect("No flavor is for all of m2m, regular_web, spa: choose fewer")
    wizard.press(ESCAPE)
    assert wizard.end() == 1


def test_what_can_never_yield_tokens_is_shown_with_its_reason_and_cannot_be_chosen(folder: Path) -> None:
    with_many_applications(folder)
    wizard = Wizard(
        folder, *SANDBOX, *without(FLAGS["connected_accounts"], "--connection"), "--logout-url", "https://a.example"
    )
    wizard.expect(CONNECTIONS)
    wizard.expect(f"(auth0: {NEVER['auth0']})")
    wizard.press("employees" + SPACE + DOWN + DOWN + UP + SPACE + ENTER)
    wizard.expect("Choose at least one")
    wizard.press("\x7f" * len("employees") + "google" + SPACE + ENTER)
    wizard.answer([("Name of this spec", ENTER), (f"Write {SPEC}?", DOWN + ENTER)])
    assert wizard.end() == 0, wizard.shown
    assert list(yaml.safe_load((folder / SPEC).read_text())["connections"]) == ["google-oauth2"]


def test_every_flavor_is_explained_and_one_that_does_not_fit_says_why(folder: Path) -> None:
    wizard = Wizard(
        folder, *SANDBOX, *without(FLAGS["privileged_worker"], "--flavor", "--ip", "--grant", "--generate-key")
    )
    for flavor in flavors().values():
        wizard.expect(flavor.summary.split()[-1])
    wizard.expect("Which flavors")
    wizard.expect("(not for m2m)")
    wizard.press(ESCAPE)
    assert wizard.end() == 1
    told = " ".join(wizard.shown.split())
    assert all(flavor.summary in told for flavor in flavors().values())


def test_a_public_key_that_exists_can_be_named(folder: Path) -> None:
    cli("init", *FLAGS["privileged_worker"], "-o", "first.yaml", cwd=folder)
    flags = without(FLAGS["privileged_worker"], "--generate-key")
    wizard = Wizard(folder, *flags, "--authentication", "private_key_jwt", "--name", "second")
    wizard.answer([("With which key?", DOWN + ENTER), ("File of the public key", "keys/nightly-sync.key.pem" + ENTER)])
    wizard.expect("this is a private key")
    wizard.press(ERASE + "keys/nightly-sync.pub.pem" + ENTER)
    wizard.answer([(f"Write {SPEC}?", ENTER)])
    assert wizard.end() == 0
    assert cli("validate", cwd=folder).code == 0


def test_a_file_that_is_there_is_told_before_the_first_question(folder: Path) -> None:
    (folder / SPEC).write_text("mine")
    wizard = Wizard(folder, *SANDBOX)
    assert wizard.end() == 1 and "[init-exists]" in wizard.shown and "?" not in wizard.shown


def test_without_a_tenant_names_are_typed(folder: Path) -> None:
    wizard = Wizard(folder, *without(FLAGS["refresh_token_exchange"], "--connection", "--app-name"), "--name", "typed")
    wizard.answer([
        ("Which tenant?", DOWN + ENTER),
        ("Which application?", DOWN + ENTER),
        ("Client id of the application:", "AbC123" + ENTER),
        ("Connections, by their names", "google-oauth2 -x" + ENTER),
    ])  # fmt: skip
    wizard.expect("cannot be a name here")
    wizard.press(ERASE + "google-oauth2, github" + ENTER)
    wizard.answer([(f"Write {SPEC}?", ENTER)])
    assert wizard.end() == 0, wizard.shown
    written = yaml.safe_load((folder / SPEC).read_text())
    assert list(written["connections"]) == ["google-oauth2", "github"]
    assert written["applications"]["app-AbC123"]["client_id"] == "AbC123"


def test_a_list_that_the_token_may_not_read_is_typed_and_the_rest_offered(folder: Path, tmp_path: Path) -> None:
    with served(tmp_path / "limited.db", "--scopes", "read:clients") as host:
        wizard = Wizard(folder, AUTH0_DOMAIN=host, AUTH0_API_TOKEN="sandbox")
        wizard.answer([("Which tenant?", ENTER)])
        wizard.expect("[init-unreadable]")
        wizard.answer([("Which application?", DOWN + ENTER), ("Which existing applications?", DOWN + SPACE + ENTER)])
        wizard.answer([("Which flavors", SPACE + ENTER), ("Connections, by their names", "github" + ENTER)])
        wizard.answer([("Name of this spec", ENTER), (f"Write {SPEC}?", DOWN + ENTER)])
        assert wizard.end() == 0, wizard.shown
    assert yaml.safe_load((folder / SPEC).read_text())["tenant"] == host


def test_the_logins_of_the_auth0_cli_are_tenants_to_choose_from(folder: Path, home: Path) -> None:
    logins = {"acme.us.auth0.com": {"expires_at": "2020-01-01T00:00:00Z"}, "beta.eu.auth0.com": {}}
    (home / ".config/auth0").mkdir(parents=True)
    (home / ".config/auth0/config.json").write_text(json.dumps({"default_tenant": "", "tenants": logins}))
    wizard = Wizard(folder)
    wizard.expect("Which tenant?")
    wizard.expect("acme.us.auth0.com (the Auth0 CLI's login)")
    wizard.expect("beta.eu.auth0.com (the Auth0 CLI's login)")
    wizard.press(ENTER)
    assert wizard.end() == 1 and "login to acme.us.auth0.com has expired" in wizard.shown
    assert list(folder.iterdir()) == []


def test_a_connection_that_another_spec_manages_is_used_and_left_to_it(folder: Path) -> None:
    cli("init", *FLAGS["connected_accounts"], "-o", "first.yaml", cwd=folder)
    assert cli("apply", "first.yaml", "-y", "--sandbox", cwd=folder).code == 0
    flags = without(FLAGS["privileged_worker"], "--connection", "--grant")
    wizard = Wizard(folder, *SANDBOX, *flags, "--authentication", "private_key_jwt")
    wizard.answer([(CONNECTIONS, DOWN + SPACE + ENTER), ("Scopes that it may get", "email" + ENTER)])
    wizard.answer([("Name of this spec", ENTER), (f"Write {SPEC}?", DOWN + ENTER)])
    assert wizard.end() == 0 and "The spec acme-assistant manages it." in wizard.shown
    assert yaml.safe_load((folder / SPEC).read_text())["connections"] == {"google-oauth2": {}}
    applied = cli("apply", "-y", "--sandbox", cwd=folder)
    assert applied.code == 0, applied.err


def test_names_of_the_tenant_are_text_and_nothing_else(folder: Path) -> None:
    (folder / ".tokenvault").mkdir()
    sandbox = open_sandbox(folder / ".tokenvault/sandbox.db")
    state = sandbox.export_state()
    portal = next(c for c in state["objects"]["clients"].values() if c["name"] == "Legacy Portal")
    portal["name"] = "Evil\x1b[31m\u202e: ${env:HOME}\ntenant: x"
    sandbox.load_state(state)
    sandbox.close()
    flags = ["--flavor", "connected_accounts", "--connection", "github", "--name", "evil"]
    wizard = Wizard(folder, *SANDBOX, *flags)
    wizard.answer([("Which application?", DOWN + ENTER), ("Which existing applications?", "")])
    wizard.expect("Evil\\u001b[31m\\u202e")
    wizard.answer([(portal["client_id"], DOWN + SPACE + ENTER), (f"Write {SPEC}?", ENTER)])
    assert wizard.end() == 0, wizard.shown
    assert "\u202e" not in wizard.shown
    written = yaml.safe_load((folder / SPEC).read_text())
    assert [app["client_id"] for app in written["applications"].values()] == [portal["client_id"]]
    assert "tenant" not in written
