"""The world of tests/world.py: one for the process, forgotten before each test."""

from collections.abc import Iterator

import pytest

from tests.conftest import AUTHORITY
from tests.world import World, running


@pytest.fixture(scope="session")
def the_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("world"), AUTHORITY) as world:
        yield world


@pytest.fixture
def w(the_world: World) -> World:
    return the_world.fresh()
