"""Issuing wallets, interrupted at each step, and an App database that somebody edited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Asked, Stage
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters, Issuer, Outcome, Wallet
from keepcool.core.errors import Breach, Conflict, Unavailable
from keepcool.core.ids import UserId, WalletId
from keepcool.core.parties import Service
from keepcool.wire.messages import NewWallet
from tests.fixtures.books import open_books
from tests.unit.app.books.loopback import NETWORK, Signers, elsewhere, record_of

pytestmark = pytest.mark.usefixtures("both_engines")

USER = UserId("usr_1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(open_books(tmp_path / "app.sqlite"))
    made.create_tables()
    made.transact(lambda tx: people.create_user(tx, user=USER, external_id=None, about={}, now_ms=1))
    yield made
    made.close()


def asked(number: int, external_id: str | None = None) -> Asked:
    return Asked(WalletId(f"wal_{number}"), USER, NETWORK, "safe-1.5.0-l2", external_id, {})


async def issuer_of(signers: Signers, store: Store) -> Issuer:
    exchange = await signers.start()
    return Issuer(exchange, store, Attesters(signers.peers), signers.clock, timeout_s=1)


def issue(signers: Signers, store: Store, *wanted: Asked) -> list[Outcome]:
    async def run() -> list[Outcome]:
        return await (await issuer_of(signers, store)).issue(wanted)

    return asyncio.run(run())


def stages(store: Store) -> Sequence[Stage]:
    return [row.stage for row in store.transact(lambda tx: registry.list_wallets(tx, limit=200))]


def test_a_hundred_wallets_come_in_three_questions(store: Store) -> None:
    """A batch of 100 wallets costs one message of each kind, and each carries both attestations."""
    signers = Signers()
    wallets = issue(signers, store, *(asked(number) for number in range(100)))
    assert signers.lines.asked == ["wallets.create.v1", "wallets.attest.v1", "wallets.register.v1"]
    for wallet in wallets:
        assert isinstance(wallet, Wallet)
        assert set(wallet.stored.attestations) == {"keeper", "cooler"}
    assert len(signers.registered) == 100


@pytest.mark.parametrize(
    ("down", "left"),
    [
        ("wallets.create.v1", Stage.ASKED),
        ("wallets.attest.v1", Stage.ASKED),
        ("wallets.register.v1", Stage.ATTESTED),
    ],
)
def test_an_interrupted_wallet_is_completed_by_asking_again(store: Store, down: str, left: Stage) -> None:
    """Whichever signer is down, nothing is served; the same question later completes the same wallet."""
    signers = Signers()
    signers.lines.down = {down}
    with pytest.raises(Unavailable, match="does not answer"):
        issue(signers, store, asked(1, "mine"))
    assert stages(store) == [left]
    with pytest.raises(Unavailable, match="still being issued"):
        store.transact(lambda tx: Attesters(signers.peers).wallet(tx, "wal_1"))
    signers.lines.down = set()
    (wallet,) = issue(signers, store, replace(asked(2, "mine")))
    assert isinstance(wallet, Wallet)
    assert wallet.stored.asked.id == "wal_1"
    assert stages(store) == [Stage.REGISTERED]


def test_interrupted_wallets_are_completed_without_being_asked_for(store: Store) -> None:
    """`complete` finishes what an earlier run began."""
    signers = Signers()
    signers.lines.down = {"wallets.register.v1"}
    with pytest.raises(Unavailable):
        issue(signers, store, asked(1), asked(2))
    signers.lines.down = set()

    async def run() -> int | None:
        return await (await issuer_of(signers, store)).complete()

    assert asyncio.run(run()) is None
    assert stages(store) == [Stage.REGISTERED, Stage.REGISTERED]


def test_the_same_external_id_for_another_wallet_is_refused(store: Store) -> None:
    """Reusing an external id for something else raises Conflict, and no wallet of the batch is begun."""
    signers = Signers()
    issue(signers, store, asked(1, "mine"))
    with pytest.raises(Conflict, match="mine"):
        issue(signers, store, asked(5), replace(asked(2, "mine"), profile="safe-1.4.1-l2"))
    assert len(stages(store)) == 1


@pytest.mark.parametrize(
    ("name", "tamper"),
    [
        ("another wallet", lambda record: replace(record, wallet=WalletId("wal_9"))),
        ("another owner", lambda record: replace(record, owner="usr_9")),
        ("another profile", lambda record: replace(record, profile="safe-1.4.1-l1")),
        ("another user key", lambda record: replace(record, user_key="00")),
    ],
)
def test_a_record_of_something_else_is_not_stored(store: Store, name: str, tamper: object) -> None:
    """A record that differs from what was asked, though attested, is a Breach and is not kept."""
    signers = Signers()
    assert callable(tamper)
    signers.tamper = tamper
    (outcome,) = issue(signers, store, asked(1))
    assert isinstance(outcome, Breach), name
    assert stages(store) == [Stage.ASKED]


def test_one_address_for_two_wallets_is_a_breach(store: Store) -> None:
    """Signers that give one address to two wallets are not believed for the second."""
    signers = Signers()
    signers.tamper = elsewhere
    first, second = issue(signers, store, asked(1), asked(2))
    assert isinstance(first, Wallet)
    assert isinstance(second, Breach)


def edit(store: Store, **columns: object) -> None:
    store.transact(lambda tx: tx.execute(registry.wallet.update().values(**columns)))


def forged(signers: Signers, *, really_signed: bool) -> dict[str, object]:
    """A row in which somebody put an address of his own, with signatures by the two signers or without."""
    bare = NewWallet(wallet="wal_1", network=NETWORK, profile="safe-1.5.0-l2", owner=USER)
    record = elsewhere(record_of(bare))
    signed = record.encoded() if really_signed else record_of(bare).encoded()
    return {
        "address": record.address,
        "record": record.encoded(),
        "keeper_attestation": signers.sign(Service.KEEPER, signed),
        "cooler_attestation": signers.sign(Service.COOLER, signed),
    }


def test_an_edited_row_is_never_served(store: Store) -> None:
    """Every edit of a wallet's row that concerns its address or owner makes App refuse to serve it."""
    signers = Signers()
    issue(signers, store, asked(1))
    store.transact(
        lambda tx: people.create_user(tx, user=UserId("usr_2"), external_id=None, about={}, now_ms=1)
    )
    attesters = Attesters(signers.peers)
    before = store.transact(lambda tx: registry.get_wallet(tx, "wal_1"))
    edits: list[dict[str, object]] = [
        {"address": "0x" + "66" * 20},
        {"user": "usr_2"},
        {"network": "eip155:1"},
        {"keeper_attestation": bytes(64)},
        {"cooler_attestation": None},
        {"cooler_attestation": before.attestations["keeper"]},
        forged(signers, really_signed=False),
    ]
    for columns in edits:
        edit(store, **columns)
        with pytest.raises(Breach):
            store.transact(lambda tx: attesters.wallet(tx, "wal_1"))
        edit(
            store,
            address=before.address,
            user=USER,
            network=NETWORK,
            record=before.record,
            keeper_attestation=before.attestations["keeper"],
            cooler_attestation=before.attestations["cooler"],
        )
        assert store.transact(lambda tx: attesters.wallet(tx, "wal_1")).address == before.address


def test_what_both_signers_signed_would_be_served(store: Store) -> None:
    """The twin of the edited row: with both signers' keys in hand the same substitution succeeds."""
    signers = Signers()
    issue(signers, store, asked(1))
    edit(store, **forged(signers, really_signed=True))
    served = store.transact(lambda tx: Attesters(signers.peers).wallet(tx, "wal_1"))
    assert served.address == "0x" + "66" * 20
