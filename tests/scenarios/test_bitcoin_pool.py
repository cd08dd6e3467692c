"""The exchange's mode: many users' coins in one pool, paid together, swept to the harbor, locked at night."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import msgspec
import pytest
from nacl import bindings

from keepcool.chains.bitcoin.listing import listing_of
from keepcool.client.api import Client, Wallet
from keepcool.client.attested import parse_pins
from keepcool.client.models import PoolAnswer, Withdrawal
from keepcool.client.profile import ClientSettings
from keepcool.core.addresses import signed_bytes
from keepcool.core.errors import Breach
from keepcool.core.parties import Service
from keepcool.local import commands
from keepcool.local.bitcoinchain import COIN
from keepcool.local.plan import BitcoinPlan
from keepcool.wire.messages import (
    AddressesAnswer,
    AddressItem,
    AttestAddresses,
    Attested,
    AttestWallets,
    CreateWallets,
    Failure,
    NewWallet,
    RangeAttested,
    RegisterWallets,
    WalletsAnswer,
)
from tests.docs.pages import blocks
from tests.fixtures.bitcoinhouse import LTC, NETWORK, PLAN, BitcoinHouse, whole_bitcoin_house
from tests.fixtures.bitcoinrecords import bitcoin_record
from tests.fixtures.installation import WAIT_S, eventually
from tests.fixtures.red_app import RedApp, taken_over

pytestmark = pytest.mark.live
HARBOR = listing_of(bitcoin_record("harbor"), 0).addresses([0])[0]
PASSPHRASE = "correct horse battery staple"
BATCH_S, ASK_S = 3.0, 60.0


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[BitcoinHouse]:
    failed_before = request.session.testsfailed
    with whole_bitcoin_house(lambda: request.session.testsfailed > failed_before, exchange) as made:
        yield made


@pytest.fixture(scope="module")
def pool(house: BitcoinHouse) -> PoolAnswer:
    return house.client.pools.make(NETWORK, "main")


def exchange(network: BitcoinPlan) -> BitcoinPlan:
    return replace(network, pool=True, batch_s=BATCH_S, harbor=HARBOR)


def user(house: BitcoinHouse, sat: int = 0, pool: str | None = None) -> Wallet:
    """A new user's wallet in the pool, with a deposit credited."""
    made = house.client.make_wallet(house.client.make_user().id, NETWORK, pool=pool, kind="pooled")
    if sat:
        house.chain.pay(made.address, sat)
        house.until_available(made, LTC, sat)
    return made


def until_balanced(house: BitcoinHouse, pool: PoolAnswer) -> PoolAnswer:
    """What the pool's books say lies on chain does, as the node has it."""
    shown: list[PoolAnswer] = []

    def balanced() -> bool:
        shown.append(house.client.pools.show(pool.wallet.id))
        return shown[-1].booked == shown[-1].on_chain

    eventually(balanced, "the pool's books are not what lies on chain")
    return shown[-1]


def test_users_are_paid_together_and_the_books_say_what_the_chain_says(
    house: BitcoinHouse, pool: PoolAnswer
) -> None:
    """Two deposits, a transfer in the ledger, then five withdrawals of three users in one transaction: each
    arrives once, the fee is shared, and the users' balances are what lies in the pool."""
    alice, bob, carol = user(house, 3 * COIN), user(house, 2 * COIN), user(house)
    assert len({one.address for one in (alice, bob, carol, pool.wallet)}) == 4
    moved = house.client.transfer(alice.id, carol.id, LTC, COIN)
    assert (moved.state, moved.transaction, house.available(carol, LTC)) == ("confirmed", None, COIN)
    asked: dict[str, Withdrawal] = {}
    for payer, times in ((alice, 2), (bob, 2), (carol, 1)):
        for _ in range(times):
            to = house.outside()
            asked[to] = house.withdraw(payer, COIN // 4, to)
    paid = {to: house.confirmed(one) for to, one in asked.items()}
    assert len({one.transaction for one in paid.values()}) == 1
    assert {to: house.chain.balance(to) for to in paid} == dict.fromkeys(paid, COIN // 4)
    fees = sum(int(one.fee_paid or "0") for one in paid.values())
    stands = until_balanced(house, pool)
    assert int(stands.users) == 5 * COIN - 5 * COIN // 4 - fees
    assert int(stands.on_chain) == house.coins_of([alice])
    assert (stands.own, stands.exposed_thousandths) == ("0", 1000)


def test_addresses_without_limit(house: BitcoinHouse, pool: PoolAnswer) -> None:
    """More wallets than lie in stock, and a hundred further addresses of one: all different, all proven, and
    what comes in at the last of them is its owner's."""
    wallets = [user(house) for _ in range(40)]
    owner = wallets[-1]
    further = house.client.more_addresses(owner.id, 100)
    assert len({one.address for one in wallets} | set(further)) == len(wallets) + len(further)
    assert house.client.addresses(owner.id)[1:] == further
    house.chain.pay(further[-1], COIN)
    house.until_available(owner, LTC, COIN)
    own = house.client.make_wallet(owner.told.user, NETWORK, kind="segregated")
    (extra,) = house.client.more_addresses(own.id)
    house.chain.pay(extra, COIN)
    house.until_available(own, LTC, COIN)
    house.agrees(own)


def test_surplus_goes_to_the_harbor_beyond_every_cap(house: BitcoinHouse) -> None:
    """Above the high mark all but the target is swept to the harbor of the signers' policies, more than a
    withdrawal's cap; users have what they had, and the exposed share falls."""
    pool = house.client.pools.make(NETWORK, "surplus")
    before = house.chain.balance(HARBOR)
    owner = user(house, 40 * COIN, pool.wallet.id)
    marks = {"high": 20 * COIN, "low": 2 * COIN, "target": 10 * COIN}
    house.client.pools.mark(
        pool.wallet.id, {**{name: str(sat) for name, sat in marks.items()}, "harbor": HARBOR}
    )
    eventually(lambda: house.chain.balance(HARBOR) == before + 30 * COIN, "the surplus is not swept")
    eventually(lambda: int(house.client.pools.show(pool.wallet.id).cold) == 30 * COIN, "it is not booked")
    stands = until_balanced(house, pool)
    assert (int(stands.users), stands.own) == (40 * COIN, "0")
    assert int(stands.on_chain) == 10 * COIN - int(stands.fees)
    assert stands.exposed_thousandths < 500
    assert house.available(owner, LTC) == 40 * COIN
    assert house.client.read.books_balanced()


def test_a_harbor_of_apps_own_gets_nothing(house: BitcoinHouse) -> None:
    """Twin of the sweep: an App that names another harbor is refused by both signers, and nothing leaves."""
    pool = house.client.pools.make(NETWORK, "stolen")
    user(house, 1500 * COIN, pool.wallet.id)
    theirs = house.outside()
    house.client.pools.mark(pool.wallet.id, {"high": "2", "low": "0", "target": "1", "harbor": theirs})

    def refused() -> bool:
        told = [one for one in house.client.read.withdrawals(pool.wallet.id) if one.kind == "withdrawal"]
        return any("cap" in verdict.rule for one in told for verdict in one.verdicts)

    eventually(refused, "nobody has refused the sweep")
    eventually(lambda: house.client.pools.show(pool.wallet.id).cold == "0", "what was lent is not back")
    stands = until_balanced(house, pool)
    assert (int(stands.on_chain), house.chain.balance(theirs)) == (1500 * COIN, 0)


@contextmanager
def liar(app: str, mine: str, theirs: str) -> Iterator[str]:
    """What App says with one address put in the place of another, as a taken-over App would."""

    class Lying(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = httpx.get(app + self.path, headers={"Authorization": self.headers["Authorization"]})
            body = told.content.replace(mine.encode(), theirs.encode())
            self.send_response(told.status_code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Lying) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_an_app_that_swaps_an_address_fools_nobody_who_looks(house: BitcoinHouse, pool: PoolAnswer) -> None:
    """A taken-over App shows the thief's address, or another user's, in the place of one's own: the client
    refuses both the wallet and the list. Twin: who takes App's word pays the thief."""
    file = house.places.operator / "operator.toml"
    known = msgspec.toml.decode(file.read_bytes(), type=ClientSettings)
    key = (file.parent / known.api_key).read_text(encoding="ascii").strip()
    pins = parse_pins(known.pins.keeper, known.pins.cooler)
    mine, other = user(house), user(house)
    for theirs in (house.outside(), other.address):
        with liar(known.url, mine.address, theirs) as url, Client(url, key, pins) as client:
            for ask in (client.wallet, client.addresses):
                with pytest.raises(Breach, match=r"client\.other_address"):
                    ask(mine.id)
            assert client.wallet(other.id).address == other.address
            said = httpx.get(f"{url}/v1/wallets/{mine.id}", headers={"Authorization": f"Bearer {key}"})
            assert said.json()["address"] == theirs


def test_app_cannot_have_foreign_addresses_attested(house: BitcoinHouse, pool: PoolAnswer) -> None:
    """A taken-over App asks for addresses of a wallet no signer knows, and of one that Keeper made and Cooler
    never saw: both are refused. Twin: once both have attested it, the same question is answered."""
    house.stop("app")
    try:
        asyncio.run(_attack(house, pool.wallet.id))
    finally:
        house.start("app")


async def _attack(house: BitcoinHouse, pool: str) -> None:
    async with taken_over(house.installation) as red:
        await red.ready()
        assert await _codes(red, "nobodys") == ["registry.unknown"] * 2
        mine = NewWallet(wallet="mine", network=NETWORK, profile=PLAN.pool_profile, owner="house")
        made = await _wallets(red, Service.KEEPER, "wallets.create.v1", CreateWallets(wallets=[mine]))
        assert await _codes(red, "mine") == ["addresses.unattested", "registry.unknown"]
        both = await _wallets(red, Service.COOLER, "wallets.attest.v1", AttestWallets(records=made))
        await _wallets(red, Service.KEEPER, "wallets.register.v1", RegisterWallets(records=both))
        assert await _codes(red, "mine") == ["attested"] * 2
        for signer in (Service.KEEPER, Service.COOLER):
            told = await _asked(red, signer, pool)
            assert isinstance(told, RangeAttested)
            key = next(one.attestation_key for one in red.peers if one.service is signer)
            bindings.crypto_sign_open(told.signature + signed_bytes(told.statement), key or b"")


async def _asked(red: RedApp, signer: Service, wallet: str) -> RangeAttested | Failure:
    request = AttestAddresses(items=[AddressItem(wallet=wallet, first=7, count=3)])
    answer = await red.exchange.ask(signer, "addresses.attest.v1", request, ASK_S)
    assert isinstance(answer, AddressesAnswer)
    return answer.items[0]


async def _codes(red: RedApp, wallet: str) -> list[str]:
    told = [await _asked(red, signer, wallet) for signer in (Service.KEEPER, Service.COOLER)]
    return [one.problem.code if isinstance(one, Failure) else "attested" for one in told]


async def _wallets(
    red: RedApp, to: Service, typ: str, body: CreateWallets | AttestWallets | RegisterWallets
) -> list[Attested]:
    answer = await red.exchange.ask(to, typ, body, ASK_S)
    assert isinstance(answer, WalletsAnswer)
    found = [one for one in answer.items if isinstance(one, Attested)]
    assert len(found) == len(answer.items), answer.items
    return found


def test_the_commands_of_the_page_do_what_it_says(house: BitcoinHouse, pool: PoolAnswer) -> None:
    """Each command that docs/operate/exchange-mode.md shows, run in its order by an operator."""
    payer, other = user(house, COIN), user(house)
    meant = {
        "NETWORK": NETWORK, "POOL": pool.wallet.id, "HARBOR": HARBOR, "USER": payer.told.user,
        "WALLET": payer.id, "OTHER": other.id, "LTC": "tLTC",
    }  # fmt: skip
    environment = {**os.environ, "KEEPCOOL_CLIENT": str(house.places.operator / "operator.toml")}
    for line in [
        line for block in blocks("docs/operate/exchange-mode.md", "sh") for line in block.splitlines()
    ]:
        words = [meant.get(word, word) for word in shlex.split(line)]
        program = str(Path(sys.executable).parent / words[0])
        done = subprocess.run(
            [program, *words[1:]],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert done.stdout.strip(), line
    assert house.available(other, LTC) == COIN // 1000


def keeper(house: BitcoinHouse, *words: str, said: str = "") -> str:
    config = str(house.places.config(Service.KEEPER))
    line = commands.argv("keeper", words[0], "--config", config, *words[1:])
    done = subprocess.run(line, input=said, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_locked_pool_takes_deposits_and_pays_in_its_window(house: BitcoinHouse) -> None:
    """While Keeper is locked addresses are handed out, deposits credited and transfers made; a withdrawal
    waits and says for what; unlocked, it is paid by itself."""
    secret = house.places.root / "passphrase"
    secret.write_text(f"{PASSPHRASE}\n", encoding="ascii")
    keeper(house, "set-passphrase", "--passphrase-file", str(secret))
    lock = f'\n[bitcoin."{NETWORK}"]\nlock_pools = true\n'
    with house.edited(Service.KEEPER, lambda text: text + lock):
        house.restart("keeper")
        keeper(house, "unlock", "--for", "1h", said=PASSPHRASE)
        pool = house.client.pools.make(NETWORK, "locked")
        keeper(house, "lock")
        payer, payee = user(house, COIN, pool.wallet.id), user(house, 0, pool.wallet.id)
        assert house.client.transfer(payer.id, payee.id, LTC, COIN // 10).state == "confirmed"
        to = house.outside()
        asked = house.withdraw(payer, COIN // 4, to)
        eventually(
            lambda: "signing window" in house.client.withdrawal(asked.id).reason,
            "it does not say why",
        )
        eventually(
            lambda: house.client.pools.show(pool.wallet.id).waiting_for_signing_window == 1,
            "it is not counted",
        )
        assert house.chain.balance(to) == 0
        keeper(house, "unlock", "--for", "1h", said=PASSPHRASE)
        house.confirmed(asked, 2 * WAIT_S)
        assert house.chain.balance(to) == COIN // 4
        until_balanced(house, pool)
