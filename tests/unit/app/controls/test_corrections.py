"""A correction takes two people, moves what it says, once, and overdraws nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keepcool.app.controls import corrections
from keepcool.app.controls.corrections import By, Correction, Guard, Proposal, State, refuse_alone
from keepcool.app.controls.tables import correction
from keepcool.app.events import log
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.ids import WalletId
from tests.unit.app.payouts.workshop import ETHER, NATIVE, Workshop

ANNA, BORIS = By("key_a", "books-anna", "Anna"), By("key_b", "books-boris", "Boris")
W1, W2 = WalletId("w1"), WalletId("w2")
NOW, LATER = 1_000, 1_000 + 3_600_000


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    for wallet in (W1, W2):
        made.issue(wallet)
        made.credit(wallet, 10 * ETHER)
    yield made
    made.close()


def wanted(**changes: Any) -> Proposal:
    usual = Proposal(
        id="cor_1",
        source=f"owed:{W1}",
        target=f"house:{W1}",
        asset=NATIVE,
        units=ETHER,
        reason="credited twice by hand",
        reference="TICKET-7",
        expires_at_ms=LATER,
    )
    return replace(usual, **changes)


def propose(shop: Workshop, one: Proposal | None = None, who: By = ANNA) -> Correction:
    return shop.store.transact(lambda tx: corrections.propose(tx, one or wanted(), who, NOW))


def approve(
    shop: Workshop, digest: str, who: By = BORIS, now_ms: int = NOW, guard: Guard = refuse_alone
) -> Correction:
    return shop.store.transact(lambda tx: corrections.approve(tx, "cor_1", digest, who, now_ms, guard=guard))


def stands(shop: Workshop) -> tuple[int, int]:
    return shop.balance(f"owed:{W1}"), shop.balance(f"house:{W1}")


def test_two_people_move_it_and_the_books_balance(shop: Workshop) -> None:
    """Nothing moves before the second; then both accounts have changed by the amount, and all is told."""
    made = propose(shop)
    assert stands(shop) == (10 * ETHER, 0)
    done = approve(shop, made.digest)
    assert (done.state, stands(shop)) == (State.APPLIED, (9 * ETHER, ETHER))
    assert (shop.is_balanced(), shop.balance(f"coins:{W1}")) == (True, 10 * ETHER)
    assert (done.proposed, done.decided) == (ANNA, BORIS)
    told = [one.type for one in shop.store.transact(lambda tx: log.list_after(tx, 0, limit=500))]
    assert [one for one in told if one.startswith("correction.")] == [
        "correction.proposed", "correction.applied",
    ]  # fmt: skip


def test_it_goes_back_the_same_way(shop: Workshop) -> None:
    """Amounts are balanced both ways: what the house took it can give back."""
    approve(shop, propose(shop).digest)
    back = wanted(id="cor_2", source=f"house:{W1}", target=f"owed:{W1}")
    digest = propose(shop, back).digest
    shop.store.transact(lambda tx: corrections.approve(tx, "cor_2", digest, BORIS, NOW))
    assert stands(shop) == (10 * ETHER, 0)


@pytest.mark.parametrize(
    "who",
    [
        ANNA,
        By("key_c", "other", "Anna"),
        By("key_c", "other", "  ANNA "),
        By("key_c", "other", "\uff21nna"),
        By("key_c", "books-anna", "Boris"),
        By("key_c", "Books Anna", "Boris"),
        By("key_a", "renamed", "Boris"),
    ],
)
def test_nobody_approves_what_he_proposed(shop: Workshop, who: By) -> None:
    """The attack: one key, one key's name, or one person on both sides, however it is written."""
    made = propose(shop)
    with pytest.raises(Refused) as caught:
        approve(shop, made.digest, who)
    assert caught.value.code == "correction.same_person"
    assert stands(shop) == (10 * ETHER, 0)


def test_without_the_guard_one_key_does_both(shop: Workshop) -> None:
    """The twin: with the guard off the same person takes it alone."""
    approve(shop, propose(shop).digest, ANNA, guard=lambda *_: None)
    assert stands(shop) == (9 * ETHER, ETHER)


@pytest.mark.parametrize(
    "changed",
    [{"units": 9 * ETHER}, {"target": f"dust:{W1}"}, {"reason": "another"}, {"asset": f"{NATIVE}1"}],
)
def test_what_changed_after_it_was_read_is_not_applied(shop: Workshop, changed: dict[str, Any]) -> None:
    """The attack: the row is edited between proposal and approval, with its digest or without."""
    made = propose(shop)
    shop.store.transact(lambda tx: tx.execute(correction.update().values(**changed)))
    with pytest.raises(Conflict) as caught:
        approve(shop, made.digest)
    assert caught.value.code == "correction.changed"
    other = replace(made.proposal, **changed).digest()
    shop.store.transact(lambda tx: tx.execute(correction.update().values(digest=other)))
    with pytest.raises(Conflict):
        approve(shop, made.digest)
    assert stands(shop) == (10 * ETHER, 0)


def test_without_the_digest_the_changed_amount_is_applied(shop: Workshop) -> None:
    """The twin: who approves by number alone books what the row says by then."""
    made = propose(shop)
    shop.store.transact(lambda tx: tx.execute(correction.update().values(units=9 * ETHER)))
    approve(shop, made.digest, guard=lambda *_: None)
    assert stands(shop) == (ETHER, 9 * ETHER)


def test_it_is_applied_once(shop: Workshop) -> None:
    """The attack: the approval is sent again, and the row set back to proposed."""
    made = propose(shop)
    approve(shop, made.digest)
    with pytest.raises(Conflict) as caught:
        approve(shop, made.digest)
    assert caught.value.code == "correction.decided"
    shop.store.transact(lambda tx: tx.execute(correction.update().values(state="proposed")))
    approve(shop, made.digest)  # the posting has its own key: nothing moves a second time
    assert stands(shop) == (9 * ETHER, ETHER)


def test_a_rejected_one_is_never_applied(shop: Workshop) -> None:
    """By anybody who may propose, with a reason."""
    made = propose(shop)
    done = shop.store.transact(lambda tx: corrections.reject(tx, "cor_1", ANNA, "a mistake", NOW))
    assert (done.state, done.decided_reason) == (State.REJECTED, "a mistake")
    with pytest.raises(Conflict):
        approve(shop, made.digest)
    assert stands(shop) == (10 * ETHER, 0)


def test_it_expires(shop: Workshop) -> None:
    """From its end on nobody applies it."""
    made = propose(shop)
    with pytest.raises(Conflict) as caught:
        approve(shop, made.digest, now_ms=LATER)
    assert caught.value.code == "correction.expired"
    approve(shop, made.digest, now_ms=LATER - 1)


def test_no_account_goes_below_zero(shop: Workshop) -> None:
    """Neither when it is proposed, nor when the owner has spent it since."""
    with pytest.raises(Conflict) as caught:
        propose(shop, wanted(units=10 * ETHER + 1))
    assert caught.value.code == "ledger.overdrawn"
    made = propose(shop, wanted(units=10 * ETHER))
    shop.order("wd1", W1, ETHER)
    with pytest.raises(Conflict) as late:
        approve(shop, made.digest)
    assert (late.value.code, stands(shop)) == ("ledger.overdrawn", (9 * ETHER, 0))
    assert shop.is_balanced()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target": f"house:{W2}"}, "correction.accounts"),
        ({"target": f"owed:{W2}"}, "correction.accounts"),
        ({"source": f"coins:{W1}"}, "correction.accounts"),
        ({"source": f"held:{W1}"}, "correction.accounts"),
        ({"target": "purse:eip155:31337"}, "correction.accounts"),
        ({"target": f"owed:{W1}"}, "correction.accounts"),
        ({"target": "house:"}, "correction.accounts"),
        ({"target": "house:w9"}, "wallet.not_found"),
        ({"units": 0}, "correction.accounts"),
        ({"asset": "eip155:1/slip44:60"}, "asset.unknown"),
        ({"reason": " "}, "control.reason"),
        ({"reference": ""}, "correction.reference"),
        ({"expires_at_ms": NOW}, "correction.lifetime"),
        ({"expires_at_ms": NOW + 8 * 86_400_000}, "correction.lifetime"),
    ],
)
def test_what_no_correction_may_be_is_refused(shop: Workshop, changes: dict[str, Any], code: str) -> None:
    """Coins on chain, what is held, purses and other people's wallets are nobody's to correct."""
    with pytest.raises(KeepcoolError) as caught:
        propose(shop, wanted(**changes))
    assert caught.value.code == code
    assert not shop.store.transact(lambda tx: corrections.listed(tx, limit=5))


def test_a_person_has_a_name() -> None:
    """Nobody signs as nobody."""
    from keepcool.app.keys import ApiKey

    with pytest.raises(Malformed):
        corrections.by(ApiKey("k", "n", frozenset(), 1, None), "  ")
