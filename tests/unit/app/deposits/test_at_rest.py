"""A follower that has read all and credited all asks the node alone, until the chain moves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fixtures.chain import address_number
from tests.unit.app.deposits.office import Office, catch_up
from tests.unit.app.deposits.paperchain import PaperChain, PaperNode, sends

A = address_number(1)


def test_at_the_same_tip_the_books_are_left_alone(tmp_path: Path) -> None:
    """Where the last step left nothing to do the next one says the same with the books closed; at the next
    block it needs them."""
    office, chain = Office(tmp_path), PaperChain()
    office.issue("a", A)
    chain.add(sends(A, 5))
    chain.mine(2)
    follower = office.follower([PaperNode(chain)])

    async def story() -> None:
        before = await catch_up(follower)
        office.close()
        assert await follower.step() == before
        chain.add()
        with pytest.raises(RuntimeError):
            await follower.step()

    asyncio.run(story())


def test_another_block_of_the_same_height_is_no_rest(tmp_path: Path) -> None:
    """A chain replaced by one of the same length is walked back and read anew, after any number of steps
    that found nothing."""
    office, chain = Office(tmp_path), PaperChain()
    wallet = office.issue("a", A)
    chain.add(sends(A, 5))
    chain.mine(2)

    async def story() -> None:
        follower = office.follower([PaperNode(chain)])
        await catch_up(follower)
        for _ in range(3):
            assert not (await follower.step()).busy
        assert office.owed(wallet) == 5
        chain.reorganise(1, sends(A, 7))
        chain.mine(1)
        await catch_up(follower)

    asyncio.run(story())
    assert office.owed(wallet) == 12
    office.close()


def test_a_finality_that_moves_alone_is_seen(tmp_path: Path) -> None:
    """The same tip with a later final block is credited up to it."""
    office, chain = Office(tmp_path, depth_blocks=None), PaperChain()
    wallet = office.issue("a", A)
    chain.add(sends(A, 5))
    chain.mine(2)

    async def story() -> None:
        node = PaperNode(chain, finalized_behind=3)
        follower = office.follower([node])
        await catch_up(follower)
        assert office.owed(wallet) == 0
        node.finalized_behind = 0
        await catch_up(follower)

    asyncio.run(story())
    assert office.owed(wallet) == 5
    office.close()
