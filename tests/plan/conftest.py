"""The world of the tests of ownership, for what plans make of marks."""

from __future__ import annotations

from tests.state.conftest import acme as acme
