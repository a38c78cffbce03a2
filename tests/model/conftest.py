"""The world of the tests of ownership, for what marks say."""

from __future__ import annotations

from tests.state.conftest import acme as acme
