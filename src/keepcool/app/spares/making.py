"""Which creator makes what next: wallets that are wanted, fee money for creators that run dry, and nonces
that must be used up because Keeper has signed something there that App does not know.

Laws: a creator has one transaction on its way; a nonce is the chain's next one and belongs to one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from keepcool.app.spares import rows
from keepcool.app.spares.lane import Lane
from keepcool.app.spares.rows import Creator, Purpose, Sent, Stage
from keepcool.chains import rlp
from keepcool.chains.minter.assets import BASE_COIN, chain_id_of
from keepcool.chains.minter.data import Data, Multisend, Owners, Send
from keepcool.chains.minter.signature import SINGLE
from keepcool.chains.minter.transaction import Transaction
from keepcool.chains.minter.wallets import create_multisig
from keepcool.core.ids import WalletId
from keepcool.ports.minternode import Account

LOW_CREATES, FULL_CREATES = 3, 20  # a creator that could pay for fewer gets enough for this many
_ANYBODY = tuple("Mx" + f"{number:040x}" for number in (2**64 + 1, 2**64 + 2, 2**64 + 3))


async def plan_all(
    lane: Lane, creators: Sequence[Creator], accounts: Mapping[str, Account], keepers: Mapping[str, int]
) -> bool:
    """Rows for what is to be made next, not yet asked of Keeper. Whether there is anything new."""
    cost = await create_cost(lane)
    ids = [WalletId(f"wal_{lane.entropy(16).hex()}") for _ in creators]

    def work(tx: Connection) -> bool:
        busy = {one.account for one in rows.errands(tx, lane.network, Sent.STORED, Sent.SIGNED)}
        idle = [accounts[one.address] for one in creators if one.address not in busy]
        idle, ahead = _without_gaps(tx, lane, idle, keepers)
        purse = next((one for one in idle if one.address == creators[0].address), None)
        spread = _spread(tx, lane, [accounts[one.address] for one in creators[1:]], purse, cost)
        idle = [one for one in idle if one.pip() >= cost and not (spread and one is purse)]
        missing = lane.plan.spares - rows.free_count(tx, lane.network)
        rows.add_spares(tx, lane.network, ids[: max(min(missing, len(idle)), 0)], lane.clock.now_ms())
        wanted = rows.in_stage(tx, lane.network, Stage.WANTED, len(idle))
        for account, spare in zip(idle, wanted, strict=False):
            _add(tx, lane, account, Purpose.CREATE, wallet=spare.id)
            rows.update_spare(tx, spare.id, stage=Stage.MAKING.value)
        return ahead or spread or bool(idle and wanted)

    return await lane.store.run(work)


async def create_cost(lane: Lane) -> int:
    """Pip that a creation costs now at the planned gas price."""
    owners = Owners(2, (1, 1, 1), _ANYBODY)
    sample = create_multisig(
        owners, chain_id=chain_id_of(lane.network), nonce=1, gas_price=lane.plan.gas_price
    )
    return await lane.node.estimate_commission(rlp.encode([*sample.fields(), b""]))


def _without_gaps(
    tx: Connection, lane: Lane, idle: list[Account], keepers: Mapping[str, int]
) -> tuple[list[Account], bool]:
    """Creators whose next nonce Keeper has never signed; for the others that nonce is used up first."""
    good, ahead = [], False
    for account in idle:
        if keepers.get(account.address, account.next_nonce) <= account.next_nonce:
            good.append(account)
            continue
        data = Send(BASE_COIN, account.address, 0)
        _add(tx, lane, account, Purpose.CANCEL, data=data)
        text = f"Keeper has signed nonce {account.next_nonce}, which App does not know; it is used up"
        lane.note_in(tx, "purse.nonce_gap", account.address, text)
        ahead = True
    return good, ahead


def _spread(
    tx: Connection,
    lane: Lane,
    others: Sequence[Account],
    purse: Account | None,
    cost: int,
) -> bool:
    """Fee money from the purse to creators that run dry, as far as the purse keeps enough for itself."""
    if purse is None:
        return False
    left, sends = purse.pip() - FULL_CREATES * cost, []
    for one in others:
        has = one.pip()
        wanted = FULL_CREATES * cost - has
        if has < LOW_CREATES * cost and wanted <= left:
            sends.append(Send(BASE_COIN, one.address, wanted))
            left -= wanted
    if not sends:
        return False
    data: Data = sends[0] if len(sends) == 1 else Multisend(tuple(sends))
    _add(tx, lane, purse, Purpose.SPREAD, data=data)
    return True


def _add(
    tx: Connection,
    lane: Lane,
    account: Account,
    purpose: Purpose,
    *,
    data: Data | None = None,
    wallet: WalletId | None = None,
) -> None:
    unsigned = b""
    if data is not None:
        chain_id, price = chain_id_of(lane.network), lane.plan.gas_price
        transaction = Transaction(account.next_nonce, chain_id, price, BASE_COIN, data, signature_type=SINGLE)
        unsigned = transaction.preimage()
    rows.add_errand(
        tx,
        network=lane.network,
        account=account.address,
        nonce=account.next_nonce,
        purpose=purpose,
        gas_price=lane.plan.gas_price,
        unsigned=unsigned,
        wallet=wallet,
    )
