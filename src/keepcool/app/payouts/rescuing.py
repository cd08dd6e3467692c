"""Tokens nobody listed, which lie at a wallet of ours by mistake: sent to the harbor by one plain transfer.

Laws: they are on no books, so nothing is held or posted for them; a token that is listed is its owner's and
is not rescued; whether it goes is the signers' own decision, by the harbor and the word `rescue` of their
policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from keepcool.app.controls.reasons import check_reason
from keepcool.app.network_settings import EvmSettings, NetworkSettings
from keepcool.app.payouts import store
from keepcool.app.payouts.store import Kind, NewWithdrawal, Withdrawal
from keepcool.app.wallets import Attesters, Wallet
from keepcool.chains.evm.assets import token_asset
from keepcool.core.errors import Conflict, Malformed
from keepcool.core.ids import AssetId, NetworkId, wallet_id
from keepcool.core.money import Amount, parse_units


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A token's contract, and the wallet where it lies."""

    wallet: Wallet
    contract: str
    asset: AssetId

    @property
    def network(self) -> NetworkId:
        return self.wallet.record.network


def found(
    tx: Connection, attesters: Attesters, networks: Mapping[str, NetworkSettings], wallet: str, contract: str
) -> Found:
    """Raises Malformed `rescue.network`, `rescue.listed` and `rescue.member`."""
    known = attesters.wallet(tx, wallet_id(wallet))
    network = known.record.network
    table = networks.get(network)
    if not isinstance(table, EvmSettings):
        raise Malformed("rescue.network", f"on {network} there are no unlisted tokens to rescue")
    if known.proof is not None:
        text = f"wallet {wallet} lies in a pool: sweep its forwarder, and rescue from the pool's treasury"
        raise Malformed("rescue.member", text)
    parsed = attesters.families.parse_recipient(network, contract)
    asset = token_asset(network, parsed)
    if asset.casefold() in {one.id.casefold() for one in table.assets}:
        raise Malformed("rescue.listed", f"{asset} is listed here: it is its owner's, and withdrawn as such")
    return Found(wallet=known, contract=parsed, asset=asset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """`to`: the harbor of the signers' policies; they refuse any other place."""

    id: str
    wallet: str
    contract: str
    to: str
    units: int
    reason: str


def request(
    tx: Connection,
    attesters: Attesters,
    networks: Mapping[str, NetworkSettings],
    wanted: Rescue,
    now_ms: int,
) -> Withdrawal:
    """A payout of the kind `rescue`. The same again is the same."""
    here = found(tx, attesters, networks, wanted.wallet, wanted.contract)
    recipient = attesters.families.parse_recipient(here.network, wanted.to)
    if recipient in (here.wallet.address, here.contract):
        raise Malformed("rescue.to", "it goes to the harbor, not to the wallet or the token itself")
    Amount(here.asset, wanted.units)
    if not wanted.units:
        raise Malformed("amount.zero", "there is nothing of it to move")
    known = _known(tx, wanted.id)
    if known is not None:
        if (known.asset, known.units, known.recipient, known.wallet) != (
            here.asset, wanted.units, recipient, here.wallet.id,
        ):  # fmt: skip
            raise Conflict("idempotency.key_reused", "this Idempotency-Key asked for another rescue")
        return known
    new = NewWithdrawal(
        id=wanted.id,
        kind=Kind.RESCUE,
        wallet=here.wallet.id,
        network=here.network,
        asset=here.asset,
        units=wanted.units,
        recipient=recipient,
        fee_max=parse_units(networks[here.network].fees.withdrawal_fee_max),
        metadata={"rescue": check_reason(wanted.reason)},
    )
    return store.insert(tx, new, now_ms)


def _known(tx: Connection, name: str) -> Withdrawal | None:
    try:
        return store.get(tx, name)
    except Conflict:
        return None
