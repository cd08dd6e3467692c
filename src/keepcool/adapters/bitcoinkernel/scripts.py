"""The last word before a transaction is sent: Bitcoin Core's script code, run over every input.

Law: it can veto and can approve nothing: what it lets through was proven before. About 90 microseconds an
input. libbitcoinkernel through py-bitcoinkernel; its forks have the same rules for the scripts used here.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepcool.chains.bitcoin.transaction import TxOutput
from keepcool.core.errors import Malformed


def check(raw: bytes, coins: Sequence[TxOutput]) -> None:
    """Satisfies `chains.bitcoin.combining.Checker`. Raises Malformed on the first input whose script does not
    let it through."""
    import pbk  # a fifth of a second: an App without Bitcoin does not need it
    from pbk.script import PrecomputedTransactionData

    tx = pbk.Transaction(raw)
    outputs = [pbk.TransactionOutput(pbk.ScriptPubkey(coin.script), coin.amount_sat) for coin in coins]
    precomputed = PrecomputedTransactionData(tx, outputs)
    for place, coin in enumerate(coins):
        script, flags = pbk.ScriptPubkey(coin.script), pbk.ScriptVerificationFlags.ALL
        if not script.verify(coin.amount_sat, tx, precomputed, place, flags):
            raise Malformed("core.script", f"Bitcoin Core's script code does not let input {place} through")
