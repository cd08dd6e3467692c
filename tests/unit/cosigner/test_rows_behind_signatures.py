"""Before a key is touched the row behind each signature is looked at again: there, its own, and committed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.errors import Conflict
from keepcool.cosigner.cases import Read, read_items
from keepcool.cosigner.evidence import NOTHING
from keepcool.cosigner.journal import Batch
from keepcool.cosigner.judge import Granted, judge
from keepcool.cosigner.people import Moment
from keepcool.cosigner.signing import Remembrance
from tests.unit.cosigner.people_house import POLICY, House, codes, pay, ready

OPEN = replace(POLICY, tiers=())


def remembered(house: House, nonce: int, sequence: int) -> Remembrance:
    """An approved item as `sign` holds it while it waits for its witness, said to be this row."""
    cosigner = house.signer.cosigner
    (read,) = read_items([pay(5, nonce)], cosigner.registry)
    assert isinstance(read, Read)
    ruling = judge(cosigner.case(read, NOTHING, house.book(), house.now_s), house.book())
    assert isinstance(ruling, Granted)
    return Remembrance(read, ruling.approval, sequence, free=False)


def test_a_signature_rests_on_its_own_committed_row(tmp_path: Path) -> None:
    """Another row's number, whether older or not yet written, is no ground; the true one is (the twin)."""

    async def story() -> None:
        house = await ready(tmp_path, policy=OPEN)
        cosigner = house.signer.cosigner
        first = remembered(house, 0, 1)
        with pytest.raises(Conflict, match=r"journal\.head_moved"):
            cosigner._refuse_changed([first])
        assert codes(await house.sign(pay(5, 0))) == ["signed"]
        own = house.signer.journal.committed.sequence
        cosigner._refuse_changed([replace(first, sequence=own)])
        assert codes(await house.sign(pay(5, 1))) == ["signed"]
        cosigner._refuse_changed([replace(first, sequence=own)])
        for other in (own - 1, own + 1, own + 2):
            with pytest.raises(Conflict, match=r"journal\.head_moved"):
                cosigner._refuse_changed([replace(first, sequence=other)])

    asyncio.run(story())


def test_what_is_staged_is_no_ground_yet(tmp_path: Path) -> None:
    """A row that another request has staged may still fail to commit: nothing is signed on it."""

    async def story() -> None:
        house = await ready(tmp_path, policy=OPEN)
        cosigner, journal = house.signer.cosigner, house.signer.journal
        one = remembered(house, 0, 0)

        def staged(batch: Batch) -> Remembrance:
            moment = Moment(batch, house.book(), house.now_s)
            case = cosigner.case(one.read, NOTHING, house.book(), house.now_s)
            return replace(one, sequence=cosigner._remember(one.read, case, NOTHING, moment))

        with journal.batch() as batch:
            held = staged(batch)
            with pytest.raises(Conflict, match=r"journal\.head_moved"):
                cosigner._refuse_changed([held])
        await batch.settled()
        cosigner._refuse_changed([held])

    asyncio.run(story())
