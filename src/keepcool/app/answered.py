"""What signers are told and answer about many wallets at once, wallet by wallet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from keepcool.app.books.registry import Asked, Stored
from keepcool.core.errors import KeepcoolError, Malformed, rebuild
from keepcool.core.ids import WalletId
from keepcool.wire.messages import Attested, Failure, NewWallet


def new_wallet(asked: Asked) -> NewWallet:
    return NewWallet(
        wallet=asked.id,
        network=asked.network,
        profile=asked.profile,
        owner=asked.user,
        user_key=asked.user_key,
        policy_class=asked.policy_class,
    )


def unique(rows: Iterable[Stored]) -> list[Stored]:
    return list({row.asked.id: row for row in rows}.values())


def sorted_out(
    asked: Sequence[Asked], items: Sequence[Attested | Failure]
) -> tuple[list[tuple[Asked, Attested]], dict[WalletId, KeepcoolError]]:
    if len(items) != len(asked):
        raise Malformed("wallet.answer", "a signer answered with another number of wallets than asked for")
    good: list[tuple[Asked, Attested]] = []
    failed: dict[WalletId, KeepcoolError] = {}
    for one, item in zip(asked, items, strict=True):
        match item:
            case Attested():
                good.append((one, item))
            case Failure(problem=problem):
                failed[one.id] = rebuild(problem.kind, problem.code, problem.text)
    return good, failed
