"""What a signer knows of a wallet comes from its own rows, and rows that were moved or altered show."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from keepcool.core.errors import Breach, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import Role, WalletRecord
from keepcool.core.secret import Secret
from keepcool.cosigner.attest import attest, attesters, verify_attestation
from keepcool.cosigner.freezes import freeze, thaw
from keepcool.cosigner.keyring import NO_REQUEST_KEYS, Keyring, RequestKeys
from keepcool.wire.messages import Declined, Failure, Signed, SignRequest, WitnessAnswer, WitnessRequest
from tests.unit.cosigner.house import Keys, Pair, Signer, item, register, wallet_record


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close_all()


async def ready(pair: Pair) -> Signer:
    keeper, _ = pair.open(Service.KEEPER), pair.open(Service.COOLER)
    await register(keeper, "w1", 5)
    await register(keeper, "w2", 6)
    return keeper


def alter(pair: Pair, statement: str) -> None:
    with sqlite3.connect(pair.folder / "keeper.db") as connection:
        connection.execute(statement)
    connection.close()


def test_attestations_verify_under_pinned_keys_alone() -> None:
    """A signature counts for the service whose pinned key made it, over exactly these bytes."""
    record = wallet_record("w1", 5)
    keeper, cooler = Keys(Service.KEEPER), Keys(Service.COOLER)
    pinned = {one.service: one.public("attestation") for one in (keeper, cooler)}
    signature = attest(keeper, record)
    verify_attestation(pinned[Service.KEEPER], record.encoded(), signature)
    for key, encoded, made in (
        (pinned[Service.COOLER], record.encoded(), signature),
        (pinned[Service.KEEPER], replace(record, address="other").encoded(), signature),
        (pinned[Service.KEEPER], record.encoded(), signature[:-1]),
        (b"", record.encoded(), signature),
    ):
        with pytest.raises(Malformed, match=r"attestation\.signature"):
            verify_attestation(key, encoded, made)
    claimed = {Service.KEEPER: signature, Service.COOLER: signature, Service.APP: signature}
    assert attesters({one: (key,) for one, key in pinned.items()}, record.encoded(), claimed) == frozenset(
        {Service.KEEPER}
    )


def test_a_record_without_both_attestations_signs_nothing(pair: Pair) -> None:
    """Removing one attestation from the signer's own registry closes the wallet, also when the record
    had been read before; with it back the same payment is signed."""

    async def story() -> None:
        keeper = await ready(pair)
        assert isinstance((await keeper.sign(item("w1", 0, {"bob": 1}))).items[0], Signed)
        alter(pair, "DELETE FROM attestation WHERE wallet = 'w1' AND service = 'cooler'")
        assert isinstance((await keeper.sign(item("w1", 1, {"bob": 1}))).items[0], Declined)
        await register(keeper, "w1", 5)
        assert isinstance((await keeper.sign(item("w1", 1, {"bob": 1}))).items[0], Signed)

    asyncio.run(story())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET record = CAST(replace(CAST(record AS TEXT), '\"u1\"', '\"u2\" ') AS BLOB)",
        "UPDATE record SET record = (SELECT record FROM record WHERE wallet = 'w2') WHERE wallet = 'w1'",
    ],
)
def test_an_altered_registry_row_is_a_breach_of_its_item(pair: Pair, statement: str) -> None:
    """A record that is not canonical, or belongs to another wallet, is told as a breach and not signed."""

    async def story() -> None:
        keeper = await ready(pair)
        alter(pair, statement)
        [refused] = (await keeper.sign(item("w1", 0, {"bob": 1}))).items
        assert isinstance(refused, Failure)
        assert (refused.problem.kind, refused.problem.code) == ("breach", "registry.altered")
        assert list(keeper.store.entries()) == []

    asyncio.run(story())


def test_an_altered_registry_row_spoils_its_items_alone(pair: Pair) -> None:
    """Rows are read together: the items of an altered wallet fail, its neighbour's in between is signed."""

    async def story() -> None:
        keeper = await ready(pair)
        alter(pair, "UPDATE record SET record = CAST('{}' AS BLOB) WHERE wallet = 'w1'")
        asked = [item("w1", 0, {"bob": 1}), item("w2", 0, {"bob": 1}), item("w1", 1, {"bob": 1})]
        before, neighbour, after = (await keeper.sign(*asked)).items
        assert isinstance(before, Failure)
        assert isinstance(neighbour, Signed)
        assert isinstance(after, Failure)
        assert before.problem.code == after.problem.code == "registry.altered"
        assert len(list(keeper.store.entries())) == 1

    asyncio.run(story())


def test_swapped_sealed_keys_do_not_open(pair: Pair) -> None:
    """Two rows whose ciphertexts were exchanged open neither wallet."""

    async def story() -> None:
        keeper = await ready(pair)
        alter(
            pair,
            "UPDATE sealed_key SET sealed = (SELECT other.sealed FROM sealed_key AS other"
            " WHERE other.wallet = 'w2') WHERE wallet = 'w1'",
        )
        with pytest.raises(Breach, match=r"keystore\.binding"):
            await keeper.sign(item("w1", 0, {"bob": 1}))

    asyncio.run(story())


def test_a_missing_key_is_refused_by_name(pair: Pair) -> None:
    """The row is remembered, nothing is signed, and the asker learns which key is missing."""

    async def story() -> None:
        keeper = await ready(pair)
        alter(pair, "DELETE FROM sealed_key WHERE wallet = 'w1'")
        with pytest.raises(Refused, match=r"keys\.missing"):
            await keeper.sign(item("w1", 0, {"bob": 1}))

    asyncio.run(story())


@dataclass
class Watched:
    """A keyring that keeps what it hands out, to look at it afterwards."""

    ring: Keyring
    handed_out: list[Secret] = field(default_factory=list)

    @property
    def role(self) -> Role:
        return self.ring.role

    async def unseal(
        self, records: Sequence[WalletRecord], reference: str, keys: RequestKeys = NO_REQUEST_KEYS
    ) -> list[Secret]:
        self.handed_out += await self.ring.unseal(records, reference, keys)
        return self.handed_out


@pytest.mark.parametrize("right_key", [True, False])
def test_opened_keys_are_wiped(pair: Pair, right_key: bool) -> None:
    """After the signatures are made, or refused because the key is a wrong one, no key is left open."""

    async def story() -> None:
        keeper = await ready(pair)
        if not right_key:
            wrong = replace(wallet_record("w1", 7), revision=2)
            await register(keeper, "w1", 7, wrong)  # the record says key 7, the sealed key is still 5
        watched = Watched(keeper.cosigner.keyring)
        desk = replace(keeper.cosigner, keyring=watched)
        request = SignRequest(items=[item("w1", 0, {"bob": 1}), item("w1", 1, {"bob": 1})])
        if right_key:
            await desk.sign(request, keeper.new_envelope())
        else:
            with pytest.raises(Breach, match=r"hazmat\.wrong_key"):
                await desk.sign(request, keeper.new_envelope())
        first, second = watched.handed_out
        assert first is second
        with pytest.raises(ValueError, match="wiped"), first.opened():
            pass

    asyncio.run(story())


def test_a_freeze_that_comes_while_the_peer_is_asked_holds_the_signature(pair: Pair) -> None:
    """Between commit and signature a freeze still wins; thawed, the remembered bytes are signed."""

    async def story() -> None:
        keeper = await ready(pair)
        place = {"level": "wallet", "target": "w1", "reason": "stop"}
        ask = keeper.witness._ask
        await keeper.witness.start()

        async def slow(request: WitnessRequest) -> WitnessAnswer:
            if request.head.sequence == 1:
                asked = keeper.new_envelope()
                await freeze(keeper.journal, keeper.freezes, **place, asked=asked, clock_ms=0)
            return await ask(request)

        keeper.witness._ask = slow
        with pytest.raises(Refused, match=r"freeze\.frozen"):
            await keeper.sign(item("w1", 0, {"bob": 1}))
        await thaw(keeper.journal, keeper.freezes, **place, by="operator", clock_ms=0)
        [signed] = (await keeper.sign(item("w1", 0, {"bob": 1}))).items
        assert isinstance(signed, Signed)
        assert signed.sequence == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    ("level", "target", "code"),
    [
        ("galaxy", "", r"freeze\.level"),
        ("all", "w1", r"freeze\.target"),
        ("wallet", "", r"id\.form"),
        ("network", "nowhere", r"id\.form"),
    ],
)
def test_refuses_a_freeze_of_nothing_it_knows(pair: Pair, level: str, target: str, code: str) -> None:
    """A freeze names one wallet, one network, or all; anything else is malformed and not journalled."""

    async def story() -> None:
        keeper = await ready(pair)
        with pytest.raises(Malformed, match=code):
            await freeze(
                keeper.journal,
                keeper.freezes,
                level=level,
                target=target,
                reason="",
                asked=keeper.new_envelope(),
                clock_ms=0,
            )
        with pytest.raises(Malformed, match=r"freeze\.not_frozen"):
            await thaw(keeper.journal, keeper.freezes, level="all", target="", reason="", by="me", clock_ms=0)
        assert list(keeper.store.entries()) == []

    asyncio.run(story())
