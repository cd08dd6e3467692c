"""The types events have, and the patterns by which a receiver chooses among them.

Deposits and withdrawals are told by the names of their states, notes by their kinds: a new state or kind is a
new type by itself. A pattern is a type, or the first words of one and `.*`, or `*`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import get_args

from keepcool.app.deposits.records import State as DepositState
from keepcool.core import withdrawal_states as lives
from keepcool.core.errors import Malformed

PATTERNS_MAX = 50
EVERYTHING = "*"
TEST = "webhook.test"
WITHDRAWALS = tuple(sorted({lives.name_of(one) for one in get_args(lives.State)}))
TYPES = frozenset(
    (
        *(f"withdrawal.{name}" for name in (*WITHDRAWALS, "thawed")),
        *(f"deposit.{name}" for name in (*(one.value for one in DepositState), "mempool")),
        *("wallet.ready", "wallet.frozen", "wallet.thawed", "network.frozen", "network.thawed"),
        *("alarm.raised", "alarm.seen", "transfer.booked"),
        *(f"{one}.{done}" for one in ("user", "asset", "network") for done in ("suspended", "resumed")),
        *(f"correction.{done}" for done in ("proposed", "applied", "rejected")),
        *("key.made", "key.changed", "key.revoked"),
        *(f"request_key.{done}" for done in ("handed_over", "changed", "given_back")),
    )
)
NOTES = frozenset(("purse", "spare", "payout", "signer", "webhook", "addresses", "coins", "pool"))
_FORM = re.compile(r"\*|[a-z_]+(\.[a-z_]+)*(\.\*)?")


def check_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once. Raises Malformed `webhook.types` on one that no event could ever fit."""
    chosen = tuple(sorted(set(patterns)))
    if len(chosen) > PATTERNS_MAX:
        raise Malformed("webhook.types", f"choose by at most {PATTERNS_MAX} patterns")
    for one in chosen:
        if _FORM.fullmatch(one) is None or not (_fits_some(one) or one.partition(".")[0] in NOTES):
            raise Malformed("webhook.types", f"no event is ever of the type {one[:64]!r}")
    return chosen


def fits(patterns: Sequence[str], typ: str) -> bool:
    """No pattern at all means every type."""
    return not patterns or any(_fits(one, typ) for one in patterns)


def _fits(pattern: str, typ: str) -> bool:
    if pattern == EVERYTHING:
        return True
    return typ.startswith(pattern[:-1]) if pattern.endswith(".*") else typ == pattern


def _fits_some(pattern: str) -> bool:
    return any(_fits(pattern, typ) for typ in TYPES)
