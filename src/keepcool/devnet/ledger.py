"""The chain's state: accounts, coins, pools, and what each of the last blocks changed.

Law: an account is a frozen value that is replaced, so a past height is found by looking forward for the first
later change. Units are pip.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

BASE_COIN = 0


@dataclass(frozen=True, slots=True)
class Owners:
    threshold: int
    weights: tuple[int, ...]
    addresses: tuple[bytes, ...]

    def weight(self, address: bytes) -> int:
        """0 for somebody who is no owner."""
        return dict(zip(self.addresses, self.weights, strict=True)).get(address, 0)


@dataclass(frozen=True, slots=True)
class Account:
    nonce: int = 0
    balances: Mapping[int, int] = field(default_factory=dict)
    owners: Owners | None = None

    @property
    def is_multisig(self) -> bool:
        return self.owners is not None and bool(self.owners.weights)

    def balance(self, coin: int) -> int:
        return self.balances.get(coin, 0)

    def with_balance(self, coin: int, pip: int) -> Account:
        if pip < 0:
            raise ValueError("a balance below zero")
        return replace(self, balances={**self.balances, coin: pip})


@dataclass(frozen=True, slots=True)
class Coin:
    """`pool` is what lies in its pool with the base coin: (pip of this coin, pip of the base coin)."""

    id: int
    symbol: str
    pool: tuple[int, int] | None = None


NOBODY = Account()


class Ledger:
    """State now and `keep` heights back."""

    def __init__(self, coins: Iterable[Coin], keep: int) -> None:
        self.accounts: dict[bytes, Account] = {}
        self.coins: dict[int, Coin] = {coin.id: coin for coin in coins}
        self._before: dict[bytes, Account] = {}
        self._past: deque[tuple[int, dict[bytes, Account]]] = deque(maxlen=keep)

    def account(self, address: bytes) -> Account:
        return self.accounts.get(address, NOBODY)

    def at(self, address: bytes, height: int) -> Account:
        for changed, before in self._past:
            if changed > height and address in before:
                return before[address]
        return self.account(address)

    def put(self, address: bytes, account: Account) -> None:
        self._before.setdefault(address, self.account(address))
        self.accounts[address] = account

    def add(self, address: bytes, coin: int, pip: int) -> None:
        """`pip` may be negative. Raises ValueError when the balance does not allow it."""
        account = self.account(address)
        self.put(address, account.with_balance(coin, account.balance(coin) + pip))

    def put_coin(self, coin: Coin) -> None:
        self.coins[coin.id] = coin

    def close(self, height: int) -> dict[bytes, Account]:
        """Ends a block; who changed, as they were before it."""
        before, self._before = self._before, {}
        self._past.append((height, before))
        return before

    def remember(self, height: int, before: dict[bytes, Account]) -> None:
        """A past block, told again after a restart, oldest first."""
        self._past.append((height, before))

    def volume(self, coin: int) -> int:
        pool = self.coins[coin].pool if coin in self.coins else None
        return sum(one.balance(coin) for one in self.accounts.values()) + (pool[0] if pool else 0)
