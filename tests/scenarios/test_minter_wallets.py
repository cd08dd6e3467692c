"""Wallets on Minter: many at once, proven on the chain, shown to nobody before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from keepcool.chains.minter.wallets import owners_of
from keepcool.client.api import awaited
from keepcool.core.registry import Standing
from tests.fixtures.installation import WAIT_S, count, eventually
from tests.fixtures.minterhouse import SPARES, MinterHouse

pytestmark = pytest.mark.live
BURST = 30
LIARS = "Mx" + 20 * "66"


def test_a_burst_of_users_gets_wallets_that_stand_on_chain(minter: MinterHouse) -> None:
    """Thirty users at once get thirty wallets of their own, each of its record's three owners on chain."""
    with ThreadPoolExecutor(8) as crowd:
        made = list(crowd.map(lambda _: minter.make_wallet(), range(BURST)))
    assert len({one.address for one in made}) == BURST
    everybody: list[str] = []
    for one in made:
        threshold, owners = minter.chain.multisig(one.address)
        assert threshold == 2
        assert one.record.standing is Standing.PROVEN
        assert set(owners) == set(owners_of(one.record))
        everybody += owners
    assert len(set(everybody)) == 3 * BURST
    minter.until_spares_stand()
    minter.agrees(*made[:3])


def test_no_address_is_shown_while_it_is_reserved(minter: MinterHouse) -> None:
    """While no block comes, users beyond the spares are told of no address, though Keeper has computed it."""
    minter.until_spares_stand()
    with minter.stalled():
        asked = [minter.asked_wallet() for _ in range(SPARES + 2)]
        reserved = "SELECT count(*) FROM spare_wallet WHERE stage = 'making' AND address IS NOT NULL"
        eventually(lambda: count(minter.data("app"), reserved) >= 2, "nothing is reserved")
        shown = awaited(
            lambda: [minter.told_wallet(one) for one in asked],
            lambda told: sum(one.address is not None for one in told) == SPARES,
            WAIT_S,
            "the spares are not given",
        )
        hidden = [one for one in shown if one.address is None]
        assert len(hidden) == 2
        assert all(one.record_bytes is None and not one.attestations for one in hidden)
    for one in hidden:
        minter.until_shown(one)
        assert minter.chain.multisig(minter.client.wallet(one.id).address)[0] == 2
