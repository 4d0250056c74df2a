from __future__ import annotations

import pytest

from sceneseek.models import zoo
from training.tiny_search_net import tiny_search_net

collect_ignore = ["tiny_search_net.py", "forked_runs.py"]  # helpers, imported by name


@pytest.fixture(autouse=True)
def _tiny_search_net_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed while a test of this folder runs, so that other tests see the zoo as it is."""
    zoo.names()
    monkeypatch.setitem(zoo._BUILDERS, "tiny_search_net", tiny_search_net)
