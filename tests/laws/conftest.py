"""The world of tests/world.py, one for the process; each example begins with `fresh()`."""

from collections.abc import Iterator

import pytest

from tests.conftest import AUTHORITY
from tests.world import World, running


@pytest.fixture(scope="session")
def the_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("world"), AUTHORITY) as world:
        yield world
