"""Drafts of twenty inputs, as Bitcoin wallets sign them: whole previous transactions, one payment, change."""

from __future__ import annotations

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.chains.bitcoin.bip45 import CHANGE, RECEIVING, Bip45
from keepcool.chains.bitcoin.building import Source, build
from keepcool.chains.bitcoin.coins import Coin, Origin, shape_of
from keepcool.chains.bitcoin.goals import ChangePlan, Goal, Method, balanced
from keepcool.chains.bitcoin.network_table import LITECOIN_REGTEST
from keepcool.chains.bitcoin.ownership import owned_at
from keepcool.chains.bitcoin.transaction import Outpoint, Transaction, TxInput, TxOutput, encode

INPUTS, AMOUNT_SAT = 20, 100_000
PAID_SAT = INPUTS * AMOUNT_SAT // 2
RECIPIENT_SCRIPT = b"\x00\x14" + b"\x51" * 20
FEE_SAT_MAX, _RATE, _TIP = 100_000, 2_000, 840_000
_ENTROPY = SystemEntropy()


def draft(wallet: Bip45, cosigner: int, first: int = 0) -> bytes:
    """A PSBT nobody has seen: its coins come from transactions made up here, and lie at the addresses from
    number `first` on."""
    descriptor = wallet.descriptor(cosigner)
    coins, sources = [], {}
    for index in range(first, first + INPUTS):
        owned = owned_at(descriptor, RECEIVING, index)
        funding = Transaction(
            2,
            (TxInput(Outpoint(_ENTROPY(32), 1), 0xFFFFFFFD, b"", (_ENTROPY(71), _ENTROPY(33))),),
            (TxOutput(AMOUNT_SAT, owned.locking.script_pubkey), TxOutput(AMOUNT_SAT, RECIPIENT_SCRIPT)),
            0,
        )
        coin = Coin(Outpoint(funding.txid, 0), AMOUNT_SAT, shape_of(owned), 100, Origin.CHANGE)
        coins.append(coin)
        sources[coin.outpoint] = Source(owned, encode(funding))
    goal = Goal(
        network=LITECOIN_REGTEST,
        outputs=(TxOutput(PAID_SAT, RECIPIENT_SCRIPT),),
        fee_rate=_RATE,
        long_term_rate=_RATE,
        change=ChangePlan(coins[0].shape),
        fee_sat_max=FEE_SAT_MAX,
        grind_rate=10 * _RATE,
    )
    found = balanced(goal, coins, Method.LARGEST)
    if found is None:
        raise RuntimeError("the coins of the benchmark do not pay")
    change = [owned_at(descriptor, CHANGE, place) for place in range(len(found.change_sat))]
    return build(found, sources, change, network=LITECOIN_REGTEST, tip_height=_TIP, entropy=_ENTROPY).raw
