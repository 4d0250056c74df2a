"""Nothing is switched off in silence: tests skip for a declared need only, and the last line says what did not run."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from suite.needs import NEEDS, required
from suite.thoroughness import thorough

REASONS = {need.reason: name for name, need in NEEDS.items()}


def needs_of(item: pytest.Item) -> list[str]:
    """Names of what a test needs, each once."""
    return list(dict.fromkeys(name for mark in item.iter_markers("needs") for name in mark.args))


def pytest_configure(config: pytest.Config) -> None:
    _refuse_unknown(required(), "SCENESEEK_REQUIRE")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Account(), "account of skipped tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.needs("browser"))
        _refuse_unknown(needs_of(item), item.nodeid)


def _refuse_unknown(names: list[str], where: str) -> None:
    for name in names:
        if name not in NEEDS:
            known = ", ".join(sorted(NEEDS))
            raise pytest.UsageError(f"{where} names the need {name!r}; known are: {known} (tests/suite/needs.py)")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    names = needs_of(item)
    item.user_properties.append(("needs", names))
    for name in names:
        if not NEEDS[name].is_here():
            if name in required():
                pytest.fail(f"SCENESEEK_REQUIRE names {name!r}; {NEEDS[name].reason}", pytrace=False)
            pytest.skip(NEEDS[name].reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    return _fail_where_undeclared((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    return _fail_where_undeclared((yield))


def _fail_where_undeclared(report: Any) -> Any:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = reason_of(report)
        if reason not in REASONS:
            report.outcome = "failed"
            report.longrepr = f'skipped for no declared need: {reason}\nmark it: @pytest.mark.needs("...")'
    return report


def reason_of(report: Any) -> str:
    """Why something was skipped, in the words of whoever skipped it."""
    return str(report.longrepr[2]).removeprefix("Skipped: ")


class Account:
    """What the processes of a run tell of skipped tests and of those that passed, need by need."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self.lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped[REASONS[reason_of(report)]] += 1
        if report.passed and report.when == "call":
            self.passed.update(dict(report.user_properties).get("needs", []))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.config.option.collectonly:
            return
        self.lines = [*map(_not_met, self.unmet()), self.last_line()]
        if len(self.lines) > 1 and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in self.lines))

    def unmet(self) -> list[str]:
        """Required needs of which no test passed."""
        return [name for name in required() if not self.passed[name]]

    def last_line(self) -> str:
        """What did not run, and what it would take."""
        if not self.skipped:
            return f"Nothing was skipped.{_length_of_sweeps()}"
        groups = [f"{count} that need {NEEDS[n].name} ({NEEDS[n].remedy})" for n, count in self.skipped.most_common()]
        return f"Skipped: {'; '.join(groups)}.{_length_of_sweeps()}"


def _length_of_sweeps() -> str:
    return "" if thorough() else " Sweeps were short; make test-all runs them in full."


def _not_met(name: str) -> str:
    return f"FAILED: SCENESEEK_REQUIRE names {name!r}, and no test that needs {NEEDS[name].name} passed."
