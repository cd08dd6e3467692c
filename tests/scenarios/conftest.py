"""One installation of each chain family for all scenarios that can share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.installation import House, whole_house
from tests.fixtures.minterhouse import MinterHouse, mended, whole_minter_house


@pytest.fixture(scope="session")
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    failed_before = request.session.testsfailed
    with whole_house(keep=lambda: request.session.testsfailed > failed_before) as made:
        yield made


@pytest.fixture(scope="session")
def minter_house(request: pytest.FixtureRequest) -> Iterator[MinterHouse]:
    failed_before = request.session.testsfailed
    with whole_minter_house(keep=lambda: request.session.testsfailed > failed_before) as made:
        yield made


@pytest.fixture
def minter(minter_house: MinterHouse) -> Iterator[MinterHouse]:
    with mended(minter_house) as made:
        yield made
