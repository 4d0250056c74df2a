from __future__ import annotations

import pytest

from studies.tiny_study import list_tiny_network

collect_ignore = ["tiny_study.py"]  # a helper, imported by name


@pytest.fixture(autouse=True)
def _tiny_network_in_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    list_tiny_network(monkeypatch)
