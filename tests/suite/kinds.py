"""Which tests train and which start processes: those marked so are left out of ``make quick``, the others held to it.

An optimiser that takes a step in a test without ``@pytest.mark.trains``, or a process that is started in one without
``@pytest.mark.processes``, fails that test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn"}
"""Audit events of Python that a process begins with."""


class Watch:
    """What the test that runs now has done, seen from outside it."""

    def __init__(self) -> None:
        self.steps = 0
        self.starts = 0
        self._hooked = False

    def audit(self, event: str, _: tuple[object, ...]) -> None:
        """Count the processes that are started."""
        if event in STARTS:
            self.starts += 1

    def begin(self) -> None:
        """Count from nothing; an optimiser can step only where torch was loaded, and is seen from then on."""
        if not self._hooked and "torch" in sys.modules:
            from torch.optim.optimizer import register_optimizer_step_pre_hook

            register_optimizer_step_pre_hook(self._stepped)
            self._hooked = True
        self.steps = self.starts = 0

    def _stepped(self, *_: object) -> None:
        self.steps += 1


WATCH = Watch()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        sys.addaudithook(WATCH.audit)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    WATCH.begin()
    result = yield
    if WATCH.steps and not _has(item, "trains"):
        pytest.fail("an optimiser took a step: mark the test with @pytest.mark.trains", pytrace=False)
    if WATCH.starts and not _has(item, "processes", "browser"):
        pytest.fail("a process was started: mark the test with @pytest.mark.processes", pytrace=False)
    return result


def _has(item: pytest.Item, *names: str) -> bool:
    return any(item.get_closest_marker(name) for name in names)
