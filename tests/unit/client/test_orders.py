"""What a client signs for its owner: an intent that is his order in every field, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keepcool.client.orders import Order, check_bounded, check_intent
from keepcool.core.errors import Malformed, Refused
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount

NETWORK, COINS = NetworkId("eip155:1"), NetworkId("minter:2")
ETH = AssetId(f"{NETWORK}/slip44:60")
TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
NOW_S = 1_800_000_000
ORDER = Order("wal_1", ETH, 1000, TO, 50)
INTENT = Intent(
    intent=IntentId("wd_1"),
    purpose=Purpose.PAY,
    network=NETWORK,
    source=WalletId("wal_1"),
    outputs=(Output(TO, Amount(ETH, 1000)),),
    fee_max=Amount(ETH, 50),
    expires_at_s=NOW_S + 100,
)


def test_an_order_in_its_own_words_is_signed() -> None:
    """Also with a lower fee bound than was allowed."""
    check_intent(INTENT, ORDER, NETWORK, NOW_S)
    check_intent(INTENT, replace(ORDER, fee_max=51), NETWORK, NOW_S)
    check_intent(INTENT, replace(ORDER, fee_max=None), NETWORK, NOW_S)  # the house's purse pays there


def test_all_that_differs_is_named_at_once() -> None:
    """Nothing is hidden behind the first difference."""
    other = replace(
        INTENT,
        source=WalletId("wal_2"),
        outputs=(Output(TO, Amount(ETH, 1001)),),
        fee_max=Amount(ETH, 51),
        expires_at_s=NOW_S,
    )
    with pytest.raises(Refused, match=r"client\.intent_differs") as refused:
        check_intent(other, ORDER, NETWORK, NOW_S)
    for said in ("wal_2", "1001", "may cost 51", "has expired"):
        assert said in refused.value.public


def test_an_order_waits_no_longer_than_it_says() -> None:
    """An intent that could be signed for next year is not the order of today."""
    hasty = replace(ORDER, lifetime_s_max=99)
    with pytest.raises(Refused, match="could wait 100 s"):
        check_intent(INTENT, hasty, NETWORK, NOW_S)


def test_several_recipients_are_compared_one_by_one() -> None:
    """In their order, all of them and no more."""
    other = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
    shared = replace(ORDER, units=3, to="", outputs={TO: 1, other: 2})
    outputs = (Output(TO, Amount(ETH, 1)), Output(other, Amount(ETH, 2)))
    check_intent(replace(INTENT, outputs=outputs), shared, NETWORK, NOW_S)
    for wrong in (outputs[:1], outputs[::-1], (*outputs, Output(TO, Amount(ETH, 1)))):
        with pytest.raises(Refused, match=r"client\.intent_differs"):
            check_intent(replace(INTENT, outputs=wrong), shared, NETWORK, NOW_S)


def test_where_the_wallet_pays_its_fee_the_order_bounds_it() -> None:
    """On Minter and Bitcoin an order without a highest fee is refused before anything is asked for."""
    open_fee = Order("wal_1", f"{COINS}/coin:0", 1, "Mx" + "00" * 20)
    with pytest.raises(Malformed, match=r"client\.fee_max"):
        check_bounded(open_fee, COINS)
    check_bounded(replace(open_fee, fee_max=1), COINS)
    with pytest.raises(Malformed, match=r"client\.outputs"):
        check_bounded(replace(ORDER, outputs={TO: 999}), NETWORK)
