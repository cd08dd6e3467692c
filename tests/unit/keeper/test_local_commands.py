"""What the host tells a running signer: durable when answered, and judged as on the bus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keepcool.adapters.sqlite.signer import open_store
from keepcool.core.approvals import Action, Order
from keepcool.core.errors import Breach, KeepcoolError, Malformed, Refused
from keepcool.core.secret import Secret
from keepcool.cosigner import control, hosting
from keepcool.cosigner.control import Verb
from keepcool.ports.signer_store import LOST
from keepcool.wire.messages import Signed
from tests.unit.cosigner.order_office import INSTALLATION, submitted
from tests.unit.keeper.bitcoin_house import KEEPER, House, payment, psbt, told


async def said(house: House, frame: Secret) -> dict[str, Any]:
    with frame, frame.opened() as raw:
        found = control.understood(await control.answer(control.deeds(house.keeper), raw))
    return dict(json.loads(found))


def test_a_freeze_is_on_disk_when_it_is_answered(tmp_path: Path) -> None:
    """All five levels; nothing is signed from then on; another reader of the file finds the row."""

    async def story(house: House) -> None:
        record = await house.wallet("w")
        item = payment(record, psbt(record, house.coins(record, 1)))
        (before,) = await house.sign(KEEPER, item)
        assert isinstance(before, Signed)
        found = await said(house, control.freeze_frame("all", "", "drill"))
        assert found["frozen"] == ["everything is frozen by local command: drill"]
        assert house.keeper.journal.committed.sequence == len(list(house.keeper.foundation.store.entries()))
        (after,) = await house.sign(KEEPER, item)
        assert not isinstance(after, Signed)
        for level, target in (("wallet", "w"), ("asset", "a:b"), ("harbor", "x"), ("shelf", "")):
            if level == "wallet":
                assert len((await said(house, control.freeze_frame(level, target, "")))["frozen"]) == 2
                continue
            with pytest.raises(Malformed):
                await said(house, control.freeze_frame(level, target, ""))

    told(tmp_path, story)
    store = open_store(tmp_path / "keeper.sqlite")
    levels = [one["body"].get("level") for one in hosting.page(store, 0)]
    assert [one for one in levels if one] == ["all", "wallet"]
    store.close()


def test_an_order_by_the_host_is_judged_as_on_the_bus(tmp_path: Path) -> None:
    """The host alone orders nothing: without administrators there is nobody to sign."""

    async def story(house: House) -> None:
        details = {"level": "all", "reason": "drill", "target": ""}
        order = Order("order-0001", INSTALLATION, Action.FREEZE, details, 2_000_000_000)
        body = msgspec.json.encode(submitted(order, "anna"))
        with pytest.raises(Refused, match=r"order\.installation"):
            await said(house, control.frame(Verb.ORDER, body))
        with pytest.raises(Malformed, match=r"control\.body"):
            await said(house, control.frame(Verb.ORDER, b"{}"))
        assert not house.keeper.freezes.count

    told(tmp_path, story)


def test_the_host_sees_how_the_signer_stands(tmp_path: Path) -> None:
    """Policy, freezes, orders, and the journal page by page; an unknown command is refused."""

    async def story(house: House) -> None:
        await said(house, control.freeze_frame("harbor", "", "move"))
        status = await said(house, control.frame(Verb.STATUS))
        assert (status["service"], status["governed"], status["orders"]) == ("keeper", False, [])
        assert status["policy"] == house.keeper.policy.hash
        assert status["frozen"] == ["everything but the way to the harbor is frozen by local command: move"]
        first = (await said(house, control.journal_frame(0)))["entries"]
        assert [one["body"]["kind"] for one in first] == ["policy", "freeze"]
        assert (await said(house, control.journal_frame(1)))["entries"] == first[1:]
        with pytest.raises(Malformed, match=r"control\.verb"):
            await said(house, Secret(bytearray(b"\x63")))

    told(tmp_path, story)


def test_a_disk_that_lost_what_it_confirmed_ends_the_signer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds out, the bus or the host; any other error does not."""

    async def story(house: House) -> None:
        async def fails(*_: object) -> None:
            raise raised[0]

        raised: list[KeepcoolError] = [Breach("journal.broken", "b")]
        monkeypatch.setattr(type(house.keeper.ordering), "freeze", fails)
        for code, ends in (("journal.broken", False), (LOST, True)):
            raised[0] = Breach(code, "b")
            with pytest.raises(Breach):
                await said(house, control.freeze_frame("all", "", ""))
            assert house.keeper.lost.is_set() is ends

    told(tmp_path, story)
