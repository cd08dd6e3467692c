"""What can be asked of App without changing anything: balances, lists, look-ups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from keepcool.client.http import Api
from keepcool.client.models import (
    AddressAnswer,
    Asset,
    Balance,
    Books,
    Deposit,
    Entry,
    Found,
    Network,
    Page,
    PoolAnswer,
    Purse,
    User,
    WalletAnswer,
    Withdrawal,
)

T = TypeVar("T")


class Reading:
    """`client.read`. Lists are whole: every page is fetched."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def balances(self, wallet: str) -> list[Balance]:
        return self._api.get(f"/v1/wallets/{wallet}/balances", Page[Balance]).items

    def deposits(self, wallet: str) -> list[Deposit]:
        return list(self._pages("/v1/deposits", Page[Deposit], {"wallet": wallet}))

    def withdrawals(self, wallet: str) -> list[Withdrawal]:
        return list(self._pages("/v1/withdrawals", Page[Withdrawal], {"wallet": wallet}))

    def entries(self, wallet: str) -> list[Entry]:
        return list(self._pages("/v1/entries", Page[Entry], {"wallet": wallet}))

    def users(self) -> list[User]:
        return list(self._pages("/v1/users", Page[User], {}))

    def wallets(self, user: str) -> list[WalletAnswer]:
        """As App tells them; `wallet` gives one that can be believed."""
        return list(self._pages("/v1/wallets", Page[WalletAnswer], {"user": user}))

    def addresses(self, wallet: str) -> list[AddressAnswer]:
        """As App tells them; `Client.addresses` gives those that can be believed."""
        return list(self._pages(f"/v1/wallets/{wallet}/addresses", Page[AddressAnswer], {}))

    def pools(self) -> list[PoolAnswer]:
        return self._api.get("/v1/pools", Page[PoolAnswer]).items

    def pool(self, pool: str) -> PoolAnswer:
        return self._api.get(f"/v1/pools/{pool}", PoolAnswer)

    def lookup(self, *, tx: str | None = None, address: str | None = None) -> Found:
        return self._api.get("/v1/lookup", Found, {"tx": tx, "address": address})

    def networks(self) -> list[Network]:
        return self._api.get("/v1/networks", Page[Network]).items

    def assets(self) -> list[Asset]:
        return self._api.get("/v1/assets", Page[Asset]).items

    def purses(self) -> list[Purse]:
        return self._api.get("/v1/purses", Page[Purse]).items

    def books_balanced(self) -> bool:
        return self._api.get("/v1/books/check", Books).balanced

    def _pages(self, path: str, shape: type[Page[T]], query: Mapping[str, str]) -> Iterator[T]:
        cursor: str | None = None
        while True:
            page = self._api.get(path, shape, {**query, "cursor": cursor})
            yield from page.items
            if page.next is None:
                return
            cursor = page.next
