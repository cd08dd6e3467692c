"""Attestation keys follow one another in both signers by the root key's word, and by nobody else's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.ids import WalletId
from keepcool.core.registry import WalletRecord, attested_bytes
from keepcool.core.succession import KeyTerm, Succession, signed_bytes
from keepcool.cosigner.renewing import Renewing
from keepcool.cosigner.service import Signer
from keepcool.cosigner.successions import Succeeding
from keepcool.ports.signer_store import Change, RecordRow
from keepcool.wire.messages import Attested, Failure, WalletsAnswer
from keepcool.wire.renewing import RenewWallets
from keepcool.wire.successions import SignedSuccession
from tests.unit.keeper.bitcoin_house import COOLER, KEEPER, NOW_S, Ground, House, told

ROOT, NEW, THIEF = (SigningKey(bytes([number] * 32)) for number in (71, 72, 73))
INSTALLATION = bytes(ROOT.verify_key)


def ground(folder: Path) -> Ground:
    return replace(Ground.new(folder), installation=INSTALLATION.hex())


def succeeding(signer: Signer) -> Succeeding:
    return Succeeding(
        journal=signer.journal,
        memory=signer.successions,
        installation=signer.foundation.installation,
        now_s=signer.ordering.now_s,
    )


def listed(
    old: bytes, until_s: int, number: int = 2, root: SigningKey = ROOT, new: SigningKey = NEW
) -> bytes:
    terms = (KeyTerm(old, until_s), KeyTerm(bytes(new.verify_key)))
    statement = Succession(INSTALLATION, KEEPER, number, terms).encoded()
    return SignedSuccession(statement, root.sign(signed_bytes(statement)).signature).encoded()


def keeper_key(ground_: Ground) -> bytes:
    return ground_.peer(KEEPER).attestation_key or b""


def test_an_ended_key_closes_its_records_and_a_planned_one_does_not(tmp_path: Path) -> None:
    """The list with a later end leaves the wallet proven; the one that ends the key now closes it; after a
    restart both still hold."""
    stands = ground(tmp_path)

    async def ends(house: House) -> None:
        await house.wallet("w1")
        await succeeding(house.cooler).succeed(listed(keeper_key(stands), NOW_S + 10**6))
        assert house.cooler.registry.wallet(WalletId("w1")).is_proven
        await succeeding(house.cooler).succeed(listed(keeper_key(stands), 1, number=3))
        assert not house.cooler.registry.wallet(WalletId("w1")).is_proven
        assert house.keeper.registry.wallet(WalletId("w1")).is_proven  # the twin: nobody told Keeper

    async def restarted(house: House) -> None:
        assert not house.cooler.registry.wallet(WalletId("w1")).is_proven
        with pytest.raises(Conflict, match=r"succession\.old"):
            await succeeding(house.cooler).succeed(listed(keeper_key(stands), NOW_S + 10**6))

    told(tmp_path, ends, stands)
    told(tmp_path, restarted, stands)


@pytest.mark.parametrize("case", ["thief's root", "not the pinned signer", "no root key"])
def test_nobody_else_names_an_attestation_key(tmp_path: Path, case: str) -> None:
    """Signed by a thief, without the pinned key, or where no root key is known: refused, and the journal
    has no new row."""
    stands = ground(tmp_path) if case != "no root key" else Ground.new(tmp_path)
    old = b"\x05" * 32 if case == "not the pinned signer" else keeper_key(stands)
    forged = listed(old, 1, root=ROOT if "not" in case else THIEF, new=THIEF)

    async def story(house: House) -> None:
        await house.wallet("w1")
        before = house.cooler.journal.committed
        with pytest.raises((Malformed, Refused)):
            await succeeding(house.cooler).succeed(forged)
        assert house.cooler.journal.committed == before
        assert house.cooler.registry.wallet(WalletId("w1")).is_proven

    told(tmp_path, story, stands)


async def renewed(house: House, *records: Attested) -> list[Attested | Failure]:
    """By Keeper, asked for by App."""
    renewing = Renewing.of(house.keeper, COOLER)
    await house.keeper.foundation.exchange.serve("wallets.renew.v1", renewing.renew)
    answer = await house.ask(KEEPER, "wallets.renew.v1", RenewWallets(records=list(records)))
    assert isinstance(answer, WalletsAnswer)
    return answer.items


def test_a_record_is_attested_anew_byte_for_byte(tmp_path: Path) -> None:
    """What stands in registry and journal gets Keeper's attestation anew, and Cooler's beside it."""
    stands = ground(tmp_path)

    async def story(house: House) -> None:
        record = await house.wallet("w1")
        cooler = stands.identities[COOLER].attest(attested_bytes(record.encoded()))
        (made,) = await renewed(house, Attested(record=record.encoded(), attestations={"cooler": cooler}))
        assert isinstance(made, Attested)
        own = stands.identities[KEEPER].attest(attested_bytes(record.encoded()))
        assert made.attestations == {"keeper": own, "cooler": cooler}

    told(tmp_path, story, stands)


def forged_record(record: WalletRecord) -> WalletRecord:
    return replace(record, wallet=WalletId("w2"), owner="thief")


def test_a_thief_with_the_stolen_key_gets_nothing_new_attested(tmp_path: Path) -> None:
    """He holds both old attestation keys, and has even written his record into Keeper's registry: its journal
    knows no attesting of it, so it is not attested anew. What is not there at all neither."""
    stands = ground(tmp_path)

    async def story(house: House) -> None:
        record = await house.wallet("w1")
        forged = forged_record(record)
        message = attested_bytes(forged.encoded())
        signed = {one: stands.identities[one].attest(message) for one in (KEEPER, COOLER)}
        (absent,) = await renewed(house, Attested(record=forged.encoded(), attestations={}))
        row = RecordRow(forged.wallet, 1, forged.encoded(), signed)
        await house.keeper.foundation.store.commit(Change(records=(row,)))
        (planted,) = await renewed(house, Attested(record=forged.encoded(), attestations={}))
        other = replace(record, owner="thief")
        (swapped,) = await renewed(house, Attested(record=other.encoded(), attestations={}))
        codes = [one.problem.code for one in (absent, planted, swapped) if isinstance(one, Failure)]
        assert codes == ["wallet.unknown", "wallet.unattested", "wallet.unknown"]

    told(tmp_path, story, stands)


def test_an_ended_key_of_the_other_signer_is_not_taken_in(tmp_path: Path) -> None:
    """Cooler is shown Keeper's attestation by a key that the list has ended: refused; by the key in use it is
    taken in, and the wallet is proven again."""
    stands = ground(tmp_path)

    async def story(house: House) -> None:
        record = await house.wallet("w1")
        await succeeding(house.cooler).succeed(listed(keeper_key(stands), 1))
        renewing = Renewing.of(house.cooler, KEEPER)
        await house.cooler.foundation.exchange.serve("wallets.renew.v1", renewing.renew)
        message = attested_bytes(record.encoded())
        by = {"old": stands.identities[KEEPER].attest(message), "new": NEW.sign(message).signature}
        for name, good in (("old", False), ("new", True)):
            asked = Attested(record=record.encoded(), attestations={"keeper": by[name]})
            answer = await house.ask(COOLER, "wallets.renew.v1", RenewWallets(records=[asked]))
            assert isinstance(answer, WalletsAnswer)
            assert isinstance(answer.items[0], Attested) is good
            assert house.cooler.registry.wallet(WalletId("w1")).is_proven is good

    told(tmp_path, story, stands)
