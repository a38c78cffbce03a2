"""The wizard, cancelled at every question: nothing is written, exit 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.init.flags import FLAGS, without
from tests.init.ways import SPEC, ways
from tests.init.wizard import DOWN, ENTER, ESCAPE, INTERRUPT, Step, Wizard


def everything() -> list[Step]:
    """One way on which every question is asked that there is."""
    steps = [("Which tenant?", ENTER), *ways()["access_token_exchange"][:-1]]
    return [*steps, ("Name of this spec", ENTER), (f"Write {SPEC}?", ENTER)]


@pytest.mark.parametrize("number", range(len(everything())))
def test_cancelled_at_any_question_nothing_is_written(folder: Path, number: int) -> None:
    steps = everything()
    wizard = Wizard(folder, TOKENVAULT_SANDBOX="")
    wizard.answer([*steps[:number], (steps[number][0], ESCAPE if number % 2 else INTERRUPT)])
    assert wizard.end() == 1
    assert wizard.shown.rstrip().endswith("Cancelled. Nothing was written.")
    assert [path.name for path in folder.iterdir() if path.name != ".tokenvault"] == []


WORKER_QUESTIONS = {
    "--authentication": "How the worker authenticates:",
    "--generate-key": "With which key?",
    "--ip": "that the worker sends from",
    "--grant": "Scopes that it may get of google-oauth2:",
}


@pytest.mark.parametrize("key", [ESCAPE, INTERRUPT], ids=["Esc", "Ctrl-C"])
@pytest.mark.parametrize("flag", WORKER_QUESTIONS)
def test_cancelled_at_a_question_about_a_worker_nothing_is_written(folder: Path, flag: str, key: str) -> None:
    flags = without((*FLAGS["privileged_worker"], "--authentication", "private_key_jwt"), flag)
    wizard = Wizard(folder, *flags)
    wizard.answer([(WORKER_QUESTIONS[flag], key)])
    assert wizard.end() == 1 and "Cancelled. Nothing was written." in wizard.shown
    assert list(folder.iterdir()) == []


def test_the_last_question_takes_a_no(folder: Path) -> None:
    wizard = Wizard(folder, *FLAGS["connected_accounts"], "--name", "x", "--logout-url", "https://a.example")
    wizard.answer([(f"Write {SPEC}?", DOWN + ENTER)])
    assert wizard.end() == 1 and "Cancelled. Nothing was written." in wizard.shown
    assert list(folder.iterdir()) == []
