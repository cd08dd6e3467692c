"""Bitcoin Core's own script code as the judge of what was signed: it can veto, and cannot be bribed."""

from __future__ import annotations

from collections.abc import Sequence

import pbk
from pbk.script import PrecomputedTransactionData

from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.core.errors import Malformed


def core(raw: bytes, coins: Sequence[TxOutput]) -> None:
    """Satisfies `combining.Checker`. Raises Malformed on the first input its script does not let through."""
    tx = pbk.Transaction(raw)
    outputs = [pbk.TransactionOutput(pbk.ScriptPubkey(coin.script), coin.amount_sat) for coin in coins]
    precomputed = PrecomputedTransactionData(tx, outputs)
    for place, coin in enumerate(coins):
        flags = pbk.ScriptVerificationFlags.ALL
        if not pbk.ScriptPubkey(coin.script).verify(coin.amount_sat, tx, precomputed, place, flags):
            raise Malformed("core.script", f"Bitcoin Core does not let input {place} through")
