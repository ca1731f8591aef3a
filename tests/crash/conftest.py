"""A place for kills, made once for all tests of a worker."""

from collections.abc import Iterator

import pytest

from tests.crash.matrix import Ground, ground


@pytest.fixture(scope="session")
def place() -> Iterator[Ground]:
    """Give a nursery of victims, and ledgers of both kinds."""
    with ground() as made:
        yield made
