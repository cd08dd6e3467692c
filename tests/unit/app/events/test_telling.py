"""Each change of state is told once, whoever makes it; what changes nothing is not told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import Connection

from keepcool.app.books import ledger, registry
from keepcool.app.deposits import events as findings
from keepcool.app.deposits import records
from keepcool.app.deposits.bitcoin import outputs
from keepcool.app.deposits.records import IN_POOL, Claim, State
from keepcool.app.events import log
from keepcool.app.payouts import notes, store
from keepcool.app.payouts.store import Kind, NewWithdrawal
from keepcool.core import withdrawal as life
from keepcool.core import withdrawal_states as lives
from keepcool.core.effects import Slot
from keepcool.core.errors import Conflict
from keepcool.core.ids import AssetId, NetworkId, WalletId
from keepcool.core.parties import Service
from keepcool.core.withdrawal_states import Draft, Inclusion, Objection
from tests.unit.app.deposits.office import NATIVE, NETWORK, Office

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("both_engines")]

WALLET = WalletId("w1")
DRAFT = Draft(Slot(NETWORK, "0x1", 0), "d1")
BLOCK = Inclusion("0xaa", 7, "0xbb")
NO = tuple(Objection(by, "caps", "denied", f"{by.value} says no") for by in (Service.KEEPER, Service.COOLER))
STEPS: list[life.Event] = [
    life.DraftMade(DRAFT),
    life.Undrafted(),
    life.SignatureMade(Service.KEEPER),
    life.SignatureMade(Service.COOLER),
    life.Objected(NO, review=True),
    life.Objected(NO, review=False),
    life.Sent(),
    life.SendUnclear("silence"),
    life.Seen(BLOCK),
    life.Orphaned(),
    life.Finalized(),
    life.Abandoned(lives.Cancelled(), "cancelled"),
    life.SlotUsed(BLOCK),
    life.Overtaken(BLOCK),
    life.Paid(DRAFT, BLOCK),
    life.Undone(BLOCK),
    life.Froze("by phone"),
    life.Thawed(),
]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    made.issue(WALLET, "0x" + "11" * 20)
    yield made
    made.close()


def told(office: Office, after: int = 0) -> list[tuple[str, dict[str, Any]]]:
    rows = office.store.transact(lambda tx: log.list_after(tx, after, limit=500))
    return [(one.type, json.loads(one.data)) for one in rows]


def last(office: Office) -> int:
    return office.store.transact(log.last_cursor)


def order(tx: Connection, name: str) -> None:
    ledger.credit_deposit(tx, deposit=f"d-{name}", wallet=WALLET, asset=NATIVE, units=5, at_ms=1)
    store.insert(tx, NewWithdrawal(name, Kind.WITHDRAWAL, WALLET, NETWORK, NATIVE, 5, "0xto", 9), 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.lists(some.sampled_from(STEPS), max_size=12))
def test_a_withdrawals_steps_are_told_once_each(office: Office, steps: list[life.Event]) -> None:
    """Whatever is done to it: a step that changes its state is one event with that state, before and after;
    a step that is refused, or changes nothing, is none."""
    start, name = last(office), f"wd{last(office)}"
    office.store.transact(lambda tx: order(tx, name))
    wanted: list[tuple[str, str | None]] = [("requested", None)]
    for step in steps:

        def work(tx: Connection, step: life.Event = step) -> tuple[str, str] | None:
            before = store.get(tx, name).state
            after = store.step(tx, name, step, 2).state
            if before == after:
                return None
            thawed = isinstance(before, lives.Frozen) and before.was == after
            return "thawed" if thawed else lives.name_of(after), lives.name_of(before)

        try:
            done = office.store.transact(work)
        except Conflict:
            continue
        wanted += [done] if done is not None else []
    mine = [(typ, data) for typ, data in told(office, start) if data.get("withdrawal") == name]
    assert [(typ.partition(".")[2], data["before"]) for typ, data in mine] == wanted
    assert all(data["user"] == "owner" for _, data in mine)


def test_a_refusal_bears_both_signers_reasons(office: Office) -> None:
    """Rules and reasons, signer by signer."""
    office.store.transact(lambda tx: order(tx, "wd"))
    office.store.transact(lambda tx: store.step(tx, "wd", life.DraftMade(DRAFT), 2))
    office.store.transact(lambda tx: store.step(tx, "wd", life.Objected(NO, review=False), 3))
    typ, data = told(office)[-1]
    assert typ == "withdrawal.refused"
    assert [(one["signer"], one["reason"]) for one in data["verdicts"]] == [
        ("keeper", "keeper says no"),
        ("cooler", "cooler says no"),
    ]


def test_a_void_is_the_engines_own(office: Office) -> None:
    """It is shown to nobody and told to nobody."""
    office.store.transact(lambda tx: order(tx, "wd"))
    start = last(office)
    office.store.transact(lambda tx: store.request_void(tx, store.get(tx, "wd"), 1))
    assert told(office, start) == []


def test_a_wallet_is_ready_once(office: Office) -> None:
    """When both attestations are kept by both; registering it again is no news."""
    assert [typ for typ, _ in told(office)] == ["wallet.ready"]
    office.store.transact(lambda tx: registry.mark_registered(tx, [WALLET], 2))
    assert len(told(office)) == 1


def test_what_was_found_freezes_and_thaws_once(office: Office) -> None:
    """Recorded twice under one key it is one event; thawed twice it is one, too."""

    def found(tx: Connection, key: str, freezes: findings.Freezes) -> None:
        findings.record(
            tx, key=key, at_ms=1, network=NETWORK, code="x.y", text="odd", wallet=WALLET, freezes=freezes
        )

    start = last(office)
    for freezes in findings.Freezes:
        for _ in range(2):
            office.store.transact(partial(found, key=f"k{freezes}", freezes=freezes))
    for one in (office.events()[0], *office.events()):
        office.store.transact(partial(findings.thaw, number=one.number, at_ms=2))
    names = [typ for typ, _ in told(office, start)]
    assert names == [
        "alarm.raised",
        "wallet.frozen",
        "network.frozen",
        "alarm.seen",
        "wallet.thawed",
        "network.thawed",
    ]


def test_a_note_is_told_when_it_is_news(office: Office) -> None:
    """The same text again is none; a note about a withdrawal names its wallet and user."""
    office.store.transact(lambda tx: order(tx, "wd"))
    start = last(office)

    def note(tx: Connection, subject: str, text: str) -> None:
        notes.note(tx, at_ms=1, kind="payout.failed", network=NETWORK, subject=subject, text=text)

    for text in ("once", "once", "twice"):
        office.store.transact(partial(note, subject="wd", text=text))
    first, second = told(office, start)
    assert (first[0], first[1]["text"], second[1]["text"]) == ("payout.failed", "once", "twice")
    assert (first[1]["withdrawal"], first[1]["wallet"], first[1]["user"]) == ("wd", WALLET, "owner")


def claim(position: int, block: int, block_hash: str) -> Claim:
    network = NetworkId("bip122:00000000000000000000000000000000")
    asset = AssetId(f"{network}/slip44:2")
    return Claim(network, WALLET, asset, records.Kind.OUTPUT, None, "ab" * 32, position, block, block_hash, 5)


def test_outputs_are_told_from_the_pool_to_the_end(office: Office) -> None:
    """Pool, block, another block, pool again, gone, back: each once, however often it is seen."""
    start, network = last(office), claim(0, 1, "").network

    def seen(block: int, block_hash: str) -> None:
        claims = [claim(at, block, block_hash) for at in (0, 1)]
        office.store.transact(lambda tx: outputs.put(tx, claims, 1))

    for block, block_hash in ((IN_POOL, ""), (IN_POOL, ""), (7, "b7"), (7, "b7"), (IN_POOL, "")):
        seen(block, block_hash)
    office.store.transact(lambda tx: outputs.back_to_pool(tx, network, 6, 2))
    office.store.transact(lambda tx: outputs.back_to_pool(tx, network, 6, 2))
    for _ in range(2):
        office.store.transact(lambda tx: outputs.orphan(tx, network, ["ab" * 32], 3))
    seen(8, "b8")
    one = office.store.transact(lambda tx: records.get_deposit(tx, claim(0, 8, "b8").id()))
    office.store.transact(lambda tx: records.decide(tx, one, State.CREDITED, 4, confirmed=5, posted=True))
    mine = [(typ, data["block_number"]) for typ, data in told(office, start) if data["position"] == 0]
    assert mine == [
        ("deposit.mempool", None),
        ("deposit.pending", 7),
        ("deposit.mempool", None),
        ("deposit.orphaned", None),
        ("deposit.pending", 8),
        ("deposit.credited", 8),
    ]
