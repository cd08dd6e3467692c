"""Giving wallets that were made ahead to those who ask for one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.books.registry import Asked, Stored
from keepcool.app.spares import rows
from keepcool.chains.families import family_of
from keepcool.chains.family import FamilyName
from keepcool.core.ids import WalletId
from keepcool.wire.messages import ProveItem

TAKEN = "wallet.other"
"""Keeper's word for a wallet that is another's."""


def is_made_first(asked: Asked) -> bool:
    """Whether a transaction makes such a wallet before it has an address."""
    return family_of(asked.network).name is FamilyName.MINTER


def asked(tx: Connection, wanted: Asked, now_ms: int) -> Stored:
    """The wallet's row. Where wallets are made ahead it is one of those, and the same one each time."""
    if is_made_first(wanted) and not registry.is_named(tx, wanted.external_id):
        wanted = replace(wanted, id=rows.given(tx, wanted.network, wanted.id, now_ms).id)
    return registry.ask(tx, wanted, now_ms)


def is_made(tx: Connection, asked: Asked) -> bool:
    return rows.get_spare(tx, asked.id).stage is rows.Stage.MADE


def retire_all(tx: Connection, wallets: Iterable[WalletId]) -> None:
    """Keeper has given them to somebody this App does not know of (its database was restored): they are
    nobody's here, and whoever asked for one is given another when asking again."""
    for wallet in wallets:
        stored = registry.get_wallet(tx, wallet)
        if is_made_first(stored.asked) and stored.record is None:
            rows.update_spare(tx, wallet, stage=rows.Stage.LOST.value, given_for=None)
            registry.forget(tx, wallet)


def prove_item(asked: Asked) -> ProveItem:
    return ProveItem(
        wallet=asked.id, owner=asked.user, user_key=asked.user_key, policy_class=asked.policy_class
    )
