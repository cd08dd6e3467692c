"""At start the journal has the last word on the policy: a file on disk is an offer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.signer import open_store
from keepcool.core.errors import Breach, Refused
from keepcool.cosigner.entries import POLICY, PolicyRow
from keepcool.cosigner.journal import Journal
from keepcool.cosigner.policies import PoliciesSeen
from keepcool.policy.document import parse_policy
from tests.unit.cosigner.order_office import DELAY_S, FIRST, NAMES, Office, document, opened

SECOND, WIDER = document(11), document(12, quorum=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keeper.sqlite"


async def second_in_force(file: Path) -> Office:
    office = await opened(file)
    await office.submit(office.proposal(SECOND), *NAMES[:2], document=SECOND)
    office.later(DELAY_S)
    await office.ordering.settle()
    office.store.close()
    return office


@pytest.mark.parametrize("given", [WIDER, document(10, quorum=1), document(9)])
def test_a_file_that_nobody_ordered_keeps_the_signer_from_starting(file: Path, given: bytes) -> None:
    """Newer, of the same version or older: refused with what to do, and the journal has no new entry."""

    async def story() -> None:
        office = await second_in_force(file)
        with pytest.raises(Refused, match=r"policy\.governed.*keepcool admin order policy"):
            await opened(file, given, office.watch)
        again = await opened(file, SECOND, office.watch)
        assert again.policy.version == 11
        assert again.journal.committed.sequence == 4  # policy, order, its end, policy
        again.store.close()

    asyncio.run(story())


def test_twin_without_administrators_a_newer_file_is_enough(file: Path) -> None:
    """The same file under a policy that names nobody: taken into use at start."""

    async def story() -> None:
        (await opened(file, document(10, ()))).store.close()
        office = await opened(file, WIDER)
        assert office.policy.version == 12
        office.store.close()

    asyncio.run(story())


@pytest.mark.parametrize("given", [FIRST, SECOND])
def test_files_that_were_in_force_are_no_offer(file: Path, given: bytes) -> None:
    """The one before, or the one in force: the signer starts under the newest of the journal."""

    async def story() -> None:
        office = await second_in_force(file)
        again = await opened(file, given, office.watch)
        assert (again.policy.version, again.in_force.document) == (11, SECOND)
        assert again.journal.committed.sequence == 4
        again.store.close()

    asyncio.run(story())


def test_administrators_are_not_left_behind_by_a_file(file: Path) -> None:
    """An ordered policy may name nobody any more; from then on files count again, and only newer ones."""

    async def story() -> None:
        office = await opened(file)
        nobody = document(11, ())
        await office.submit(office.proposal(nobody), *NAMES[:2], document=nobody)
        office.later(DELAY_S)
        await office.ordering.settle()
        assert office.ordering.thaws_locally()
        office.store.close()
        with pytest.raises(Breach, match=r"policy\.rolled_back"):
            await opened(file, FIRST, office.watch)
        again = await opened(file, document(12), office.watch)
        assert again.policy.version == 12
        again.store.close()

    asyncio.run(story())


def test_a_journal_without_the_bytes_asks_for_the_file(file: Path) -> None:
    """Where only a hash was kept the file of that hash must be there."""

    async def story() -> None:
        store, seen = open_store(file), PoliciesSeen()
        journal = Journal.opened(store, [seen])
        first, second = parse_policy(FIRST), parse_policy(SECOND)
        for policy in (first, second):
            with journal.batch() as batch:
                row = PolicyRow(
                    at_s=1, kind=POLICY, policy=policy.hash, policy_version=policy.version, governed=True
                )
                batch.add(row)
            await batch.settled()
        store.close()
        with pytest.raises(Refused, match=f"put the file with hash {second.hash} back"):
            await opened(file, FIRST)
        office = await opened(file, SECOND)
        assert office.in_force.document == SECOND
        assert replace(office.policy, version=11) == office.policy
        office.store.close()

    asyncio.run(story())
