"""Servers for the tests of the web room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from web_world import Serve, TestClient, World, client_of, make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Shared by tests that change nothing."""
    return make_world(tmp_path_factory.mktemp("web"))


@pytest.fixture
def own_world(tmp_path: Path) -> World:
    """For tests that change something."""
    return make_world(tmp_path)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server for a world; more of ``Settings`` by name."""
    with ExitStack() as stack:

        def start(world: World, **settings: Any) -> TestClient:
            settings = {"media_roots": (world.media,), **settings}
            return stack.enter_context(client_of(world, **settings))

        yield start


@pytest.fixture(scope="session")
def client(world: World) -> Iterator[TestClient]:
    """One server for all tests that change nothing."""
    with client_of(world, media_roots=(world.media,)) as client:
        yield client
