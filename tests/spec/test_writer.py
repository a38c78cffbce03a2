"""What `init` and `export` write reads back as it was, whatever the texts are, comments and width included."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tokenvault.spec.load import load_sources
from tokenvault.spec.source import read_source
from tokenvault.spec.writer import Flow, Noted, Reference, comment, commented_out, mapping

HOSTILE = [
    "it's, [a] {b}", ":x", "?x", "? x", ": x", ":", "?", "-", "- x", "a: b", "a #b", "#", "'", '"', "''", "a'b,c", "yes", "null",
    "~", "1", "1_000", "0x1f", "1e3", ".inf", "2020-01-01", "1:30", "=", "<<", "*a", "&a", "!x", "%x", "@x", "`x", "|", "---",
    "...", "${env:HOME}", "$${x}", "${", "a\nb", "a\n", "\n", "\t", " a ", "", "\u202e", "\x85", "\u2028", "\ufeff", "\x1b[31m",
    "\x7f", "é", "日本", "😀", "[", "]", "{", "}", ",", "a,b", "https://x.example/a?b=c#d", "read:x", "https:", "a:", "x" * 2000,
    "http://[::1]:3000/cb", "{a: b}", "\\", "\\n", "a\\'b", "'a", '"a', "a'", "\ud7ff",
]  # fmt: skip
texts = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
scalars = texts | st.booleans() | st.none() | st.integers() | st.floats(allow_nan=False)
data = st.recursive(
    scalars,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=4),
    max_leaves=12,
)


def read(lines: list[str]) -> Any:
    """What tokenvault's own reader makes of it; `$${` is a plain `${` there."""
    found = read_source("spec.yaml", ("\n".join(lines) + "\n").encode())
    assert found.problems == []
    return plain(found.data)


def plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$${", "${")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isinf(one) and math.isinf(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(st.dictionaries(texts, data, min_size=1, max_size=4), st.sampled_from([20, 80, 110]))
@example({text: text for text in HOSTILE}, 80)
@example({"list": HOSTILE, "nested": [[text] for text in HOSTILE], "maps": [{text: text} for text in HOSTILE]}, 110)
def test_any_data_reads_back_as_it_was(value: dict[str, Any], width: int) -> None:
    lines = mapping(value, width)
    assert same(read(lines), value), lines
    assert yaml.load("\n".join(lines), yaml.SafeLoader).keys() == value.keys()


@given(st.dictionaries(texts, texts, min_size=1, max_size=4), texts)
@example(dict(zip(HOSTILE, HOSTILE, strict=True)), "\n# x: y")
@example({"${": "${"}, "${")
@example({":x": "?x", "'": "',"}, "x: [")
def test_flow_notes_and_comments_stay_what_they_are(value: dict[str, Any], note: str) -> None:
    lines = [*comment(note), *mapping({"flow": Flow(value), "noted": Noted(list(value.values()), note)})]
    assert same(read(lines), {"flow": value, "noted": list(value.values())}), lines
    out = [line.removeprefix("# ") for line in commented_out(mapping({"flow": Flow(value)}))]
    assert same(read(out), {"flow": value})


def test_a_reference_stays_one() -> None:
    lines = mapping({"a": Reference("X"), "b": Flow({"c": Reference("Y")})})
    assert lines == ["a: ${env:X}", 'b: {c: "${env:Y}"}']


@pytest.mark.parametrize(
    "text", ["https://x.example/cb", "read:calendar", "email", "https://www.googleapis.com/auth/drive"]
)
def test_urls_and_scopes_need_no_quotes_in_a_list(text: str) -> None:
    assert mapping({"list": [text]}) == [f"list: [{text}]"]


@given(st.lists(texts.filter(lambda t: t.strip() and len(t) < 200 and not set("<>") & set(t)), min_size=1, max_size=3))
def test_a_spec_of_hostile_texts_is_valid(names: list[str]) -> None:
    scopes = {f"s{n}": name for n, name in enumerate(names)}
    spec = {
        "version": 1,
        "name": "acme",
        "connections": {"google-oauth2": {}},
        "apis": {"a": {"identifier": "https://a.example", "name": names[0], "scopes": scopes}},
        "applications": {
            "a": {
                "name": names[0],
                "type": "spa",
                "callbacks": list(dict.fromkeys(names)),
                "flavors": ["connected_accounts"],
            }
        },
    }
    text = "\n".join(mapping(spec)) + "\n"
    loaded = load_sources([read_source("spec.yaml", text.encode())], {})
    assert loaded.apis["a"].name == names[0] and dict(loaded.apis["a"].scopes) == scopes
    assert loaded.applications["a"].callbacks == tuple(dict.fromkeys(names))
