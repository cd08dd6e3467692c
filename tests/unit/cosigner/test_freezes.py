"""Whoever may freeze may freeze a lot: what is told of it stays short, the widest freeze first."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.core.errors import Malformed
from keepcool.core.journal import EMPTY, Head
from keepcool.core.parties import Service
from keepcool.cosigner import entries, freezes
from keepcool.cosigner.entries import FREEZE, Entry, FreezeRow
from keepcool.cosigner.freezes import SHOWN_MAX, Freezes
from keepcool.wire import envelope, requests
from keepcool.wire.messages import FreezeAnswer
from keepcool.wire.messages import Head as Stated
from tests.unit.app.books.loopback import make_identity
from tests.unit.cosigner.order_office import Office
from tests.unit.cosigner.order_office import told as at_the_office

INVENTED = 4000
HEAD = Stated(service="keeper", sequence=0, hash=bytes(32), signature=bytes(64))


def frozen(*places: tuple[str, str]) -> Freezes:
    memory = Freezes()
    for number, (level, target) in enumerate(places, 1):
        row = FreezeRow(at_s=1, kind=FREEZE, level=level, target=target, reason="r" * 200, by="app")
        memory.learn(Entry(Head(number, bytes(32)), EMPTY.hash, FREEZE, 1, entries.encode(row)))
    return memory


def answered(memory: Freezes) -> bytes:
    keeper, app = make_identity(Service.KEEPER, attests=True), make_identity(Service.APP, attests=False)
    body = FreezeAnswer(frozen=memory.all(), head=HEAD)
    return envelope.make(keeper, app.peer(), "freeze.v1.answer", body, now_ms=1, entropy=zeros, re="00")


def zeros(size_bytes: int) -> bytes:
    return bytes(size_bytes)


def many() -> Freezes:
    return frozen(*(("wallet", f"{number:064}") for number in range(INVENTED)), ("all", ""))


def test_thousands_of_freezes_do_not_silence_a_signer() -> None:
    """Freezes of invented wallets, however many, leave an answer that fits; the freeze of all comes first,
    all of them hold and are counted."""
    memory = many()
    assert len(answered(memory)) < requests.ANSWER_BYTES_MAX
    assert memory.all()[0].startswith("everything is frozen")
    assert (len(memory.all()), memory.count) == (SHOWN_MAX + 1, INVENTED + 1)
    assert memory.holds("wallet", f"{INVENTED - 1:064}")


def test_without_the_bound_no_answer_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twin: told in full, the answer is longer than any may be, and status and freeze are never answered
    again."""
    monkeypatch.setattr(freezes, "SHOWN_MAX", 2 * INVENTED)
    with pytest.raises(Malformed, match=r"wire\.oversized"):
        answered(many())


def test_one_by_one_nobody_freezes_more_than_people_can_thaw(tmp_path: Path) -> None:
    """A sender who freezes invented wallets one by one freezes everything after a hundred, and writes nothing
    more: one order to thaw that, and a bounded number for the rest."""

    async def story(office: Office) -> None:
        for number in range(freezes.NARROW_MAX + 20):
            await office.frozen("wallet", f"invented-{number}")
        assert office.freezes.count == freezes.NARROW_MAX + 1
        assert office.freezes.holds("all", "")
        rows = office.journal.committed.sequence
        await office.frozen("network", "eip155:7")
        assert office.journal.committed.sequence == rows
        await office.frozen("harbor")
        assert office.freezes.harbor_only

    at_the_office(tmp_path / "keeper.sqlite", story)


def test_twin_without_that_bound_each_needs_an_order_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twin: the journal grows with each invented wallet, and as many orders would have to thaw them."""
    monkeypatch.setattr(freezes, "NARROW_MAX", 10**6)

    async def story(office: Office) -> None:
        for number in range(120):
            await office.frozen("wallet", f"invented-{number}")
        assert office.freezes.count == 120
        assert not office.freezes.holds("all", "")

    at_the_office(tmp_path / "keeper.sqlite", story)
