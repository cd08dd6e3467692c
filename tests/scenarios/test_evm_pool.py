"""Users of an EVM chain in one pool: forwarders of their own, swept together, paid out of one treasury, its
surplus in the harbor."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.chains.evm.forwarders import FACTORY, Flush, Item, forwarder_address
from keepcool.cli import main
from keepcool.client.api import Wallet
from keepcool.client.models import PoolAnswer
from keepcool.core.parties import Service
from keepcool.local import plan
from keepcool.local.plan import EvmPlan
from keepcool.local.policies import signature
from keepcool.local.tomltext import rendered
from tests.fixtures.chain import NETWORK, address_number
from tests.fixtures.installation import COIN, House, eventually, whole_house
from tests.fixtures.lostbooks import alarms, connect_anew, lose_books, told
from tests.scenarios.test_ledger_meets_chain import reconciled

pytestmark = pytest.mark.live
HARBOR = address_number(9_999)
CAP = 20  # coins or tokens in one transaction


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    failed_before = request.session.testsfailed
    with whole_house(lambda: request.session.testsfailed > failed_before, changed=pooled) as made:
        name_harbor(made)
        yield made


@pytest.fixture(scope="module")
def pool(house: House) -> PoolAnswer:
    return house.client.pools.make(NETWORK, "treasury")


def pooled(network: EvmPlan) -> EvmPlan:
    assets = plan.with_caps(plan.with_caps(network.assets, f"ETH={CAP},1000,1000"), f"USDX={CAP},1000,1000")
    return replace(network, pool=True, sweep_wait_s=2, assets=assets)


def name_harbor(house: House) -> None:
    """In the next policies of both signers."""
    seed = bytes.fromhex(house.places.root_key.read_text(encoding="ascii"))
    for signer in (Service.KEEPER, Service.COOLER):
        file = house.places.service(signer) / "policy.toml"
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        tables["version"] += 1
        tables["networks"][NETWORK]["harbor"] = HARBOR
        document = rendered(tables).encode()
        file.write_bytes(document)
        file.with_name(f"{file.name}.sig").write_bytes(signature(seed, document))
    house.restart("keeper", "cooler")


def user(house: House, coins: int = 0, tokens: int = 0, pool: str | None = None) -> Wallet:
    """A new user in the pool, with deposits credited."""
    made = house.client.make_wallet(house.client.make_user().id, NETWORK, kind="pooled", pool=pool)
    if coins:
        house.chain.fund(made.address, coins * COIN)
    if tokens:
        house.chain.fund_token(house.token, made.address, tokens * COIN)
    house.until_available(made, house.eth, coins * COIN)
    house.until_available(made, house.usd, tokens * COIN)
    return made


def until_balanced(house: House, pool: PoolAnswer) -> PoolAnswer:
    """What the pool's books say lies on chain does, as the chain has it."""
    shown: list[PoolAnswer] = []

    def balanced() -> bool:
        shown.append(house.client.pools.show(pool.wallet.id))
        return shown[-1].booked == shown[-1].on_chain

    eventually(balanced, "the pool's books are not what lies on chain")
    return shown[-1]


def test_deposits_are_swept_and_paid_out_of_the_treasury(house: House, pool: PoolAnswer) -> None:
    """Coins and tokens of two users reach the treasury by themselves and stay theirs; a transfer is a ledger
    entry; withdrawals are paid by the treasury; nothing is left over or missing."""
    treasury = treasury_of(pool)
    alice, bob = user(house, 3, 100), user(house, 2)
    assert alice.address == forwarder_address(treasury, index_of(alice))
    assert len({alice.address, bob.address, treasury}) == 3
    eventually(
        lambda: (
            house.chain.balance(treasury) == 5 * COIN
            and house.chain.balance(treasury, house.token) == 100 * COIN
        ),
        "the deposits were not swept",
    )
    assert house.chain.balance(alice.address) == 0
    house.until_available(alice, house.eth, 3 * COIN)
    moved = house.client.transfer(alice.id, bob.id, house.usd, 40 * COIN)
    assert (moved.state, moved.transaction) == ("confirmed", None)
    to = [house.outside() for _ in range(3)]
    asked = [
        house.client.withdraw(alice.id, house.eth, COIN, to[0]),
        house.client.withdraw(bob.id, house.eth, COIN, to[1]),
        house.client.withdraw(bob.id, house.usd, 10 * COIN, to[2]),
    ]
    for one in asked:
        house.confirmed(one)
    assert [house.chain.balance(to[0]), house.chain.balance(to[1])] == [COIN, COIN]
    assert house.chain.balance(to[2], house.token) == 10 * COIN
    house.until_available(alice, house.eth, 2 * COIN)
    house.until_available(bob, house.usd, 30 * COIN)
    stands = until_balanced(house, pool)
    assert (int(stands.users), int(stands.on_chain)) == (3 * COIN, 3 * COIN)
    assert house.client.read.books_balanced()


def test_a_wallet_has_as_many_addresses_as_it_wants(house: House, pool: PoolAnswer) -> None:
    """What comes in at a further address is the same wallet's; App is restarted meanwhile, and hands out no
    address twice."""
    dave = user(house)
    first = house.client.more_addresses(dave.id, 2)
    house.restart("app")
    second = house.client.more_addresses(dave.id, 1)
    given = [dave.address, *first, *second]
    assert len(set(given)) == 4
    for address in given:
        house.chain.fund(address, COIN)
    house.until_available(dave, house.eth, 4 * COIN)
    eventually(lambda: not any(map(house.chain.balance, given)), "the deposits were not swept")
    to = house.outside()
    house.confirmed(house.client.withdraw(dave.id, house.eth, 3 * COIN, to))
    assert house.chain.balance(to) == 3 * COIN
    until_balanced(house, pool)


def test_ledger_and_chain_are_one(house: House, pool: PoolAnswer) -> None:
    """`keepcool app reconcile` finds the pool whole: treasury and forwarders together."""
    erin = user(house, 1, 5)
    code, report = reconciled(house)
    assert code == 0, report["differences"]
    assert erin.id not in str(report["differences"])


def test_a_strangers_sweep_changes_nothing_in_the_books(house: House, pool: PoolAnswer) -> None:
    """Whoever sweeps before App does costs nobody anything: the deposit is credited once."""
    carol = house.client.make_wallet(house.client.make_user().id, NETWORK, kind="pooled")
    house.chain.fund(carol.address, COIN)
    flush = Flush(treasury_of(pool), (Item(index_of(carol)),))
    house.chain.send(FACTORY.address, data=flush.encoded(), sender=house.chain.accounts()[5])
    assert house.chain.balance(carol.address) == 0
    house.until_available(carol, house.eth, COIN)
    until_balanced(house, pool)


def test_surplus_goes_to_the_harbor_beyond_every_cap(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """Coins and tokens above their high marks are swept to the harbor of the signers' policies but for the
    target, more than a withdrawal's cap; what is asked for is paid beside it; users have what they had, the
    exposed share falls, and ledger and chain agree to the unit."""
    made = house.client.pools.make(NETWORK, "surplus").wallet.id
    owner = user(house, 4 * CAP, 5 * CAP, made)
    asked = house.client.withdraw(owner.id, house.eth, COIN, to := house.outside())
    marks = {"low": str(COIN), "target": str(2 * COIN), "high": str(CAP * COIN), "harbor": HARBOR}
    house.client.pools.mark(made, marks)
    operator = ("--client", str(house.places.operator / "operator.toml"))
    typed = [word for name, text in marks.items() for word in (f"--{name}", text)]
    assert main.main(["pool", "marks", made, "--asset", "USDX", *typed, *operator]) == 0
    assert f"token              {house.usd}" in capsys.readouterr().out
    house.confirmed(asked)
    swept = (4 * CAP - 3) * COIN, (5 * CAP - 2) * COIN
    eventually(
        lambda: (house.chain.balance(HARBOR), house.chain.balance(HARBOR, house.token)) == swept,
        "the surplus is not in the harbor",
    )

    def held() -> list[tuple[int, int, int, str | None]]:
        shown = house.client.pools.show(made)
        some = [shown, *shown.tokens]
        return [(int(one.cold), int(one.booked), int(one.on_chain), one.marks.harbor) for one in some]

    left = [(units, 2 * COIN, 2 * COIN, HARBOR) for units in swept]
    eventually(lambda: held() == left, "the books do not say what lies where")
    shown = house.client.pools.show(made)
    assert (int(shown.users), shown.own, shown.fees) == ((4 * CAP - 1) * COIN, "0", "0")
    assert all(one.exposed_thousandths < 500 for one in (shown, *shown.tokens))
    assert house.chain.balance(to) == COIN
    assert house.available(owner, house.eth) == (4 * CAP - 1) * COIN
    code, report = reconciled(house)
    assert (code, report["differences"]) == (0, [])
    assert house.client.read.books_balanced()


def test_a_harbor_of_apps_own_gets_nothing(house: House) -> None:
    """Twin of the sweep: an App that names another harbor is refused by a signer, and nothing leaves."""
    made = house.client.pools.make(NETWORK, "stolen").wallet.id
    theirs = house.outside()
    house.client.pools.mark(made, {"high": "2", "low": "0", "target": "1", "harbor": theirs})
    user(house, 2 * CAP, pool=made)

    def refused() -> bool:
        told = [one for one in house.client.read.withdrawals(made) if one.kind == "withdrawal"]
        return any("cap" in verdict.rule for one in told for verdict in one.verdicts)

    eventually(refused, "nobody has refused the sweep")
    eventually(lambda: int(house.client.pools.show(made).cold) == 0, "what was lent is not back")
    stands = until_balanced(house, house.client.pools.show(made))
    assert (int(stands.on_chain), house.chain.balance(theirs)) == (2 * CAP * COIN, 0)


def test_pools_come_back_from_the_signers_alone(house: House, pool: PoolAnswer, tmp_path: Path) -> None:
    """App's database is gone: its pools are there again with their treasuries and addresses, and hold to the
    unit what lies on chain; whose an address was is his again by the shop's word, what came to the others is
    the pool's own; nobody is given an address that somebody had, and payments go on. What comes to one of
    those later is brought to the treasury like any other."""
    shop = house.client.pools.make(NETWORK, "shop")
    frank, gina = user(house, 3, 30, shop.wallet.id), user(house, 1, pool=shop.wallet.id)
    treasuries = [pool.wallet.address, shop.wallet.address]
    eventually(lambda: house.chain.balance(treasury_of(shop)) == 4 * COIN, "the deposits were not swept")
    eventually(
        lambda: house.chain.balance(treasury_of(shop), house.token) == 30 * COIN, "the tokens were not swept"
    )
    levels = [until_balanced(house, one).on_chain for one in (pool, shop)]
    lose_books(house)

    given = tmp_path / "given"
    word = {"wallet": frank.id, "user": frank.told.user, "address": frank.address}
    given.write_text(json.dumps(word), encoding="utf-8")
    restored = told(house, "restore", "--from-signers", "--given", str(given))
    assert (restored["pools"], restored["given"], restored["refused"]) == (4, 1, [])
    done = told(house, "rescan", "--network", NETWORK, "--from-height", "0")
    assert (done["even"], done["ended"], done["differing"], done["open"]) == (True, True, [], [])

    house.start("app")
    connect_anew(house)
    shown = [house.client.pools.show(one.wallet.id) for one in (pool, shop)]
    assert [one.wallet.address for one in shown] == treasuries
    assert [(one.on_chain, one.booked) for one in shown] == [(one, one) for one in levels]
    assert shown[1].own == str(COIN)
    assert (house.available(frank, house.eth), house.available(frank, house.usd)) == (3 * COIN, 30 * COIN)
    house.chain.fund(gina.address, COIN)
    eventually(
        lambda: house.client.pools.show(shop.wallet.id).own == str(2 * COIN), "it is not the pool's own"
    )
    eventually(
        lambda: house.chain.balance(gina.address) == 0, "what came to an address of nobody stays there"
    )
    again = user(house, pool=shop.wallet.id)
    assert again.address not in (frank.address, gina.address)
    house.client.transfer(shop.wallet.id, again.id, house.eth, 2 * COIN)
    house.confirmed(house.client.withdraw(again.id, house.eth, 2 * COIN, to := house.outside()))
    assert house.chain.balance(to) == 2 * COIN
    assert alarms(house) <= {"books.restored", "payout.recalled", "deposit.to_nobody"}


def index_of(wallet: Wallet) -> int:
    assert wallet.told.proof is not None
    return wallet.told.proof.index


def treasury_of(pool: PoolAnswer) -> str:
    assert pool.wallet.address is not None
    return pool.wallet.address
