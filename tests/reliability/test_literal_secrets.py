"""A secret that somebody wrote into a spec is refused, and not repeated where the spec is quoted: logs are public, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import cli, write_spec

CANARY = "hunter2"
HEAD = "version: 1\nname: acme\napplications:\n  web: {type: regular_web, flavors: [refresh_token_exchange]}\nconnections:\n"
CRM = HEAD + "  crm:\n    strategy: oauth2\n"
OPTIONS = CRM + "    credentials: {client_id: x, client_secret: '${env:CRM_SECRET}'}\n    options:\n"
LITERALS = {
    "plain": OPTIONS + "      app_secret: hunter2\n",
    "plain, with what would end it in a flow": OPTIONS + "      app_secret: abc,hunter2}x\n",
    "quoted": OPTIONS + '      "app_secret" : "a \\" hunter2"\n',
    "quoted once": OPTIONS + "      app_secret: 'it''s hunter2'\n",
    "in a flow": HEAD + "  crm: {strategy: oauth2, options: {a: 1, app_secret: 'x, hunter2', b: 2}}\n",
    "on the next line": OPTIONS + "      app_secret:\n        hunter2\n",
    "in a block": OPTIONS + "      api_key: |\n        hunter2\n",
    "over several lines": OPTIONS + '      api_key: "abc\n        hunter2\n        def"\n',
    "behind a question mark": OPTIONS + "      ? app_secret\n      : hunter2\n",
    "behind a tag": OPTIONS + "      app_secret: !!str hunter2\n",
    "behind an anchor": OPTIONS + "      app_secret: &a hunter2\n",
    "by an alias": OPTIONS + "      upstream: &a hunter2\n      app_secret: *a\n",
    "in a list": OPTIONS + "      app_secret: [hunter2, b]\n",
    "in a mapping": OPTIONS + "      app_secrets: {first: hunter2}\n",
    "the default of a reference": OPTIONS + "      app_secret: ${env:X:-hunter2}\n",
    "the default of a reference among others": OPTIONS
    + "      app_secret: Bearer ${env:CRM_SECRET}${env:X:-hunter2}\n",
    "credentials": CRM + "    credentials:\n      client_id: x\n      client_secret:\n        hunter2\n",
    "credentials, as a default": CRM + "    credentials: {client_id: x, client_secret: '${env:X:-hunter2}'}\n",
}
NUMBERS = {"a number": OPTIONS + "      api_key: 31337\n", "a number in a list": OPTIONS + "      api_keys: [31337]\n"}
BROKEN = {
    "a comment": CRM + "    colour: 1 # client_secret: hunter2\n",
    "an unknown key beside it": CRM + "    credentials: {client_id: x, client_secret: hunter2, colour: 1}\n",
    "a duplicate key": CRM + "    credentials: {client_id: x, client_secret: hunter2, client_secret: hunter2}\n",
    "a wrong type": CRM + "    credentials: {client_id: x, client_secret: [hunter2]}\n",
    "not YAML": OPTIONS + "      app_secret: hunter2: x: [\n",
    "not YAML, on the next line": OPTIONS + "      app_secret:\n        hunter2: x: [\n",
    "not YAML, in a flow": CRM + '    credentials: {client_id: x, client_secret: "hunter2" "hunter2"}\n',
    "not YAML, a tab": OPTIONS + "      app_secret:\n\thunter2\n",
    "another place": OPTIONS + "      colour: hunter2\n      app_secret: *nowhere hunter2\n",
}


def refused(folder: Path, text: str) -> str:
    """What all forms of the refusal say."""
    spec = write_spec(folder, text)
    forms = [cli("validate", spec, "--format", form, env={"CRM_SECRET": "s"}) for form in ("text", "json", "github")]
    assert {form.code for form in forms} == {1}
    return "".join(form.out + form.err for form in forms)


@pytest.mark.parametrize("text", [*LITERALS.values(), *NUMBERS.values()], ids=[*LITERALS, *NUMBERS])
def test_a_literal_secret_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    told = refused(tmp_path, text)
    assert "spec-literal-secret" in told
    assert CANARY not in told and "31337" not in told


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_other_mistakes_do_not_quote_a_secret_either(tmp_path: Path, text: str) -> None:
    assert CANARY not in refused(tmp_path, text)


def test_the_caret_points_at_its_place_and_the_rest_of_the_line_can_be_read(tmp_path: Path) -> None:
    spec = write_spec(
        tmp_path, HEAD + "  crm: {strategy: oauth2, options: {a: 'x', app_secret: 'y z', tokenURL: 'https://t'}}\n"
    )
    lines = cli("validate", spec).err.split("\n")
    quoted = next(number for number, line in enumerate(lines) if "app_secret: " in line)
    assert "app_secret: *****, tokenURL: 'https://t'}}" in lines[quoted]
    assert lines[quoted + 1].index("^") == lines[quoted].index("*****") and lines[quoted + 1].count("^") == 5


def test_a_reference_is_quoted_as_it_is(tmp_path: Path) -> None:
    told = cli("validate", write_spec(tmp_path, OPTIONS), env={"CRM_SECRET": ""}).err
    assert "client_secret: '${env:CRM_SECRET}'}" in told


def test_lines_beside_a_blanked_out_one_stay_as_they_are(tmp_path: Path) -> None:
    told = cli(
        "validate", write_spec(tmp_path, OPTIONS + '      api_key: |\n        abc\n      "b_secret" : "hunter2"\n')
    ).err
    assert '    12:       "b_secret" : *********\n' in told and '"b_secret" is a secret' in told


def test_an_application_may_be_called_like_a_secret(tmp_path: Path) -> None:
    told = cli(
        "validate", write_spec(tmp_path, "version: 1\nname: a\napplications:\n  secret-santa: {type: spo}\n")
    ).err
    assert "secret-santa: {type: spo}" in told
