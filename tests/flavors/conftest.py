"""The world of doctor's tests: every flavor, applied once."""

from __future__ import annotations

from tests.doctor.conftest import template as template
from tests.doctor.conftest import world as world
