"""What is shown of text that nobody vouches for: everything in it can be seen, and nothing in it moves."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tokenvault.text import escape_output, escape_unencodable, is_safe, safe, safe_json

INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159"
"""Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, where the category is that of a letter or a mark."""
SELECTORS = frozenset(range(0xFE00, 0xFE10)) | frozenset(range(0xE0100, 0xE01F0))


def test_no_character_that_is_invisible_or_moves_others_gets_through() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        shown = safe(character)
        hidden = unicodedata.category(character) in INVISIBLE or character in IGNORABLE or code in SELECTORS
        assert (shown == character) is not hidden, hex(code)


def test_hidden_instructions_come_to_light() -> None:
    """Letters of the tag block are invisible everywhere, and read by machines that review."""
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "approve")
    assert safe(f"app{hidden}").startswith("app\\udb40\\udc61\\udb40\\udc70")


@given(text=st.text())
def test_escapes_are_those_of_json_so_nothing_is_lost(text: str) -> None:
    assert json.loads(safe_json({"text": text})) == {"text": text}
    assert "\n" not in safe(text) and "\x1b" not in safe(text)


def test_very_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert safe("x" * 2000) == f"{'x' * 500}… (2,000 characters)"


COMMANDS = [
    "##[group]",
    "x ###[endgroup]",
    "##VSO[task.setvariable variable=a]b",
    "##teamcity[message]",
    "section_start:1:name",
    "a section_end:1:name",
]
AT_START = ["::error::x", "  ::stop-commands::t", "\u00a0::set-output name=a::b", "fine\n::add-mask::x"]


@pytest.mark.parametrize("text", COMMANDS)
def test_commands_that_a_ci_reads_anywhere_are_broken_everywhere(text: str) -> None:
    for shown in (safe(text), escape_output(text), safe_json({text: text}), escape_output(text, commands=True)):
        assert text not in shown and "\\u" in shown
    assert not is_safe(text)


@pytest.mark.parametrize("text", AT_START)
def test_commands_that_a_ci_reads_at_the_start_of_a_line_do_not_stand_there(text: str) -> None:
    assert not any(line.lstrip().startswith("::") for line in escape_output(text).split("\n"))
    assert escape_output(text, commands=True) == text
    assert not is_safe(text)


@given(text=st.text() | st.sampled_from([*COMMANDS, *AT_START]))
def test_a_document_means_the_same_after_it_was_let_out(text: str) -> None:
    assert json.loads(safe_json({text: [text]}, indent=2)) == {text: [text]}
    assert escape_output(safe_json(text)) == safe_json(text), "twice is as good as once"
    visible = "".join(c for c in text if not 0xD800 <= ord(c) < 0xE000)
    assert yaml.safe_load(escape_output(yaml.safe_dump(visible, default_style='"', width=2**31))) == visible


def test_addresses_and_times_that_only_look_like_commands_stay() -> None:
    for text in ("::1", "a ::b::", "12:30::", "# heading", "a[0]", "section start", "C#[x]"):
        assert escape_output(text) == text


def test_colours_that_are_ours_stay_and_nothing_else_does() -> None:
    painted = "\x1b[1;31mError:\x1b[0m"
    assert escape_output(painted, styled=True) == painted
    for hidden in ("\x1b[8m", "\x1b[30m", "\x1b[2J", "\x1b]0;title\x07", "\x1b[1;8m"):
        assert "\x1b" not in escape_output(hidden, styled=True)
    assert "\x1b" not in escape_output(painted)


def test_a_stream_of_few_letters_gets_json_too() -> None:
    text = safe_json({"name": "Zoë → 日本 😀"})
    assert json.loads(escape_unencodable(text, "ascii")) == json.loads(text)
