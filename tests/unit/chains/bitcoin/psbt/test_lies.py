"""Every lying PSBT is refused whole, each with the code of its own lie."""

from __future__ import annotations

import pytest

from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.psbt import lies_about_money
from tests.unit.chains.bitcoin.psbt.lying import Lie

LIES = [*lies_about_money.all_of_them()]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.id)
def test_refuses_a_lie(lie: Lie) -> None:
    """Nothing is proven, so nothing is signed; the code says which lie it was."""
    with pytest.raises(Malformed) as refusal:
        lie.wallet.proven(lie.raw, lie.limits)
    assert refusal.value.code == lie.code
