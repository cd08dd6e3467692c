"""Forwarders and their factory on a real chain, with tokens that do all a token should not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keepcool.chains.evm import abi, forwarders
from keepcool.chains.evm.forwarders import FACTORY, Flush, Item
from keepcool.chains.keccak import keccak256
from keepcool.core.errors import Unavailable
from keepcool.local.devchain import DevChain
from tests.fixtures.chain import address_number, safe_chain
from tests.fixtures.forwarders import Deployed, flush
from tests.fixtures.forwarders import forwarders as addresses

pytestmark = pytest.mark.live
ETHER, UNITS = 10**18, 10**6


@pytest.fixture(scope="module")
def chain() -> Iterator[DevChain]:
    with safe_chain() as one:
        yield one


def treasury(name: str) -> str:
    return address_number(int.from_bytes(keccak256(name.encode())[:4], "big"))


def skipped(receipt: dict[str, object]) -> int:
    logs = receipt["logs"]
    assert isinstance(logs, list)
    return sum(log["topics"][0] == "0x" + forwarders.SKIPPED.hex() for log in logs)


def test_the_factory_stands_with_the_code_its_profile_names(chain: DevChain) -> None:
    """Its code's hash is the one a network is checked for before any address is shown, and it derives the
    addresses that keepcool derives."""
    code = bytes.fromhex(chain.ask("eth_getCode", FACTORY.address, "latest")[2:])
    assert keccak256(code) == FACTORY.runtime_keccak
    data = keccak256(b"addressOf(address,uint256)")[:4] + abi.address(treasury("a")) + abi.uint(77)
    said = chain.ask("eth_call", {"to": FACTORY.address, "data": "0x" + data.hex()}, "latest")
    assert bytes.fromhex(said[26:]) == bytes.fromhex(addresses(treasury("a"), 77)[0][2:])


def test_anybody_may_sweep_and_all_goes_to_the_treasury(chain: DevChain) -> None:
    """Coins and tokens of several forwarders reach the treasury whole, by a stranger's one transaction, and
    again after the forwarders stand; later sweeps cost at most 14,000 gas each."""
    token, safe = Deployed.named(chain, "TestToken"), treasury("whole")
    token.mint(safe, 1)
    gas = 0
    for turn in (1, 2):
        for one in addresses(safe, *range(10)):
            token.mint(one, UNITS)
        chain.fund(addresses(safe, 3)[0], ETHER)
        items = [Item(index, token.address) for index in range(10)]
        gas = int(flush(chain, safe, *items)["gasUsed"], 16)
        flush(chain, safe, Item(3), Item(4))
        assert (token.held(safe), chain.balance(safe)) == (10 * UNITS * turn + 1, ETHER * turn)
    assert gas / 10 <= 14_000


def test_a_sender_that_gives_2300_gas_can_pay_before_and_after_the_forwarder_stands(chain: DevChain) -> None:
    """Solidity's transfer works to an address that has no code yet, and to the forwarder itself."""
    payer, safe = Deployed.named(chain, "Stingy"), treasury("stingy")
    (forwarder,) = addresses(safe, 5)
    for turn in (1, 2):
        payer.send("pay(address)", abi.address(forwarder), value=ETHER)
        flush(chain, safe, Item(5))
        assert chain.balance(safe) == turn * ETHER
        assert chain.has_code(forwarder)


def test_nobody_but_the_factory_moves_what_lies_in_a_forwarder(chain: DevChain) -> None:
    """The same words said by somebody else are a deposit of nothing: the coins stay."""
    token, safe, thief = Deployed.named(chain, "TestToken"), treasury("theft"), chain.accounts()[3]
    (forwarder,) = addresses(safe, 1)
    chain.fund(forwarder, ETHER)
    flush(chain, safe, Item(1))
    token.mint(forwarder, UNITS)
    chain.fund(forwarder, ETHER)
    transfer = bytes.fromhex("a9059cbb") + abi.encode(abi.address(thief), abi.uint(UNITS))
    chain.send(forwarder, data=abi.address(token.address) + transfer, sender=thief)
    chain.send(forwarder, data=abi.address(thief), sender=thief)
    assert (token.held(forwarder), chain.balance(forwarder)) == (UNITS, ETHER)


def test_another_treasury_named_is_another_forwarder(chain: DevChain) -> None:
    """Whoever names a treasury of his own sweeps forwarders of his own, which are empty."""
    safe, thief = treasury("owner"), treasury("thief")
    (forwarder,) = addresses(safe, 9)
    chain.fund(forwarder, ETHER)
    flush(chain, thief, Item(9))
    assert (chain.balance(forwarder), chain.balance(thief)) == (ETHER, 0)


@pytest.mark.parametrize("name", ["SilentToken", "FeeToken", "LyingFeeToken", "RebasingToken"])
def test_odd_tokens_are_swept_as_far_as_they_let(chain: DevChain, name: str) -> None:
    """Tokens that answer nothing, keep a fee or change balances come to the treasury; nothing is skipped."""
    token, safe = Deployed.named(chain, name), treasury(name)
    (forwarder,) = addresses(safe, 1)
    token.mint(forwarder, UNITS)
    assert not skipped(flush(chain, safe, Item(1, token.address)))
    kept = UNITS // 100 if "Fee" in name else 0
    assert (token.held(safe), token.held(forwarder)) == (UNITS - kept, 0)


HOSTILE = ["FalseToken", "RevertingToken", "BurningToken", "BurningBalanceToken", "LyingToken"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_token_that_fails_stops_nobody_else(chain: DevChain, name: str) -> None:
    """Between two good sweeps, one of a hostile token: it is skipped, and both others arrive."""
    good, bad = Deployed.named(chain, "TestToken"), Deployed.named(chain, name)
    safe = treasury(name)
    for one in addresses(safe, 1, 3):
        good.mint(one, UNITS)
    bad.mint(addresses(safe, 2)[0], UNITS)
    chain.fund(addresses(safe, 4)[0], ETHER)
    items = Item(1, good.address), Item(2, bad.address), Item(3, good.address), Item(4)
    receipt = flush(chain, safe, *items)
    assert skipped(receipt) == (0 if name == "LyingToken" else 1)
    assert (good.held(safe), chain.balance(safe)) == (2 * UNITS, ETHER)
    assert int(receipt["gasUsed"], 16) < 1_000_000


def test_a_blacklisted_forwarder_holds_up_itself_alone(chain: DevChain) -> None:
    """Its tokens stay where they are, the others' come."""
    token, safe = Deployed.named(chain, "BlacklistingToken"), treasury("black")
    first, second = addresses(safe, 1, 2)
    for one in (first, second):
        token.mint(one, UNITS)
    token.send("list(address)", abi.address(first))
    receipt = flush(chain, safe, Item(1, token.address), Item(2, token.address))
    assert skipped(receipt) == 1
    assert (token.held(first), token.held(second), token.held(safe)) == (UNITS, 0, UNITS)


def test_a_reentrant_token_gains_nothing(chain: DevChain) -> None:
    """It sweeps everything again, for the thief's treasury and for ours, in the middle of its transfer: every
    coin still ends in the treasury its forwarder was made for."""
    token, good = Deployed.named(chain, "ReentrantToken"), Deployed.named(chain, "TestToken")
    safe, thief = treasury("reentered"), treasury("reenters")
    good.mint(addresses(safe, 2)[0], UNITS)
    token.mint(addresses(safe, 1)[0], UNITS)
    for aimed in (thief, safe):
        call = Flush(aimed, (Item(2, good.address), Item(1, token.address))).encoded()
        token.send("arm(address,bytes)", abi.address(FACTORY.address), abi.dynamic_bytes(call))
        flush(chain, safe, Item(1, token.address), Item(2, good.address))
    assert (good.held(safe), good.held(thief), token.held(thief)) == (UNITS, 0, 0)
    assert token.held(safe) + token.held(addresses(safe, 1)[0]) == UNITS


def test_a_treasury_that_takes_nothing_loses_nothing(chain: DevChain) -> None:
    """The coins stay in the forwarder until the treasury takes them."""
    closed = Deployed.named(chain, "Closed")
    (forwarder,) = addresses(closed.address, 1)
    chain.fund(forwarder, ETHER)
    assert skipped(flush(chain, closed.address, Item(1))) == 1
    assert chain.balance(forwarder) == ETHER
    closed.send("open()")
    assert not skipped(flush(chain, closed.address, Item(1)))
    assert chain.balance(closed.address) == ETHER


def test_a_forwarder_named_as_a_token_does_nothing(chain: DevChain) -> None:
    """The factory asks it for a balance, which it is not made for; its coins stay its treasury's."""
    safe, thief = treasury("named"), treasury("namer")
    (forwarder,) = addresses(safe, 1)
    for one in (1, 2):
        chain.fund(forwarder, ETHER)
        if one == 1:
            flush(chain, safe, Item(1))
    flush(chain, thief, Item(2, forwarder), Item(2, FACTORY.address))
    assert (chain.balance(forwarder), chain.balance(thief)) == (ETHER, 0)


def test_a_single_token_is_brought_home(chain: DevChain) -> None:
    """A token of ERC-721 sent to a forwarder goes to the treasury, by anybody; to nobody else's."""
    nft, safe = Deployed.named(chain, "TestNft"), treasury("nft")
    nft.send("mint(address,uint256)", abi.address(addresses(safe, 1)[0]), abi.uint(5))
    kinds = keccak256(b"flushNft(address,uint256,address,uint256)")[:4]

    def bring(to: str) -> None:
        call = abi.encode(abi.address(to), abi.uint(1), abi.address(nft.address), abi.uint(5))
        chain.send(FACTORY.address, data=kinds + call, sender=chain.accounts()[7])

    with pytest.raises(Unavailable):
        bring(treasury("nft thief"))
    bring(safe)
    data = keccak256(b"ownerOf(uint256)")[:4] + abi.uint(5)
    owner = chain.ask("eth_call", {"to": nft.address, "data": "0x" + data.hex()}, "latest")
    assert owner[26:] == safe[2:].lower()
