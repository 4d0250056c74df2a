"""For all tests: Hypothesis does not watch the clock, so that a slow or busy machine fails nothing."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from suite.thoroughness import so_often

pytest_plugins = ["suite.skipping", "suite.kinds", "suite.quick", "suite.seeds", "pytester"]

settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=so_often(100, short=40)
)
settings.load_profile("unhurried")
