"""Requests to Keeper get the keys they need, nobody else does; an interrupted change is finished."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.books.people import HOUSE, create_user
from keepcool.app.books.registry import Asked
from keepcool.app.events import log
from keepcool.app.pools.rows import Marks, insert_pool
from keepcool.app.requestkeys import tables
from keepcool.app.requestkeys.lent import LENT_S, LentKeys
from keepcool.app.requestkeys.office import KeyOffice
from keepcool.app.store import Store
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused, Unavailable
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.core.parties import Service
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import (
    CreateWallets,
    Failure,
    Head,
    Message,
    NewWallet,
    Problem,
    SignItem,
    SignRequest,
)
from keepcool.wire.resealing import ResealAnswer, Resealed, ResealWallets
from tests.fixtures.books import open_books

NETWORK = NetworkId("eip155:31337")
OLD, NEW = bytes(32), bytes(range(32))


@dataclass
class Keeper:
    """The exchange as far as it is used here: what hot keys open with, and whether the answer arrives."""

    keys: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False

    async def ask(self, to: Service, typ: str, body: Message, timeout_s: float) -> Message:
        assert (to, typ, timeout_s) == (Service.KEEPER, "wallets.reseal.v1", 5)
        assert isinstance(body, ResealWallets)
        (item,) = body.items
        head = Head(service="keeper", sequence=1, hash=b"", signature=b"")
        if self.keys[item.wallet] not in (item.before, item.after):
            problem = Problem(kind="refused", code="keeper.request_key", text="wrong")
            return ResealAnswer(items=[Failure(problem=problem)], head=head)
        self.keys[item.wallet] = item.after
        if self.silent:
            raise Unavailable("bus.timeout", "no answer in time")
        return ResealAnswer(items=[Resealed(wallet=item.wallet)], head=head)


@dataclass
class Clock:
    at_ms: int = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.at_ms


@dataclass
class Desk:
    office: KeyOffice
    keeper: Keeper
    clock: Clock
    store: Store

    def made(self, *wallets: str) -> dict[str, bytes]:
        """As Keeper is told of new wallets."""
        body = CreateWallets(
            wallets=[NewWallet(wallet=one, network=NETWORK, profile="p", owner="u") for one in wallets]
        )
        dressed = asyncio.run(self.office.dressed(Service.KEEPER, "wallets.create.v1", body))
        assert isinstance(dressed, CreateWallets)
        self.keeper.keys |= dressed.keys.by_wallet
        return dressed.keys.by_wallet

    def signed(self, *wallets: str, to: Service = Service.KEEPER) -> dict[str, bytes]:
        items = [SignItem(intent=intent(one), draft=b"d") for one in wallets]
        dressed = asyncio.run(self.office.dressed(to, "sign.v1", SignRequest(items=items)))
        assert isinstance(dressed, SignRequest)
        return dressed.keys.by_wallet

    def change(self, wallet: str, before: bytes | None, after: bytes | None, by: str | None = None) -> None:
        asyncio.run(self.office.change(wallet, before, after, by=by))

    def told(self) -> list[log.Event]:
        return self.store.transact(lambda tx: log.list_after(tx, 0, limit=100))


def intent(wallet: str) -> bytes:
    asset = AssetId(f"{NETWORK}/slip44:60")
    return Intent(
        intent=IntentId(f"i-{wallet}"),
        purpose=Purpose.PAY,
        network=NETWORK,
        source=WalletId(wallet),
        outputs=(Output("0x" + "11" * 20, Amount(asset, 1)),),
        fee_max=Amount(asset, 1),
        expires_at_s=1,
    ).encoded()


def asked(tx: Connection, wallet: str) -> None:
    """A wallet of the house's, on the books."""
    create_user(tx, user=HOUSE, external_id=None, about={}, now_ms=0)
    registry.ask(tx, Asked(WalletId(wallet), HOUSE, NETWORK, "safe-pool-1.5.0-l2", None, {}), 0)


def pool(tx: Connection) -> None:
    """`p` is one."""
    asked(tx, "p")
    insert_pool(tx, WalletId("p"), NETWORK, Marks(), 0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = Store(open_books(tmp_path / "app.sqlite"))
    store.create_tables()
    keeper, clock, drawn = Keeper(), Clock(), iter(range(1, 200))
    office = KeyOffice(
        store,
        cast(Exchange, keeper),
        clock,
        lambda size_bytes: bytes([next(drawn)]) * size_bytes,
        5,
        LentKeys(),
    )
    yield Desk(office, keeper, clock, store)
    store.close()


def test_a_key_is_drawn_once_and_stored_before_keeper_hears_of_it(desk: Desk) -> None:
    """Asked again, a wallet gets the key it has; two have two; payments bring them to Keeper alone."""
    first = desk.made("w", "v")
    assert first["w"] != first["v"]
    assert desk.made("v", "w") == first
    kept = desk.store.transact(lambda tx: tables.of(tx, ["w", "v"]))
    assert {name: one.key for name, one in kept.items()} == first
    assert desk.signed("w") == {"w": first["w"]}
    assert desk.signed("w", to=Service.COOLER) == {}
    assert desk.signed("stranger") == {}
    assert repr(kept["w"]) == "Kept('w')"


def test_what_only_the_user_has_is_sent_while_it_is_lent(desk: Desk) -> None:
    """Handed over, App forgets the key; lent it goes along, for a while; lent too often it is refused."""
    desk.made("w")
    desk.change("w", None, NEW)
    assert desk.keeper.keys["w"] == NEW
    assert desk.signed("w") == {}
    assert desk.office.lend("w", NEW) == desk.clock.at_ms + LENT_S * 1000
    assert desk.signed("w") == {"w": NEW}
    desk.clock.at_ms += LENT_S * 1000
    assert desk.signed("w") == {}


def test_a_key_is_taken_back_by_app(desk: Desk) -> None:
    """With the user's key App draws a fresh one and keeps it; without it, nothing changes."""
    desk.made("w")
    desk.change("w", None, NEW)
    with pytest.raises(Refused, match=r"request_key\.missing"):
        desk.change("w", None, None)
    desk.change("w", NEW, None)
    assert desk.signed("w") == {"w": desk.keeper.keys["w"]}
    assert desk.keeper.keys["w"] not in (OLD, NEW)


def test_a_change_whose_answer_was_lost_is_finished_before_the_next_payment(desk: Desk) -> None:
    """Keeper changed and nobody heard: the key drawn for it is on disk, and the payment goes with the right
    one."""
    desk.made("w")
    desk.keeper.silent = True
    with pytest.raises(Unavailable):
        desk.change("w", None, None)
    desk.keeper.silent = False
    assert desk.signed("w") == {"w": desk.keeper.keys["w"]}
    kept = desk.store.transact(lambda tx: tables.of(tx, ["w"]))["w"]
    assert (kept.key, kept.following) == (desk.keeper.keys["w"], None)


def test_a_change_that_keeper_refuses_holds_nobody_elses_payment_back(desk: Desk) -> None:
    """Keeper knows neither key of a wallet whose change was interrupted (its database was restored): the
    others' keys go along, and the wallet's own with them, which Keeper refuses by itself."""
    made = desk.made("w", "v")
    desk.keeper.silent = True
    with pytest.raises(Unavailable):
        desk.change("w", None, None)
    desk.keeper.keys["w"] = NEW
    desk.keeper.silent = False
    assert desk.signed("w", "v") == made
    assert desk.keeper.keys["w"] == NEW


@pytest.mark.parametrize(
    ("wallet", "before", "after", "kind"),
    [
        ("w", None, b"short", Malformed),
        ("w", b"short", NEW, Malformed),
        ("nobody", None, NEW, Refused),
    ],
)
def test_refuses_what_is_no_change_and_nothing_changed(
    desk: Desk, wallet: str, before: bytes | None, after: bytes | None, kind: type[KeepcoolError]
) -> None:
    """A key of another length, or a wallet without one: refused, and the key App keeps stays."""
    made = desk.made("w")
    with pytest.raises(kind):
        desk.change(wallet, before, after)
    assert desk.signed("w") == made == desk.keeper.keys


def test_keepers_refusal_is_told_and_nothing_changed(desk: Desk) -> None:
    """A wrong key of the user: what Keeper said, and the wallet is the user's still."""
    desk.made("w")
    desk.change("w", None, NEW)
    with pytest.raises(Refused, match=r"keeper\.request_key"):
        desk.change("w", OLD, bytes([7]) * 32)
    assert desk.keeper.keys["w"] == NEW
    assert desk.signed("w") == {}


def test_a_pool_is_handed_over_to_nobody_and_nothing_changed(desk: Desk) -> None:
    """Whoever may make wallets cannot have a pool's hot key opened by his own key alone, which would lock the
    house out of what all its users have there; App may draw another one. Its twin is a user's wallet."""
    made = desk.made("p", "w")
    desk.store.transact(pool)
    with pytest.raises(Refused, match=r"request_key\.pool"):
        desk.change("p", None, NEW)
    assert (desk.keeper.keys["p"], desk.signed("p")) == (made["p"], {"p": made["p"]})
    desk.change("p", None, None)
    assert desk.signed("p") == {"p": desk.keeper.keys["p"]} != {"p": made["p"]}
    desk.change("w", None, NEW)
    assert (desk.keeper.keys["w"], desk.signed("w")) == (NEW, {})


def test_lent_keys_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many at once: Conflict; what has run out makes room."""
    monkeypatch.setattr("keepcool.app.requestkeys.lent.LENT_MAX", 2)
    for name in ("a", "b"):
        desk.office.lend(name, NEW)
    with pytest.raises(Conflict, match=r"request_key\.many"):
        desk.office.lend("c", NEW)
    desk.clock.at_ms += LENT_S * 1000
    desk.office.lend("c", NEW)


def test_what_is_lent_outlives_an_office(desk: Desk) -> None:
    """A configuration that is taken up anew brings another office over the same lent keys: what the user has
    lent goes along still, until its time is over. Its twin has lent keys of its own, and has forgotten it."""
    desk.made("w")
    desk.change("w", None, NEW)
    desk.office.lend("w", NEW)
    first = desk.office
    desk.office = replace(first, timeout_s=first.timeout_s)
    assert desk.signed("w") == {"w": NEW}
    desk.office = replace(first, lent=LentKeys())
    assert desk.signed("w") == {}
    desk.office = first
    desk.clock.at_ms += LENT_S * 1000
    assert desk.signed("w") == {}


def test_whoever_keeps_it_from_now_on_is_told_once_and_the_key_never(desk: Desk) -> None:
    """Handed over, changed by its user, given back, drawn anew by App: each with who ordered it; what Keeper
    refuses is no news."""
    desk.made("w")
    desk.store.transact(lambda tx: asked(tx, "w"))
    start = len(desk.told())
    desk.change("w", None, NEW, by="shop")
    with pytest.raises(Refused):
        desk.change("w", OLD, bytes([7]) * 32, by="thief")
    desk.change("w", NEW, bytes([9]) * 32, by="shop")
    desk.change("w", bytes([9]) * 32, None, by="support")
    desk.change("w", None, None)
    told = [(one.type, json.loads(one.data)) for one in desk.told()[start:]]
    assert [(typ, data["before"], data["kept_by"], data["by"]) for typ, data in told] == [
        ("request_key.handed_over", "app", "user", "shop"),
        ("request_key.changed", "user", "user", "shop"),
        ("request_key.given_back", "user", "app", "support"),
        ("request_key.changed", "app", "app", None),
    ]
    assert all((data["wallet"], data["user"], data["network"]) == ("w", HOUSE, NETWORK) for _, data in told)
    everything = "".join(one.data for one in desk.told())
    assert not any(key.hex() in everything for key in (NEW, bytes([9]) * 32, desk.keeper.keys["w"]))
