"""For all tests: Hypothesis does not watch the clock, so that a slow or busy machine fails nothing."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = ["suite.skipping", "suite.kinds", "suite.seeds", "pytester"]

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
