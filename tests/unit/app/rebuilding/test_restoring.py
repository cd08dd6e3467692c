"""Books out of two registries: all that both signers stand for, once, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Stage
from keepcool.app.coins.tables import address
from keepcool.app.events import log
from keepcool.app.events.log import Event
from keepcool.app.pools import rows as pools
from keepcool.app.pools.tables import pool as pool_table
from keepcool.app.wallets import Attesters
from keepcool.core.errors import Malformed
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import Standing
from tests.fixtures.bitcoinrecords import OWN, bitcoin_record
from tests.unit.app.rebuilding.house import BOTH, KnowingSigners, LostApp

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("both_engines")]


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[LostApp]:
    app = LostApp(tmp_path)
    yield app
    app.close()


def wallets(lost: LostApp) -> list[str]:
    return [one.asked.id for one in lost.store.transact(lambda tx: registry.list_wallets(tx, limit=100))]


def rows(lost: LostApp) -> tuple[int, ...]:
    tables = (registry.wallet, people.user_, pool_table, address)
    return lost.store.transact(
        lambda tx: tuple(
            int(tx.execute(select(func.count()).select_from(one)).scalar_one()) for one in tables
        )
    )


def test_users_wallets_pools_and_addresses_come_back_once(lost: LostApp) -> None:
    """More than a page and a lot of wallets of three users, a pool and further addresses: all are there,
    served with both attestations; whoever waits hears of it, and asking again adds nothing."""
    for number in range(7):
        lost.signers.keep(bitcoin_record(f"w{number}", profile=OWN, number=number, owner=f"u{number % 3}"))
    lost.signers.change(Service.KEEPER, "w2", issued=4)
    pool = lost.signers.keep(bitcoin_record("pool", owner="house"), 1_203)
    told = lost.restore()
    assert (told.found, told.wallets, told.users, told.pools, told.addresses) == (8, 8, 4, 1, 1_203 + 4)
    assert (told.begun, told.refused) == ([], [])
    assert lost.heard == ["8 wallets compared, 7 of them added"]
    before = rows(lost)
    assert before == (8, 4, 1, 7 + 4 + 1 + 1_203)
    again = lost.restore()
    assert (again.found, again.wallets, again.users, again.addresses, rows(lost)) == (8, 0, 0, 0, before)

    shown = lost.store.transact(lambda tx: lost.attesters.wallet(tx, "w2"))
    assert (shown.stored.stage, shown.stored.asked.user) == (Stage.REGISTERED, "u2")
    given = lost.store.transact(lambda tx: pools.addresses_of(tx, shown.id, limit=10))
    assert [one.index for one in given] == [1, 2, 3, 4]
    lost.store.transact(lambda tx: lost.attesters.address(tx, shown, given[3]))
    assert lost.store.transact(lambda tx: pools.in_stock(tx, pool.wallet)) == 0
    assert lost.frozen()


def test_what_only_keeper_attested_was_shown_to_nobody(lost: LostApp) -> None:
    """A wallet begun, and one reserved, are named and not restored; one whose registration at Keeper was
    interrupted is restored and finished later."""
    begun = lost.signers.keep(bitcoin_record("begun", profile=OWN, number=1), at=[Service.KEEPER])
    keeper = {"keeper": lost.signers.sign(Service.KEEPER, begun.encoded())}
    lost.signers.change(Service.KEEPER, "begun", attestations=keeper)
    reserved = replace(bitcoin_record("spare", profile=OWN, number=2), standing=Standing.RESERVED)
    lost.signers.keep(reserved)
    late = lost.signers.keep(bitcoin_record("late", profile=OWN, number=3))
    lost.signers.change(
        Service.KEEPER, "late", attestations={"keeper": lost.signers.sign(Service.KEEPER, late.encoded())}
    )
    told = lost.restore()
    assert (told.begun, wallets(lost)) == (["begun", "spare"], ["late"])
    stored = lost.store.transact(lambda tx: registry.get_wallet(tx, "late"))
    assert stored.stage is Stage.ATTESTED


def test_a_registry_that_one_signer_lost_is_made_up_by_the_others(lost: LostApp) -> None:
    """Both attestations lie in either copy, so one copy is enough."""
    lost.signers.keep(bitcoin_record("w1", profile=OWN, number=1), at=[Service.COOLER])
    lost.signers.keep(bitcoin_record("w2", profile=OWN, number=2), at=[Service.KEEPER])
    assert (lost.restore().refused, wallets(lost)) == ([], ["w1", "w2"])


def _unsigned(signers: KnowingSigners) -> None:
    record = signers.kept[Service.KEEPER]["w1"].record
    forged = {"keeper": signers.sign(Service.KEEPER, record), "cooler": bytes(64)}
    signers.change(Service.KEEPER, "w1", attestations=forged)


def _of_another(signers: KnowingSigners) -> None:
    signers.change(Service.COOLER, "w1", attestations=signers.kept[Service.COOLER]["w2"].attestations)


def _of_a_stranger(signers: KnowingSigners) -> None:
    known = signers.kept[Service.KEEPER]["w1"]
    signers.change(Service.KEEPER, "w1", attestations={**known.attestations, "desk": bytes(64)})


def _differing(signers: KnowingSigners) -> None:
    signers.keep(bitcoin_record("w1", profile=OWN, number=1, owner="mallory"), at=[Service.COOLER])


def _not_derived(signers: KnowingSigners) -> None:
    honest, other = bitcoin_record("w1", profile=OWN, number=1), bitcoin_record("w9", profile=OWN, number=9)
    signers.keep(replace(honest, address=other.address))


ATTACKS: Mapping[str, tuple[Callable[[KnowingSigners], None], str]] = {
    "unsigned": (_unsigned, "wallet.unattested"),
    "of another": (_of_another, "wallet.unattested"),
    "of a stranger": (_of_a_stranger, "restore.attester"),
    "differing": (_differing, "restore.differ"),
    "not derived": (_not_derived, "wallet.address_differs"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_record_that_both_do_not_stand_for_is_refused_alone(lost: LostApp, attack: str) -> None:
    """Its wallet is not restored and is told with the reason; the wallet beside it is."""
    for number in (1, 2):
        lost.signers.keep(bitcoin_record(f"w{number}", profile=OWN, number=number))
    tamper, code = ATTACKS[attack]
    tamper(lost.signers)
    told = lost.restore()
    assert [(one.wallet, one.code) for one in told.refused] == [("w1", code)]
    assert wallets(lost) == ["w2"]


def test_what_is_added_together_is_told_as_if_alone(lost: LostApp) -> None:
    """A lot with a wallet whose address is another's already: that one is refused, the rest is added, each
    wallet told by an event of its own, in their order."""
    twin = bitcoin_record("w3", profile=OWN, number=3)
    for number in (1, 2, 3, 5):
        lost.signers.keep(bitcoin_record(f"w{number}", profile=OWN, number=number, owner=f"u{number % 2}"))
    lost.signers.keep(replace(twin, wallet=WalletId("w4"), owner="mallory"))
    told = lost.restore()
    assert [(one.wallet, one.code) for one in told.refused] == [("w4", "coins.address_taken")]
    assert (told.wallets, told.users, wallets(lost)) == (4, 2, ["w1", "w2", "w3", "w5"])
    ready = [one for one in news(lost) if one.type == "wallet.ready"]
    assert [(one.subject.wallet, one.subject.user) for one in ready] == [
        ("w1", "u1"),
        ("w2", "u0"),
        ("w3", "u1"),
        ("w5", "u1"),
    ]
    again = lost.restore()
    assert (again.wallets, len(again.refused), [one for one in news(lost) if one.type == "wallet.ready"]) == (
        0,
        1,
        ready,
    )


def news(lost: LostApp) -> list[Event]:
    return lost.store.transact(lambda tx: log.list_after(tx, 0, limit=100))


class Trusting(Attesters):
    """The control switched off."""

    def verify(self, record: bytes, attestations: Mapping[str, bytes], by: Sequence[Service]) -> None: ...


def test_unverified_the_forged_record_would_be_restored(lost: LostApp) -> None:
    """The twin: with the pinned keys asked nothing, a wallet that nobody attested is somebody's."""
    lost.signers.keep(bitcoin_record("w1", profile=OWN, number=1))
    forged = {one.value: bytes(64) for one in BOTH}
    for service in BOTH:
        lost.signers.change(service, "w1", attestations=forged)
    assert (lost.restore().wallets, wallets(lost)) == (0, [])
    lost.attesters = Trusting(lost.signers.peers)
    assert (lost.restore().wallets, wallets(lost)) == (1, ["w1"])


def test_books_that_say_otherwise_stay_as_they_are(lost: LostApp) -> None:
    """A wallet the books have with another record is refused, and not a row of it is changed."""
    lost.signers.keep(bitcoin_record("w1", profile=OWN, number=1))
    lost.restore()
    before = lost.store.transact(lambda tx: registry.get_wallet(tx, "w1"))
    lost.signers.keep(bitcoin_record("w1", profile=OWN, number=1, owner="mallory"))
    told = lost.restore()
    assert [one.code for one in told.refused] == ["restore.books_differ"]
    assert lost.store.transact(lambda tx: registry.get_wallet(tx, "w1")) == before


def test_a_registry_out_of_order_is_no_registry(lost: LostApp) -> None:
    """A signer that lists wallets backwards could go on for ever: the restore ends with an error."""
    for number in range(3):
        lost.signers.keep(bitcoin_record(f"w{number}", profile=OWN, number=number))
    lost.signers.backwards = True
    with pytest.raises(Malformed, match=r"restore\.order"):
        lost.restore()


def test_a_frozen_signer_attests_no_addresses_and_they_are_watched_all_the_same(lost: LostApp) -> None:
    """What comes in at addresses that were handed out is seen, whether or not signers attest them today."""
    lost.signers.keep(bitcoin_record("pool", owner="house"), 30)
    lost.signers.frozen = True
    told = lost.restore()
    assert (told.addresses, told.watched, rows(lost)[3]) == (0, 30, 31)
    lost.signers.frozen = False
    assert (lost.restore().addresses, rows(lost)[3]) == (30, 31)
