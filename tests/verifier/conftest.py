"""A valid bundle for each test, made once for all."""

from pathlib import Path

import pytest

from tests.tamper.bundles import Original, originals


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Original]:
    """Give valid bundles: of an open month, and of a closed one."""
    return originals(tmp_path_factory.mktemp("bundles"), seeds=2)


@pytest.fixture
def original(bundles: list[Original]) -> Original:
    """Give a valid bundle of a closed month."""
    return bundles[1]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Give the place where a test packs its bundle."""
    return tmp_path / "bundle.zip"
