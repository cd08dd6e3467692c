"""The typed client of App.

Law: no address leaves it that both pinned signers did not attest; whatever moves money goes under an
idempotency key, the caller's or a fresh one, so a retry cannot pay twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from keepcool.client.attested import Pins, Wanted, check_address, record_of
from keepcool.client.controls import Controls
from keepcool.client.devicekeys import UserKey
from keepcool.client.events import Events
from keepcool.client.following import Following
from keepcool.client.http import Api, fresh_key
from keepcool.client.models import (
    AddressAnswer,
    Page,
    Quote,
    User,
    WalletAnswer,
    Withdrawal,
)
from keepcool.client.orders import Order, check_bounded
from keepcool.client.payouts import Payouts
from keepcool.client.pools import Pools
from keepcool.client.reading import Reading
from keepcool.client.requestkeys import RequestKeys
from keepcool.client.webhooks import Webhooks
from keepcool.client.withdrawals import Withdrawals, rekey_proof
from keepcool.core.errors import Breach, Unavailable
from keepcool.core.registry import WalletRecord

SETTLED = frozenset({"confirmed", "refused", "failed", "cancelled", "replaced", "needs_review"})
_POLL_S, _POLL_S_MAX = 0.1, 0.5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet whose record both signers attested, checked by this client. In a pool the record is the
    pool's, and the address one that both derived from it."""

    record: WalletRecord
    told: WalletAnswer

    @property
    def id(self) -> str:
        return self.told.id

    @property
    def address(self) -> str:
        return self.record.address if self.told.proof is None else self.told.address or ""


class Client:
    """Use in a `with` block, or `close` it. `pins` are Keeper's and Cooler's attestation keys."""

    def __init__(self, url: str, key: str, pins: Pins, timeout_s: float = 30.0) -> None:
        self.api, self._pins = Api(url, key, timeout_s), pins
        self._following = Following(self.api, pins)
        self.read = Reading(self.api)
        self.pools = Pools(self.api, pins, self._following)
        self.withdrawals = Withdrawals(self.api, lambda one, key: self.wallet(one, user_key=key).record)
        self.events, self.webhooks = Events(self.api), Webhooks(self.api)
        self.controls, self.payouts = Controls(self.api), Payouts(self.api)
        self.request_keys = RequestKeys(self.api)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.api.close()

    def make_user(self, external_id: str | None = None, metadata: Mapping[str, str] | None = None) -> User:
        body = _given(external_id=external_id, metadata=dict(metadata or {}))
        return self.api.post("/v1/users", User, body, fresh_key())

    def make_wallet(
        self,
        user: str,
        network: str,
        external_id: str | None = None,
        *,
        kind: str | None = None,
        pool: str | None = None,
        user_key: str = "",
        timeout_s: float = 60.0,
    ) -> Wallet:
        """A new wallet: of `kind` segregated or pooled, as App is configured when left out. `user_key`: the
        owner's, whose signature what leaves it then needs. Raises Breach when its address is not attested as
        it should be, for exactly this key; Unavailable when it has to be made first and that takes longer
        than `timeout_s`."""
        body = _given(network=network, external_id=external_id, kind=kind, pool=pool)
        body |= {"user_key": user_key} if user_key else {}
        asked = self.api.post(f"/v1/users/{user}/wallets", WalletAnswer, body, fresh_key())
        told = asked
        if asked.record_bytes is None:
            told = awaited(
                lambda: self.api.get(f"/v1/wallets/{asked.id}", WalletAnswer),
                lambda one: one.record_bytes is not None,
                timeout_s,
                f"wallet {asked.id} is still being made",
            )
        wanted = Wanted(user=user, network=network, kind=kind, pool=pool, user_key=user_key)
        return self._believed(told, wanted)

    def wallet(self, wallet: str, user: str | None = None, *, user_key: str | None = None) -> Wallet:
        """The wallet of this id, of this user and with this user key where they are named ("": with none).
        Raises Breach when App tells of another one, or when its address is not attested as it should be."""
        told = self.api.get(f"/v1/wallets/{wallet}", WalletAnswer)
        return self._believed(told, Wanted(wallet=wallet, user=user, user_key=user_key))

    def rekey(self, wallet: str, user_key: str, sign_with: UserKey | None = None) -> Wallet:
        """Another key of the wallet's owner, from his old one (`sign_with`) or as administrators ordered it.
        Ask again after an error: it goes on where it was. Raises Breach when the record that both signers
        attested is not of this key."""
        body = {"user_key": user_key}
        if sign_with is not None:
            body["proof"] = rekey_proof(self.wallet(wallet).record, user_key, sign_with)
        told = self.api.post(f"/v1/wallets/{wallet}/rekey", WalletAnswer, body, fresh_key())
        return self._believed(told, Wanted(wallet=wallet, user_key=user_key))

    def more_addresses(self, wallet: str, count: int = 1, *, key: str | None = None) -> list[str]:
        """Further addresses of a wallet (Bitcoin), each proven by both signers. Raises Breach otherwise."""
        known, path = self.wallet(wallet), f"/v1/wallets/{wallet}/addresses"
        told = self.api.post(path, Page[AddressAnswer], {"count": count}, key or fresh_key())
        return self._proven(known, told.items)

    def addresses(self, wallet: str) -> list[str]:
        """All addresses of a wallet, each proven by both signers. Raises Breach otherwise."""
        known = self.wallet(wallet)
        proven = self._proven(known, self.read.addresses(wallet))
        return proven if known.told.proof is not None else [known.address, *proven]

    def quote(self, wallet: str, asset: str, units: int, to: str) -> Quote:
        body = {"wallet": wallet, "asset": asset, "amount": str(units), "to": to, "to_again": to}
        return self.api.post("/v1/withdrawals/quote", Quote, body)

    def withdraw(
        self,
        wallet: str,
        asset: str,
        units: int,
        to: str,
        *,
        key: str | None = None,
        fee_max: int | None = None,
        to_again: str | None = None,
        sign_with: UserKey | None = None,
    ) -> Withdrawal:
        """Ask for a payment out of `wallet`. The same `key` and content asked again pay once. `to_again` is
        the address as a person entered it a second time, where it has no checksum; a program that holds the
        address leaves it out. `sign_with`: the owner's key, which signs what App drafts of it, if App drafts
        just that (`client.withdrawals.sign`); it is then asked for under one idempotency key for ever."""
        bound = None if fee_max is None else str(fee_max)
        again = to if to_again is None else to_again
        order, named = Order(wallet, asset, units, to, fee_max), key or fresh_key()
        if sign_with is not None:
            check_bounded(order, self.wallet(wallet, user_key=sign_with.text).record.network)
        body = _given(wallet=wallet, asset=asset, amount=str(units), to=to, to_again=again, fee_max=bound)
        made = self.api.post("/v1/withdrawals", Withdrawal, body, named)
        if sign_with is None:
            return made
        return self.withdrawals.sign(made.id, sign_with, order, names=(f"key:{named}",))

    def withdraw_to_many(
        self, wallet: str, asset: str, payments: Mapping[str, int], *, key: str | None = None
    ) -> Withdrawal:
        """Ask for one transaction that pays several recipients, all or none: units by address."""
        outputs = [{"to": to, "to_again": to, "amount": str(units)} for to, units in payments.items()]
        body = {"wallet": wallet, "asset": asset, "amount": str(sum(payments.values())), "outputs": outputs}
        return self.api.post("/v1/withdrawals", Withdrawal, body, key or fresh_key())

    def transfer(
        self,
        source: str,
        target: str,
        asset: str,
        units: int,
        *,
        key: str | None = None,
        fee_max: int | None = None,
        sign_with: UserKey | None = None,
    ) -> Withdrawal:
        """Pay from one of our wallets to another: on chain, or in the ledger alone within a pool. What is
        signed with `sign_with` pays the other wallet's attested address."""
        bound, named = None if fee_max is None else str(fee_max), key or fresh_key()
        body = _given(from_wallet=source, to_wallet=target, asset=asset, amount=str(units), fee_max=bound)
        if sign_with is None:
            return self.api.post("/v1/transfers", Withdrawal, body, named)
        order = Order(source, asset, units, self.wallet(target).address, fee_max)
        check_bounded(order, self.wallet(source, user_key=sign_with.text).record.network)
        made = self.api.post("/v1/transfers", Withdrawal, body, named)
        return self.withdrawals.sign(made.id, sign_with, order, names=(f"key:{named}",))

    def top_up(self, wallet: str, asset: str, units: int, *, key: str | None = None) -> Withdrawal:
        """Pay from a wallet into the purse."""
        body = {"wallet": wallet, "asset": asset, "amount": str(units)}
        return self.api.post("/v1/purses/topups", Withdrawal, body, key or fresh_key())

    def withdrawal(self, withdrawal: str) -> Withdrawal:
        return self.api.get(f"/v1/withdrawals/{withdrawal}", Withdrawal)

    def cancel(self, withdrawal: str) -> Withdrawal:
        return self.api.post(f"/v1/withdrawals/{withdrawal}/cancel", Withdrawal, {}, fresh_key())

    def settled(self, withdrawal: str, timeout_s: float, *, reviewed: bool = False) -> Withdrawal:
        """The withdrawal once nothing more will happen to it by itself; with `reviewed`, once people who are
        asked have decided as well. Raises Unavailable when late."""
        settled = SETTLED - {"needs_review"} if reviewed else SETTLED
        return awaited(
            lambda: self.withdrawal(withdrawal),
            lambda one: one.state in settled,
            timeout_s,
            f"withdrawal {withdrawal} is not settled",
        )

    def _proven(self, wallet: Wallet, told: Sequence[AddressAnswer]) -> list[str]:
        for one in told:
            check_address(self._pins, wallet.record, one.address, one.proof)
        return [one.address for one in told]

    def _believed(self, told: WalletAnswer, wanted: Wanted) -> Wallet:
        self._following.begin()
        try:
            return Wallet(record_of(self._pins, told, wanted), told)
        except Breach:
            if not self._following.again():
                raise
        return Wallet(record_of(self._pins, told, wanted), told)


def awaited(ask: Callable[[], T], done: Callable[[T], bool], timeout_s: float, late: str) -> T:
    """Asks until `done`, at first often. Raises Unavailable with `late` when the time is up."""
    deadline_s, pause_s = time.monotonic() + timeout_s, _POLL_S
    while not done(answer := ask()):
        if time.monotonic() > deadline_s:
            raise Unavailable("client.late", f"{late} after {timeout_s:g} s; it may still happen, ask again")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, _POLL_S_MAX)
    return answer


def _given(**fields: object) -> dict[str, object]:
    """The fields that were given; App refuses those it does not know, and nulls where there are defaults."""
    return {name: value for name, value in fields.items() if value is not None and value != {}}
