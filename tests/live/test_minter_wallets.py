"""Minter wallets from reservation to payout, both signers whole, on the simulator: what the chain takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.minternode.agreement import AgreeingNodes
from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.adapters.system.clock import SystemClock
from keepcool.chains.minter.data import CreateMultisig, Owners, Send
from keepcool.chains.minter.payouts import assemble, burn, pay
from keepcool.chains.minter.signature import SINGLE, MultiSignature, SingleSignature
from keepcool.chains.minter.transaction import SignedTransaction, Transaction, parse_signed
from keepcool.core.intent import Output
from keepcool.core.money import Amount
from keepcool.core.registry import Role, WalletRecord, parse_record
from keepcool.core.secret import Secret
from keepcool.hazmat import accounts, curve
from keepcool.local.minterchain import DevMinter
from keepcool.wire.messages import Attested, ProveItem, PurseItem, PurseSigned, Reserved, Signed
from tests.fixtures.minterchain import running_minter
from tests.unit.keeper.minter_house import (
    BIP,
    COIN,
    COOLER,
    CUSTOMER,
    HARBOR,
    KEEPER,
    NETWORK,
    TERMS,
    House,
    code,
    payment,
    told,
    wanted,
)

pytestmark = pytest.mark.live
Story = Callable[[House, DevMinter], Awaitable[None]]


@pytest.fixture(scope="module")
def chain() -> Iterator[DevMinter]:
    with running_minter() as simulator:
        yield simulator


def on(chain: DevMinter, folder: Path, story: Story, layout: str = "children") -> None:
    node = HttpMinterNode(NETWORK, chain.url, SystemClock())
    terms = replace(TERMS, layout="shared" if layout == "shared" else "children")

    async def whole(house: House) -> None:
        try:
            await story(house, chain)
        finally:
            await node.close()

    told(folder, whole, terms, nodes=AgreeingNodes([node], 1))


def sent(chain: DevMinter, raw: bytes) -> None:
    """In a block, and with success."""
    status, answer = chain.send(raw)
    assert status == 200, answer
    chain.mine()
    assert chain.ask(f"/transaction/{answer['hash']}")["code"] == "0"


async def made(house: House, chain: DevMinter, name: str, creator: int = 0, nonce: int = 1) -> Attested:
    """Reserved and in a block; given to an owner, and not attested yet."""
    account = (await house.creators())[creator]
    chain.fund(account, 1000 * BIP)
    (first,) = await house.reserve(wanted(name, account, nonce))
    assert isinstance(first, Reserved), first
    sent(chain, first.transaction)
    (second,) = await house.prove(ProveItem(wallet=name, owner=f"u-{name}"))
    assert isinstance(second, Attested), second
    return second


async def wallet(house: House, chain: DevMinter, name: str, creator: int = 0) -> WalletRecord:
    """Issued, and with coins."""
    (both,) = await house.attest(await made(house, chain, name, creator))
    assert isinstance(both, Attested), both
    (registered,) = await house.register(both)
    assert isinstance(registered, Attested), registered
    record = parse_record(both.record)
    chain.fund(record.address, 10 * BIP)
    return record


def payout(units: int = BIP, to: str = CUSTOMER) -> Transaction:
    return pay(network=NETWORK, nonce=1, outputs=[Output(to, Amount(COIN, units))])


def purse_item(purpose: str, tx: Transaction) -> PurseItem:
    return PurseItem(purpose=purpose, network=NETWORK, transaction=tx.preimage())


def test_a_wallet_is_issued_and_pays(chain: DevMinter, tmp_path: Path) -> None:
    """Made by its creator, proven from the chain, it pays with hot and cool; the chain takes it once."""

    async def story(house: House, chain: DevMinter) -> None:
        record = await wallet(house, chain, "w-1")
        draft, before = payout().preimage(), chain.balance(CUSTOMER)
        item = payment(record, draft, CUSTOMER, BIP)
        signatures = {}
        for signer, role in ((KEEPER, Role.HOT), (COOLER, Role.COOL)):
            (said,) = await house.sign(signer, item)
            assert isinstance(said, Signed), said
            signatures[record.key(role).public_key] = said.signatures[0]
        raw = assemble(draft, record.address, signatures)
        sent(chain, raw)
        assert chain.balance(CUSTOMER) == before + BIP
        assert chain.send(raw)[0] != 200

    on(chain, tmp_path, story)


def test_before_its_block_a_wallet_is_not_proven(chain: DevMinter, tmp_path: Path) -> None:
    """In the node's pool a create proves nothing; in a block it does."""

    async def story(house: House, chain: DevMinter) -> None:
        account = (await house.creators())[0]
        chain.fund(account, 1000 * BIP)
        (first,) = await house.reserve(wanted("w-1", account, 1))
        assert isinstance(first, Reserved)
        (second,) = await house.prove(ProveItem(wallet="w-1", owner="u-1"))
        assert isinstance(second, Attested)
        assert chain.send(first.transaction)[0] == 200
        assert code((await house.attest(second))[0]) == "wallet.unproven"
        chain.mine()
        assert code((await house.attest(second))[0]) == "Attested"

    on(chain, tmp_path, story)


def test_a_create_without_money_succeeds_later_or_is_used_up(chain: DevMinter, tmp_path: Path) -> None:
    """A creator that cannot pay makes nothing and keeps its nonce; money spread by the first lets the same
    create succeed, and a cancellation in its place makes it void for ever."""

    async def story(house: House, chain: DevMinter) -> None:
        first, second, third = await house.creators()
        late, never = await house.reserve(wanted("late", second, 1), wanted("never", third, 1))
        assert isinstance(late, Reserved)
        assert isinstance(never, Reserved)
        assert chain.send(late.transaction)[0] == 400
        chain.fund(first, 5000 * BIP)
        spread = Transaction(1, 2, 1, 0, Send(0, second, 1000 * BIP), signature_type=SINGLE)
        (paid,) = await house.purse(purse_item("spread", spread))
        assert isinstance(paid, PurseSigned), paid
        sent(chain, paid.transaction)
        sent(chain, late.transaction)
        chain.fund(third, 1000 * BIP)
        nothing = replace(burn(wallet=third, network=NETWORK, nonce=1), signature_type=SINGLE)
        (burnt,) = await house.purse(purse_item("cancel", nothing))
        assert isinstance(burnt, PurseSigned), burnt
        sent(chain, burnt.transaction)
        assert chain.send(never.transaction)[0] == 400
        proven = await house.prove(*(ProveItem(wallet=one, owner="u") for one in ("late", "never")))
        records = [one for one in proven if isinstance(one, Attested)]
        assert [code(one) for one in await house.attest(*records)] == ["Attested", "wallet.unproven"]

    on(chain, tmp_path, story)


def test_a_strangers_multisig_is_no_wallet(chain: DevMinter, tmp_path: Path) -> None:
    """A creator's key in a thief's hands makes others' multisig at the reserved address: Cooler sees it."""

    async def story(house: House, chain: DevMinter) -> None:
        account = (await house.creators())[0]
        chain.fund(account, 1000 * BIP)
        (mine,) = await house.reserve(wanted("w-1", account, 1))
        assert isinstance(mine, Reserved)
        (stolen,) = await house.keeper.keyring.open([house.pool.creator(NETWORK, account).bound], "drill")
        others = CreateMultisig(Owners(1, (1,), (CUSTOMER,)))
        tx = replace(parse_signed(mine.transaction).transaction, data=others)
        sent(chain, SignedTransaction(tx, SingleSignature(signature(stolen, tx))).encoded())
        (second,) = await house.prove(ProveItem(wallet="w-1", owner="u-1"))
        assert isinstance(second, Attested)
        assert code((await house.attest(second))[0]) == "multisig.owners"

    on(chain, tmp_path, story)


def signature(secret: Secret, tx: Transaction) -> bytes:
    """What whoever holds this key could sign anywhere."""
    with secret.opened() as key:
        compact, recovery = curve.sign_digest(key, tx.digest())
    return compact + bytes([27 + recovery])


def paper_key(house: House, record: WalletRecord, role: Role, layout: str) -> Secret:
    """Cool's or cold's key of this wallet, from the papers."""
    paper = house.cool if role is Role.COOL else house.cold
    if layout == "shared":
        return paper.leaf
    number = house.pins.wallet_number("minter", record.key(Role.COOL), record.key(Role.COLD))
    assert number is not None
    public = bytes.fromhex(record.key(role).public_key)
    return accounts.children(paper.account.secret, [((0, number), public)])[0]


@pytest.mark.parametrize("layout", ["children", "shared"], ids=["children", "twin"])
def test_an_evacuation_of_one_wallet_moves_no_other(chain: DevMinter, tmp_path: Path, layout: str) -> None:
    """Cool and cold empty wallet A. Anyone may send the same signatures as wallet B's: the chain refuses them
    where wallets have keys of their own, and empties B where they share them."""

    async def story(house: House, chain: DevMinter) -> None:
        a, b = [await wallet(house, chain, f"w-{layout}-{n}", creator=n) for n in range(2)]
        tx = payout(9 * BIP, HARBOR)
        signed = {
            a.key(role).public_key: signature(paper_key(house, a, role, layout), tx)
            for role in (Role.COOL, Role.COLD)
        }
        raw = assemble(tx.preimage(), a.address, signed)
        replayed = MultiSignature(b.address, parse_signed(raw).signed.signatures)
        sent(chain, raw)
        status, answer = chain.send(SignedTransaction(tx, replayed).encoded())
        if layout == "shared":
            assert status == 200
            chain.mine()
            assert chain.balance(b.address) < BIP
        else:
            assert (status, answer["error"]["code"]) == (400, "609")
            assert chain.balance(b.address) == 10 * BIP

    on(chain, tmp_path, story, layout)
