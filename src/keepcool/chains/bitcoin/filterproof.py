"""A filter held against the block it is of: what it must say, as far as that can be known.

Laws: the block was proved before; of what it spends it names the outpoints alone, so scripts and amounts of
those are somebody's word, believed only where they fit the block. BIP-158.
"""

from __future__ import annotations

from collections.abc import Sequence

from keepcool.chains.bitcoin import filters
from keepcool.chains.bitcoin.filters import Sought
from keepcool.chains.bitcoin.networks import Network
from keepcool.chains.bitcoin.scanning import transactions_of
from keepcool.chains.bitcoin.transaction import Transaction, parse_stripped, shown
from keepcool.core.errors import Malformed
from keepcool.ports.bitcoinnode import Spent


def fits(told: bytes, block_hash: str, raw: bytes, network: Network, spent: Sequence[Spent] | None) -> bool:
    """Whether the filter names everything the block pays to, and, where `spent` is told, is made of exactly
    that and of what the block spends."""
    transactions = [parse_stripped(one) for one in transactions_of(raw, network)]
    paid = {output.script for one in transactions for output in one.outputs}
    scripts = {one for one in paid if filters.is_filtered(one)}
    try:
        if spent is None:
            return filters.names_all(told, block_hash, Sought(scripts))
    except Malformed:
        return False
    scripts.update(one.script for one in spent)
    return _are_spent(transactions, spent) and filters.encoded(block_hash, scripts) == told


def _are_spent(transactions: Sequence[Transaction], spent: Sequence[Spent]) -> bool:
    """Whether these are what the block spends: as it names them, and worth what it pays out at least."""
    rest = list(spent)
    for one in transactions[1:]:
        mine, rest = rest[: len(one.inputs)], rest[len(one.inputs) :]
        named = [(shown(each.outpoint.txid), each.outpoint.position) for each in one.inputs]
        if named != [(each.txid, each.vout) for each in mine]:
            return False
        if sum(each.amount_sat for each in mine) < sum(output.amount_sat for output in one.outputs):
            return False
    return not rest
