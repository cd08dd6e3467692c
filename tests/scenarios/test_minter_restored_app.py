"""App's database comes back from before some wallets were made: Keeper remembers, and the gap is used up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepcool.core.parties import Service
from tests.fixtures.installation import COIN, WAIT_S, count, eventually
from tests.fixtures.minterhouse import CREATORS, MNT, SPARES, MinterHouse

pytestmark = pytest.mark.live
_MAKING = "SELECT count(*) FROM creator_transaction WHERE stage = 'signed'"
_CANCELLING = "SELECT count(*) FROM creator_transaction WHERE purpose = 'cancel' AND stage = 'signed'"
_CANCELS = "SELECT count(*) FROM creator_transaction WHERE purpose = 'cancel' AND stage = 'done'"


def test_nonces_that_only_keeper_knows_are_used_up(minter: MinterHouse, tmp_path: Path) -> None:
    """Keeper has signed creations that no block has; App's database is restored from before. Those nonces are
    used up, wallets go on, nobody's address is another's, and the books equal the chain."""
    kept, before = minter.wallet(), count(minter.data("app"), _CANCELS)
    with _restored(minter, tmp_path):
        assert minter.chain.control("/drop")["dropped"] >= CREATORS
    eventually(lambda: count(minter.data("app"), _CANCELS) >= before + CREATORS, "no gap is used up")
    _goes_on(minter)
    to = minter.outside()
    minter.paid_once(minter.client.withdraw(kept.id, MNT, COIN, to), to, COIN)


def test_a_lost_creation_that_gets_into_a_block_stops_nothing(minter: MinterHouse, tmp_path: Path) -> None:
    """The creations App has forgotten are in the mempool when it comes back, and win against what it puts
    there instead: wallets go on all the same."""
    with _restored(minter, tmp_path):
        pass
    _goes_on(minter)


def _goes_on(minter: MinterHouse) -> None:
    made = [minter.wallet(3) for _ in range(CREATORS + 2)]
    assert len({one.address for one in made}) == len(made)
    assert all(minter.chain.multisig(one.address)[0] == 2 for one in made)
    minter.until_spares_stand()
    minter.agrees(*made)


@contextmanager
def _restored(minter: MinterHouse, folder: Path) -> Iterator[None]:
    """App's database is as it was before every creator had signed another creation, which stands in the
    mempool; inside, App is away and no block comes."""
    minter.until_spares_stand()
    minter.stop("app")
    data = minter.data("app").parent
    shutil.copytree(data, folder / "data")
    with minter.stalled():
        with minter.edited(Service.APP, _more_spares):
            minter.start("app")
            eventually(lambda: count(minter.data("app"), _MAKING) == CREATORS, "the creators sign nothing")
            eventually(lambda: _waiting(minter) >= CREATORS, "the creations are not sent")
            minter.stop("app")
        shutil.rmtree(data)
        shutil.copytree(folder / "data", data)
        yield
        minter.start("app", ready=False)
        eventually(lambda: count(minter.data("app"), _CANCELLING) == CREATORS, "no gap is seen")
    minter.installation.wait_ready(WAIT_S)


def _more_spares(text: str) -> str:
    before, after = f"spares = {SPARES}", f"spares = {SPARES + CREATORS}"
    assert before in text
    return text.replace(before, after)


def _waiting(minter: MinterHouse) -> int:
    return int(minter.chain.call("GET", "/devnet")[1]["waiting"])
