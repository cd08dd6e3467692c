"""Every request to Keeper gets the keys it needs: those App keeps, and those users have lent for a while.

Laws: Cooler is never told one; what Keeper was asked to change is asked again until it is known how it ended;
who keeps a key from now on is told in the transaction that notes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from keepcool.app.pools.rows import find_pool
from keepcool.app.requestkeys import tables, telling
from keepcool.app.requestkeys.lent import LentKeys
from keepcool.app.requestkeys.tables import Kept
from keepcool.app.store import Store
from keepcool.core.errors import KeepcoolError, Malformed, Refused, rebuild
from keepcool.core.intent import parse_intent
from keepcool.core.parties import Service
from keepcool.ports.system import Clock, Entropy
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import CreateWallets, Failure, Message, ReserveWallets, SignRequest
from keepcool.wire.requestkeys import Keys
from keepcool.wire.resealing import ResealAnswer, ResealItem, ResealWallets

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyOffice:
    """`dressed` goes into the exchange (`Exchange.dress`). `lent` outlives it."""

    store: Store
    exchange: Exchange
    clock: Clock
    entropy: Entropy
    timeout_s: float
    lent: LentKeys

    async def dressed(self, to: Service, _: str, body: Message) -> Message:
        """The body with the keys it needs."""
        if to is not Service.KEEPER:
            return body
        if isinstance(body, CreateWallets):
            return await self._for_new(body, [one.wallet for one in body.wallets])
        if isinstance(body, ReserveWallets):
            return await self._for_new(body, [one.wallet for one in body.items])
        if isinstance(body, SignRequest):
            return await self._for_signing(body)
        return body

    def lend(self, wallet: str, key: bytes) -> int:
        """A user's key, for a while; until when (Unix ms). Raises Malformed; Conflict on too many."""
        _checked(key)
        return self.lent.lend(wallet, key, self.clock.now_ms())

    async def change(
        self, wallet: str, before: bytes | None, after: bytes | None, *, by: str | None = None
    ) -> None:
        """Another key for the wallet's hot key. `before`: the user's, where App has none. `after`: the user's
        from now on, and a pool has none; None draws one that App keeps. `by`: the name of the API key that
        orders it, None for App itself. Raises what Keeper refuses."""
        now_ms, drawn = self.clock.now_ms(), self.entropy(KEY_BYTES)
        for key in (before, after):
            if key is not None:
                _checked(key)

        def begin(tx: Connection) -> Kept:
            kept = tables.of(tx, [wallet]).get(wallet)
            if kept is None:
                raise Refused("request_key.none", f"wallet {wallet} has no key of its own here")
            if after is not None and find_pool(tx, wallet) is not None:
                raise Refused("request_key.pool", f"{wallet} is a pool, and no user's: App keeps its key")
            if after is None and kept.following is None:
                tables.will_be(tx, wallet, drawn)
                return Kept(wallet, kept.key, drawn)
            return kept

        kept = await self.store.run(begin)
        own = kept.key or before or self._borrowed(wallet)
        if own is None:
            raise Refused("request_key.missing", f"only its user has the key of {wallet}: send it along")
        wanted = after if after is not None else kept.following
        if wanted is None:
            raise Refused("request_key.missing", "no other key was given")
        await self._reseal(wallet, own, wanted)
        self.lent.forget(wallet)
        mine = None if after is not None else wanted

        def done(tx: Connection) -> None:
            was = tables.of(tx, [wallet])[wallet]
            tables.is_now(tx, wallet, mine, now_ms)
            telling.changed(tx, was, tables.of(tx, [wallet])[wallet], by, now_ms)

        await self.store.run(done)

    async def _reseal(self, wallet: str, before: bytes, after: bytes) -> None:
        body = ResealWallets(items=[ResealItem(wallet=wallet, before=before, after=after)])
        said = await self.exchange.ask(Service.KEEPER, "wallets.reseal.v1", body, self.timeout_s)
        if not isinstance(said, ResealAnswer) or len(said.items) != 1:
            raise Malformed("wallet.answer", "Keeper did not answer what it was asked")
        if isinstance(said.items[0], Failure):
            problem = said.items[0].problem
            raise rebuild(problem.kind, problem.code, problem.text)

    async def _for_new(self, body: CreateWallets | ReserveWallets, wallets: Sequence[str]) -> Message:
        """Stored before Keeper hears of them, so that no hot key is sealed with one that nobody has."""
        now_ms = self.clock.now_ms()

        def work(tx: Connection) -> dict[str, Kept]:
            known = tables.of(tx, wallets)
            fresh = [one for one in dict.fromkeys(wallets) if one not in known]
            tables.put(tx, fresh, [self.entropy(KEY_BYTES) for _ in fresh], now_ms)
            return tables.of(tx, wallets)

        return msgspec.structs.replace(body, keys=self._keys(await self.store.run(work)))

    async def _for_signing(self, body: SignRequest) -> SignRequest:
        wallets = [wallet for one in body.items if (wallet := _source(one.intent))]
        kept = await self.store.run(lambda tx: tables.of(tx, wallets))
        for one in [one for one in kept.values() if one.following is not None and one.key is not None]:
            with suppress(KeepcoolError):  # what Keeper says of one wallet holds no other's payment back
                await self.change(one.wallet, None, None)  # it was interrupted: Keeper may have either key
        if any(one.following is not None for one in kept.values()):
            kept = await self.store.run(lambda tx: tables.of(tx, wallets))
        return msgspec.structs.replace(body, keys=self._keys(kept))

    def _keys(self, kept: dict[str, Kept]) -> Keys:
        found = {name: one.key or self._borrowed(name) for name, one in kept.items()}
        return Keys({name: key for name, key in found.items() if key is not None})

    def _borrowed(self, wallet: str) -> bytes | None:
        return self.lent.borrowed(wallet, self.clock.now_ms())


def _checked(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise Malformed("request_key.form", f"a wallet's own key has {KEY_BYTES} bytes")


def _source(intent: bytes) -> str:
    """Whose wallet pays; empty for bytes that are no intent, which Keeper refuses by itself."""
    try:
        return parse_intent(intent).source
    except KeepcoolError:
        return ""
