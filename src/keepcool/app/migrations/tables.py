"""Every module that describes tables, so that `metadata` is whole whoever asks for it."""

from __future__ import annotations

from keepcool.app import keys
from keepcool.app.books import people, registry, totals
from keepcool.app.books import tables as books
from keepcool.app.coins import tables as coins
from keepcool.app.controls import tables as controls
from keepcool.app.deposits import tables as deposits
from keepcool.app.events import deliveries_table, endpoints, log
from keepcool.app.http import idempotency
from keepcool.app.leading import tables as leading
from keepcool.app.payouts import links
from keepcool.app.payouts import tables as payouts
from keepcool.app.payouts.bitcoin import tables as batches
from keepcool.app.pools import tables as pools
from keepcool.app.rebuilding import tables as rebuilding
from keepcool.app.requestkeys import tables as requestkeys
from keepcool.app.spares import tables as spares
from keepcool.app.store import metadata

DESCRIBED_IN = (
    *(keys, people, registry, totals, books, coins, deposits, deliveries_table, endpoints, log),
    *(idempotency, leading, links, payouts, batches, controls, pools, rebuilding, requestkeys, spares),
)

__all__ = ["DESCRIBED_IN", "metadata"]
