"""What a scan has found is told whole: by address, by wallet, and in all."""

from __future__ import annotations

import asyncio
from pathlib import Path

from keepcool.local.restoring import scanning
from keepcool.local.restoring.report import report
from keepcool.local.restoring.store import Store
from tests.unit.local.restoring.samples import (
    COIN,
    MemoryChain,
    backup,
    kept,
    outside,
    payment,
    pool,
    script_at,
    segregated,
)


def test_text_and_json_tell_the_same(tmp_path: Path) -> None:
    """Each address stands once with its path and the sum of its coins; totals are those of its lines."""
    chain, wallet, own = MemoryChain(), segregated(5), pool()
    script = script_at(wallet, 1, 0, 3)
    chain.mine(payment([outside(1)], (COIN, script), (COIN // 2, script)), to=script_at(own, 0, 1, 0))
    what, store = backup(kept("user", wallet), kept("pool", own)), Store(tmp_path / "state")
    found = report(what, store, asyncio.run(scanning.scan(what, chain, store, lambda _: None, 10)))
    store.close()
    told = found.plain()
    assert told["total_sat"] == str(COIN + COIN // 2 + 50 * COIN)
    assert told["by_wallet_sat"] == {"user": str(COIN + COIN // 2), "pool": str(50 * COIN)}
    assert [(one.path, len(one.coins), one.coins[0].coinbase) for one in found.addresses] == [
        ("5/1/0/3", 2, False),
        ("0/1/0", 1, True),
    ]
    lines = found.lines()
    assert "1.50000000 tLTC" in lines[0]
    assert lines[-1] == (
        "Total          51.50000000 tLTC on 2 addresses, 2 of 2 wallets, as of block 0 of litecoin-regtest"
    )
