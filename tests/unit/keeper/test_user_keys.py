"""User keys of Bitcoin wallets: in the record from the first day, changed later, and never a pool's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from keepcool.core import approvals
from keepcool.core.registry import parse_record
from keepcool.cosigner.attest import attest
from keepcool.wire import proofs
from keepcool.wire.messages import Attested, RekeyItem, RekeyWallets, WalletsAnswer
from tests.fixtures.softkey import SoftEd25519, user_passkey
from tests.unit.keeper.bitcoin_house import COOLER, KEEPER, POOL, House, code, told, wanted

OWNER, NEW = SoftEd25519("owner"), user_passkey("new")


def test_a_wallets_user_key_is_part_of_what_both_attest(tmp_path: Path) -> None:
    """A key of either kind stands in the record; what is none is refused; asked for again it is the same, and
    with another key it is another wallet's."""

    async def story(house: House) -> None:
        mine = msgspec.structs.replace(wanted("w-1"), user_key=OWNER.text)
        first, second = await house.create(mine, msgspec.structs.replace(wanted("w-2"), user_key=NEW.text))
        assert isinstance(first, Attested)
        assert isinstance(second, Attested)
        assert parse_record(first.record).user_key == OWNER.text
        assert await house.create(mine) == [first]
        (both,) = await house.attest(first)
        assert isinstance(both, Attested)
        bent = [msgspec.structs.replace(wanted("w-1"), user_key=one) for one in ("", NEW.text)]
        assert [code(one) for one in await house.create(*bent)] == ["wallet.other"] * 2
        forms = ["k", "ed25519:" + "0" * 63, "passkey:" + "05" * 33]
        wrong = [msgspec.structs.replace(wanted("w-3"), user_key=one) for one in forms]
        assert [code(one) for one in await house.create(*wrong)] == ["person.key"] * 3

    told(tmp_path, story)


def test_a_pool_has_no_user_key(tmp_path: Path) -> None:
    """Keeper makes no such pool, and of a Keeper that does Cooler attests none."""

    async def story(house: House) -> None:
        keyed = msgspec.structs.replace(wanted("p-1", POOL), user_key=OWNER.text)
        assert [code(one) for one in await house.create(keyed)] == ["wallet.user_key"]
        (made,) = await house.create(wanted("p-1", POOL))
        assert isinstance(made, Attested)
        for key, said in ((OWNER.text, "wallet.user_key"), ("k", "person.key")):
            forged = replace(parse_record(made.record), user_key=key)
            signature = attest(house.keeper.foundation.identity, forged)
            stated = Attested(record=forged.encoded(), attestations={KEEPER.value: signature})
            assert [code(one) for one in await house.attest(stated)] == [said]
        (both,) = await house.attest(made)
        assert isinstance(both, Attested)

    told(tmp_path, story)


def test_an_owner_changes_the_key_of_his_bitcoin_wallet(tmp_path: Path) -> None:
    """By the old key's consent, at Keeper, then at Cooler; as a first revision it is not attested again."""

    async def story(house: House) -> None:
        (made,) = await house.create(msgspec.structs.replace(wanted("w-1"), user_key=OWNER.text))
        assert isinstance(made, Attested)
        (both,) = await house.attest(made)
        assert isinstance(both, Attested)
        (whole,) = await house.register(both)
        record = parse_record(both.record)
        statement = approvals.rekey_statement(record.wallet, record.hash(), NEW.text)
        proof = proofs.encode(OWNER.proof(approvals.rekey_challenge(statement)))
        item = RekeyItem(wallet="w-1", key=NEW.text, proof=proof)
        answer = await house.ask(KEEPER, "wallets.rekey.v1", RekeyWallets(items=[item]))
        assert isinstance(answer, WalletsAnswer)
        [next_one] = answer.items
        assert isinstance(next_one, Attested), next_one
        follow = msgspec.structs.replace(item, attestations=next_one.attestations)
        answer = await house.ask(COOLER, "wallets.rekey.v1", RekeyWallets(items=[follow]))
        assert isinstance(answer, WalletsAnswer)
        [last] = answer.items
        assert isinstance(last, Attested), last
        assert [code(one) for one in await house.register(last)] == ["Attested"]
        assert parse_record(last.record) == replace(
            record, revision=2, previous=record.hash(), user_key=NEW.text
        )
        assert house.keeper.registry.wallet(record.wallet).is_proven
        assert [code(one) for one in await house.register(both)] == ["wallet.unknown"]
        assert [code(one) for one in await house.attest(made)] == ["wallet.other"]
        assert await house.attest(last) == [last]
        assert whole == both

    told(tmp_path, story)
