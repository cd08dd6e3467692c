"""How much of an asset one batch of a source may pay: what the configuration says, and what signers refused.

Laws: a sum that a signer refused for its cap is not tried again for a day, nor much of it, because a signer
may take it for an attack when it has to refuse often; a payment that is alone is always tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, select

from keepcool.app.payouts import store
from keepcool.app.payouts.evm.lane import EvmLane
from keepcool.app.payouts.store import Kind, Withdrawal
from keepcool.app.payouts.tables import withdrawal
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.intent import parse_intent
from keepcool.core.money import parse_units
from keepcool.core.withdrawal_states import Refused, name_of

CAP = "cap_transaction"
_KEPT_MS, _LOOKED_AT = 86_400_000, 20
_PARTS = 4  # so much smaller is what is tried next


def of(tx: Connection, lane: EvmLane, source: WalletId) -> dict[AssetId, int]:
    """In base units; an asset that is not named has none."""
    listed = lane.settings.assets
    found = {AssetId(one.id): parse_units(one.withdrawal_max) for one in listed if one.withdrawal_max}
    for one in _refused_lately(tx, source, lane.clock.now_ms()):
        for asset, least in _learned(one).items():
            found[asset] = min(found.get(asset, least), least)
    return found


def fits(ceilings: dict[AssetId, int], rows: Sequence[Withdrawal]) -> bool:
    sums = Counter[AssetId]()
    for one in rows:
        sums[one.asset] += one.units
    return all(units <= ceilings.get(asset, units) for asset, units in sums.items())


def _refused_lately(tx: Connection, source: WalletId, now_ms: int) -> list[Withdrawal]:
    where = (
        withdrawal.c.wallet == source,
        withdrawal.c.open.is_(False),
        withdrawal.c.kind == Kind.BATCH.value,
        withdrawal.c.state == name_of(Refused),
        withdrawal.c.updated_at_ms >= now_ms - _KEPT_MS,
    )
    query = select(withdrawal).where(*where).order_by(withdrawal.c.number.desc()).limit(_LOOKED_AT)
    return [one for one in store.rows(tx, query) if _for_its_sum(one)]


def _for_its_sum(one: Withdrawal) -> bool:
    return isinstance(one.state, Refused) and any(by.rule == CAP for by in one.state.objections)


def _learned(one: Withdrawal) -> dict[AssetId, int]:
    outputs = parse_intent(one.intent).outputs if one.intent is not None else ()
    sums = Counter[AssetId]()
    for each in outputs:
        sums[each.amount.asset] += each.amount.units
    return {asset: units // _PARTS for asset, units in sums.items()} if len(outputs) > 1 else {}
