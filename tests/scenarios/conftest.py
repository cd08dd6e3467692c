"""One installation for all scenarios that can share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.installation import House, whole_house


@pytest.fixture(scope="session")
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    failed_before = request.session.testsfailed
    with whole_house(keep=lambda: request.session.testsfailed > failed_before) as made:
        yield made
