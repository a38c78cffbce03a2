"""The worlds of the tests of ownership, for what plans make of marks."""

from __future__ import annotations

from tests.state.conftest import acme as acme
from tests.state.conftest import bare as bare
