"""The creators' own transactions: fee money spread among them, nonces used up, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from keepcool.chains.minter.data import CreateMultisig, EditMultisig, Multisend, Owners, Send
from keepcool.chains.minter.payouts import burn
from keepcool.chains.minter.signature import MULTI, SINGLE
from keepcool.chains.minter.transaction import Transaction, parse_signed
from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.cosigner import freezes
from keepcool.cosigner.journal import Asked
from keepcool.keeper.creator_memory import CreatorMemory
from keepcool.keeper.creators import Creators
from keepcool.wire.messages import Failure, PurseItem, PurseSigned, Reserved
from tests.unit.keeper.minter_house import (
    BIP,
    CUSTOMER,
    HARBOR,
    NETWORK,
    TERMS,
    House,
    code,
    objections,
    told,
    wanted,
)

BUDGET = 1000 * BIP
NARROW = replace(TERMS, fee_max_units=10 * BIP, gas_budget_day_units=BUDGET)


def spread(*sends: Send, nonce: int = 1, gas_price: int = 1, gas_coin: int = 0) -> Transaction:
    data = sends[0] if len(sends) == 1 else Multisend(sends)
    return Transaction(nonce, 2, gas_price, gas_coin, data, signature_type=SINGLE)


def cancel(account: str, nonce: int, gas_price: int = 1) -> Transaction:
    unsigned = burn(wallet=account, network=NETWORK, nonce=nonce, gas_price=gas_price)
    return replace(unsigned, signature_type=SINGLE)


def item(purpose: str, tx: Transaction) -> PurseItem:
    return PurseItem(purpose=purpose, network=NETWORK, transaction=tx.preimage())


def rows(house: House) -> int:
    return sum(b'"kind":"creator"' in row.body for row in house.keeper.foundation.store.entries())


def test_the_first_creator_spreads_fee_money_to_the_others(tmp_path: Path) -> None:
    """A multisend to its own pool is signed by the first creator, at its own nonce, and once."""

    async def story(house: House) -> None:
        first, second, third = await house.creators()
        tx = spread(Send(0, second, 5 * BIP), Send(0, third, 5 * BIP))
        (sent,) = await house.purse(item("spread", tx))
        assert isinstance(sent, PurseSigned), sent
        assert parse_signed(sent.transaction).sender() == first
        assert parse_signed(sent.transaction).transaction == tx
        assert await house.purse(item("spread", tx)) == [sent]
        assert [one.next_nonce for one in await house.status()] == [2, 1, 1]
        assert rows(house) == 1

    told(tmp_path, story)


def test_fee_money_goes_to_no_stranger(tmp_path: Path) -> None:
    """Whatever App writes into a spread besides the native coin to another creator is refused."""

    async def story(house: House) -> None:
        first, second, _ = await house.creators()
        refused = {
            "a customer": spread(Send(0, CUSTOMER, BIP)),
            "the harbor": spread(Send(0, HARBOR, BIP)),
            "a customer among creators": spread(Send(0, second, BIP), Send(0, CUSTOMER, 1)),
            "itself, with money": spread(Send(0, first, 1)),
            "another coin": spread(Send(7, second, BIP)),
        }
        for name, tx in refused.items():
            (said,) = await house.purse(item("spread", tx))
            assert objections(said) == {"purpose"}, name
        others = {
            "fee_rate": spread(Send(0, second, BIP), gas_price=11),
            "fee_asset": spread(Send(0, second, BIP), gas_coin=7),
            "nonce_order": spread(Send(0, second, BIP), nonce=2),
            "chain": replace(spread(Send(0, second, BIP)), chain_id=1),
            "form": replace(spread(Send(0, second, BIP)), payload=b"x"),
        }
        for rule, tx in others.items():
            (said,) = await house.purse(item("spread", tx))
            assert objections(said) == {rule}
        multi = replace(spread(Send(0, second, BIP)), signature_type=MULTI)
        (said,) = await house.purse(item("spread", multi))
        assert objections(said) == {"form"}
        assert rows(house) == 0

    told(tmp_path, story)


def test_a_day_has_a_budget(tmp_path: Path) -> None:
    """Coins spread and fees allowed stay below the day's budget, each; a slot counts once."""

    async def story(house: House) -> None:
        second = (await house.creators())[1]
        (sent,) = await house.purse(item("spread", spread(Send(0, second, BUDGET - 100))))
        assert code(sent) == "PurseSigned"
        (dearer,) = await house.purse(item("spread", spread(Send(0, second, BUDGET - 100), gas_price=2)))
        assert code(dearer) == "PurseSigned"
        (beyond,) = await house.purse(item("spread", spread(Send(0, second, 101), nonce=2)))
        assert objections(beyond) == {"purpose"}
        (fits,) = await house.purse(item("spread", spread(Send(0, second, 1), nonce=2)))
        assert code(fits) == "PurseSigned"
        more = [item("spread", spread(Send(0, second, 1), nonce=nonce)) for nonce in range(3, 101)]
        assert {code(one) for one in await house.purse(*more)} == {"PurseSigned"}
        (beyond,) = await house.purse(item("spread", spread(Send(0, second, 1), nonce=101)))
        assert objections(beyond) == {"gas_budget"}

    told(tmp_path, story, NARROW)


def test_a_create_that_cannot_succeed_is_cancelled(tmp_path: Path) -> None:
    """A nonce with a signed create may be used up by nothing, also while frozen; a free nonce may not."""

    async def story(house: House) -> None:
        creators = await house.creators()
        (early,) = await house.purse(item("cancel", cancel(creators[1], 1)))
        assert objections(early) == {"slot"}
        (made,) = await house.reserve(wanted("w-1", creators[1], 1))
        assert isinstance(made, Reserved)
        keeper, asked = house.keeper, Asked("e-1", 2**50, Service.WATCHTOWER)
        place = {"level": "network", "target": NETWORK, "reason": "drill"}
        await freezes.freeze(keeper.journal, keeper.freezes, **place, asked=asked, clock_ms=1)
        (burnt,) = await house.purse(item("cancel", cancel(creators[1], 1, gas_price=2)))
        assert isinstance(burnt, PurseSigned), burnt
        assert parse_signed(burnt.transaction).sender() == creators[1]
        (stranger,) = await house.purse(item("cancel", cancel(CUSTOMER, 1)))
        assert code(stranger) == "purse.purpose"

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("frozen", "said"), [(f"{NETWORK}/coin:0", "Declined"), (f"{NETWORK}/coin:9", "PurseSigned")]
)
def test_fee_money_of_a_frozen_coin_is_not_spread(tmp_path: Path, frozen: str, said: str) -> None:
    """A freeze of the coin that fees are paid in holds what moves it between creators, too; that of another
    coin does not."""

    async def story(house: House) -> None:
        second = (await house.creators())[1]
        keeper, asked = house.keeper, Asked("e-1", 2**50, Service.WATCHTOWER)
        place = {"level": "asset", "target": frozen, "reason": "drill"}
        await freezes.freeze(keeper.journal, keeper.freezes, **place, asked=asked, clock_ms=1)
        (answer,) = await house.purse(item("spread", spread(Send(0, second, 1), nonce=1)))
        assert code(answer) == said

    told(tmp_path, story)


def test_a_create_is_never_taken_from_the_bus(tmp_path: Path) -> None:
    """App's own create, an edit of owners and a purpose that is not the transaction's are refused."""

    async def story(house: House) -> None:
        creators = await house.creators()
        owners = Owners(0, (1, 1, 1), (CUSTOMER, HARBOR, creators[2]))
        create = Transaction(1, 2, 1, 0, CreateMultisig(owners), signature_type=SINGLE)
        edit = Transaction(1, 2, 1, 0, EditMultisig(owners), signature_type=SINGLE)
        named = spread(Send(0, creators[1], 1))
        said = await house.purse(item("create", create), item("spread", edit), item("cancel", named))
        assert [code(one) for one in said] == ["purse.create", "purse.call", "purse.purpose"]
        garbage = msgspec.structs.replace(item("spread", named), transaction=b"\xc0")
        (unread,) = await house.purse(garbage)
        assert isinstance(unread, Failure)
        assert unread.problem.kind == "malformed"
        assert rows(house) == 0

    told(tmp_path, story)


def test_the_pool_stays_the_same_when_it_is_opened_again(tmp_path: Path) -> None:
    """Creators keep their keys; more of them join, fewer use the first, and there is never none."""

    async def story(house: House) -> None:
        before = await house.creators()
        for count, expected in ((5, before), (3, before), (2, before[:2])):
            pool = await Creators.opened(house.keeper, CreatorMemory(), {NETWORK: count}.__getitem__)
            found = [one.address for one in pool.status()]
            assert (len(found), found[: len(expected)]) == (count, expected)
        for count in (0, 101):
            with pytest.raises(Refused):
                await Creators.opened(house.keeper, CreatorMemory(), {NETWORK: count}.__getitem__)

    told(tmp_path, story)
