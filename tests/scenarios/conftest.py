"""One installation of each chain family for all scenarios that can share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from tests.fixtures.houses import open_houses
from tests.fixtures.installation import House, whole_house
from tests.fixtures.minterhouse import MinterHouse, mended, whole_minter_house


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> House:
    return cast(House, open_houses(request.session).get("house", whole_house))


@pytest.fixture(scope="module")
def minter_house(request: pytest.FixtureRequest) -> MinterHouse:
    return cast(MinterHouse, open_houses(request.session).get("minter_house", whole_minter_house))


@pytest.fixture
def minter(minter_house: MinterHouse) -> Iterator[MinterHouse]:
    with mended(minter_house) as made:
        yield made
