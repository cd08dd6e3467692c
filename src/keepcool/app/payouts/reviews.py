"""When a withdrawal that waits for people is asked about again, and what is said when it waited in vain.

Laws: a while that doubles up to a bound, and longer the more wait, so that waiting costs the signers little;
at once when the time a signer named is over, or when somebody has signed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from keepcool.app.payouts.store import WAIT_MS_MAX
from keepcool.app.payouts.tables import withdrawal
from keepcool.core import withdrawal_states as lives
from keepcool.core.ids import NetworkId
from keepcool.core.withdrawal_states import NeedsReview, State

_FIRST_MS, _SOON_MS, _SOON_TRIES = 1_000, 15_000, 45
_EACH_MS = 20  # of the signers' time, whatever waits
_AFTER_MS = 300  # a signer's clock may be a little behind


def waiting(tx: Connection, network: NetworkId) -> int:
    """How many wait for people."""
    where = (
        withdrawal.c.network == network,
        withdrawal.c.open.is_(True),
        withdrawal.c.state == lives.name_of(NeedsReview),
    )
    return int(tx.execute(select(func.count()).select_from(withdrawal).where(*where)).scalar_one())


def wait_ms(*, tries: int, others: int, now_ms: int, until_s: Iterable[int] = ()) -> int:
    """Until it is asked about again. `others`: how many wait; `until_s`: times signers named, 0 for none."""
    usual = min(_FIRST_MS << min(tries, 10), _SOON_MS if tries < _SOON_TRIES else WAIT_MS_MAX)
    ahead = [left for one in until_s if one and (left := one * 1000 + _AFTER_MS - now_ms) > 0]
    return min([max(usual, min(others * _EACH_MS, WAIT_MS_MAX)), *ahead])


def expired(state: State, problem: str | None) -> str:
    """Why an intent that nobody signs any more ends its withdrawal."""
    if not isinstance(state, NeedsReview):
        return problem or "it was not signed in time"
    lacked = "; ".join(dict.fromkeys(f"{one.by.value}: {one.reason}" for one in state.objections))
    return (
        f"its intent has expired before it had what it needs ({lacked}): nothing was paid. Ask for it again:"
        " a new intent is to be signed anew"
    )
