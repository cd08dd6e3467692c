"""What a running signer takes up anew from its host's files, and what it goes on without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.errors import Refused
from keepcool.core.parties import Peer
from keepcool.cosigner.reloading import Reloading
from keepcool.policy.document import parse_policy
from tests.unit.keeper.bitcoin_house import COOLER, KEEPER, House, policy, told
from tests.unit.keeper.test_orders_on_the_bus import governed


def document(version: int, **changes: object) -> bytes:
    return policy(KEEPER, **changes).replace(b"version = 1\n", f"version = {version}\n".encode(), 1)


def reloading(house: House, offered: bytes, peers: Sequence[Peer] | None = None) -> Reloading:
    pinned = dict(house.keeper.foundation.peers)
    return Reloading(
        signer=house.keeper,
        pinned=pinned,
        read_policy=lambda: (parse_policy(offered), offered),
        read_peers=lambda: tuple(pinned.values()) if peers is None else peers,
    )


def test_a_newer_policy_judges_from_then_on(tmp_path: Path) -> None:
    """The root key's next version is in force at once; the same one again changes nothing."""
    newer = document(2, fee_rate_max=500_000)

    async def story(house: House) -> None:
        assert (await reloading(house, newer).reload())["new_policy"] is True
        assert house.keeper.policy.version == 2
        rows = house.keeper.journal.committed
        assert (await reloading(house, newer).reload())["new_policy"] is False
        assert house.keeper.journal.committed == rows

    told(tmp_path, story)


@pytest.mark.parametrize("offered", [document(1, fee_rate_max=500_000), document(1, change_max=4)])
def test_a_policy_that_is_no_newer_is_refused(tmp_path: Path, offered: bytes) -> None:
    """Other content under the version in force: refused, and the one in force stays."""

    async def story(house: House) -> None:
        before = house.keeper.policy
        with pytest.raises(Refused, match=r"policy\.rolled_back"):
            await reloading(house, offered).reload()
        assert house.keeper.policy == before

    told(tmp_path, story)


def test_administrators_alone_bring_the_next_policy(tmp_path: Path) -> None:
    """Under a policy that names administrators a file is refused, whatever its version."""
    stands = governed(tmp_path)

    async def story(house: House) -> None:
        before = house.keeper.policy
        with pytest.raises(Refused, match=r"policy\.governed"):
            await reloading(house, document(99)).reload()
        assert house.keeper.policy == before

    told(tmp_path, story, stands)


def test_other_attestation_keys_wait_for_a_restart(tmp_path: Path) -> None:
    """Message keys are taken up; another attestation or journal key, or one peer less, is refused, and the
    policy beside it is not taken either."""

    async def story(house: House) -> None:
        peers = list(house.keeper.foundation.peers.values())
        cooler = next(one for one in peers if one.service is COOLER)
        others = [one for one in peers if one is not cooler]
        for bad in (replace(cooler, attestation_key=b"1" * 32), replace(cooler, journal_key=b"1" * 32)):
            with pytest.raises(Refused, match=r"reload\.peers"):
                await reloading(house, document(2), [*others, bad]).reload()
        with pytest.raises(Refused, match=r"reload\.peers"):
            await reloading(house, document(2), others).reload()
        assert house.keeper.policy.version == 1
        good = replace(cooler, next_signing_key=b"2" * 32, next_sealing_key=b"3" * 32)
        await reloading(house, document(2), [*others, good]).reload()
        assert house.keeper.policy.version == 2

    told(tmp_path, story)
