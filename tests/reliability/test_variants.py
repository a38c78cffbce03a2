"""A sample of the lives that `python -m tests.reliability.variants` lives, drawn with a seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.variants import combinations, lived
from tests.support import EXAMPLES

QUICKSTART = next(path for path in EXAMPLES if path.stem == "quickstart")
SAMPLE = [(QUICKSTART, ("custom-api-client-enabled",)), *combinations(3, seed=14)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "variants"), SAMPLE, ids=lambda part: getattr(part, "stem", None) or "+".join(part)
)
def test_an_example_lives_under_variants(example: Path, variants: tuple[str, ...]) -> None:
    assert lived(example, variants).wrong == ()
