"""Where what a person does to payouts meets its adapters: short transactions beside a running App."""

from __future__ import annotations

import asyncio
from pathlib import Path

from keepcool.adapters.system.clock import SystemClock
from keepcool.app import config
from keepcool.app import main as app
from keepcool.app.coins import book
from keepcool.app.config import AppSettings, BitcoinSettings
from keepcool.app.nodes import main as nodes_of
from keepcool.app.payouts import store
from keepcool.app.payouts.bitcoin import by_hand
from keepcool.app.payouts.bitcoin.by_hand import Settled
from keepcool.app.storage import main as storage
from keepcool.app.store import Store
from keepcool.core.errors import Malformed, Refused
from keepcool.core.ids import NetworkId

_TXID_CHARS = 64


def settle(file: Path, name: str, txid: str) -> Settled:
    """`by_hand.settle`, in the database and on the nodes of the App this configuration is for."""
    txid = _txid(txid)
    settings, beside = config.load(file), file.resolve().parent
    books = storage.shared(settings, beside)
    try:
        books.create_tables()
        return asyncio.run(_settle(books, settings, beside, name, txid))
    finally:
        books.close()


def freeze_coin(file: Path, network: str, outpoint: str, *, frozen: bool) -> NetworkId:
    """The coin TXID:VOUT stays where it is, or may go again. Raises Conflict `coins.unknown`."""
    settings = config.load(file)
    found = _network(settings, network)
    txid, _, vout = outpoint.partition(":")
    if not vout.isdecimal():
        raise Malformed("coins.outpoint", f"{outpoint[:80]!r} is not TXID:VOUT")
    spelled = _txid(txid)
    app.with_books(file, lambda tx: book.freeze_coin(tx, found, spelled, int(vout), frozen=frozen))
    return found


async def _settle(books: Store, settings: AppSettings, beside: Path, name: str, txid: str) -> Settled:
    network = (await books.run(lambda tx: store.get(tx, name))).network
    table = settings.networks.get(network)
    if not isinstance(table, BitcoinSettings):
        raise Refused("settle.network", f"{name} is on {network}: there nothing is settled by hand")
    async with nodes_of.bitcoin(settings, beside) as nodes:
        row = config.bitcoin_row(network, table)
        now_ms = SystemClock(settings.clock_offset_ms).now_ms()
        return await by_hand.settle(books, nodes[network], row, (name, txid), now_ms)


def _network(settings: AppSettings, wanted: str) -> NetworkId:
    for network, table in settings.networks.items():
        named = isinstance(table, BitcoinSettings) and (table.name, config.bitcoin_row(network, table).name)
        if named and wanted in (network, *named):
            return NetworkId(network)
    raise Refused("network.unknown", f"{wanted[:64]!r} is no Bitcoin network of this configuration")


def _txid(text: str) -> str:
    found = text.strip().lower()
    if len(found) != _TXID_CHARS or not set(found) <= set("0123456789abcdef"):
        raise Malformed("transaction.id", f"{text[:80]!r} is no transaction's id: 64 hex digits")
    return found
