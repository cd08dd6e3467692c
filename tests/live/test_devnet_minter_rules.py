"""What the simulator admits: reading, the order and codes of its checks, signatures, and wallets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rlp
from coincurve import PrivateKey

from keepcool.local.minterchain import DevMinter
from tests.fixtures.minter_signing import (
    APP,
    COLD,
    COOL,
    CREATE,
    EDIT,
    HOT,
    MULTISEND,
    ORDER,
    SOMEBODY,
    Draft,
    address,
    multi,
    numbers,
    owners,
    plain,
    send,
    shown,
    single,
    wallet_of,
    with_signature,
)
from tests.fixtures.minterchain import BIP, running_minter

pytestmark = pytest.mark.live
TRIO = (HOT, COOL, COLD)


@pytest.fixture
def chain() -> Iterator[DevMinter]:
    with running_minter() as running:
        running.fund(shown(address(APP)), 1000 * BIP)
        yield running


def refused(chain: DevMinter, raw: bytes) -> tuple[str, dict[str, Any]]:
    """The code and its data; nothing waits after it."""
    before = chain.control("/mine")["height"]
    status, answer = chain.send(raw)
    assert status == 400, answer
    assert chain.ask("/unconfirmed_txs")["transactions"] == []
    assert chain.height() == before
    return answer["error"]["code"], answer["error"]["data"]


def committed(chain: DevMinter, raw: bytes) -> dict[str, Any]:
    status, answer = chain.send(raw)
    assert status == 200, answer
    chain.mine()
    return dict(chain.ask(f"/transaction/{answer['hash']}"))


def wallet(
    chain: DevMinter, keys: tuple[PrivateKey, ...] = TRIO, threshold: int = 2, nonce: int = 1
) -> bytes:
    """A funded multisig, created by app."""
    assert committed(chain, single(owners(nonce, keys, threshold), APP))["code"] == "0"
    made = wallet_of(APP, nonce)
    chain.fund(shown(made), 100 * BIP)
    return made


def test_reads_canonical_rlp_of_ten_items_alone(chain: DevMinter) -> None:
    """Nine and eleven items, a leading zero, a long form of a short string and a tail are all 106."""
    good = single(send(1, BIP), APP)
    items = rlp.decode(good)
    leading_zero = rlp.encode([b"\0" + items[0], *items[1:]])
    longer = good[:1] + bytes((good[1] + 1,)) + good[2:]
    long_form = longer.replace(b"\xb8\x45", b"\xb9\x00\x45", 1)
    assert len(long_form) == len(good) + 1
    bad = [rlp.encode(items[:9]), rlp.encode([*items, b""]), leading_zero, long_form, good + b"\0", b""]
    for raw in bad:
        assert refused(chain, bytes(raw))[0] == "106"
    assert committed(chain, good)["code"] == "0"


def test_a_short_address_is_no_address(chain: DevMinter) -> None:
    """19 and 21 bytes are refused when they are read, not padded or cropped."""
    for size in (19, 21):
        assert refused(chain, single(send(1, BIP, to=bytes(size)), APP))[0] == "106"


@pytest.mark.parametrize(
    ("name", "draft", "code", "data"),
    [
        ("size", send(1, 1, payload=bytes(16_200)), "105", {"max_tx_length": "16144"}),
        ("chain before coin", send(9, 1, chain_id=1, gas_coin=5), "115", {"current_chain_id": "2"}),
        ("gas coin before price", send(9, 1, gas_coin=5, gas_price=0), "102", {"coin_id": "5"}),
        (
            "price before payload",
            send(9, 1, gas_price=0, payload=bytes(10_001)),
            "114",
            {"min_gas_price": "1"},
        ),
        ("payload before service", send(9, 1, payload=bytes(10_001), service_data=bytes(129)), "109", {}),
        ("service before nonce", send(9, 1, service_data=bytes(129)), "110", {}),
        ("nonce before fee", send(9, 1, gas_coin=7), "101", {"expected_nonce": "1", "got_nonce": "9"}),
        ("fee coin before type", Draft(1, CREATE, [1, [1], []], gas_coin=7), "607", {"count_weights": "1"}),
        ("fee coin without a pool", send(1, 1, gas_coin=7), "119", {}),
        ("unknown coin", send(1, 1, coin=5), "102", {"coin_id": "5"}),
        ("empty batch", Draft(1, MULTISEND, [[]]), "111", {"got_quantity": "0"}),
        ("long batch", Draft(1, MULTISEND, [[[0, SOMEBODY, 1]] * 101]), "111", {"got_quantity": "101"}),
        ("funds", send(1, 1001 * BIP), "107", {"coin_id": "0", "coin_symbol": "MNT"}),
        ("owners", Draft(1, CREATE, [1, [1] * 33, [bytes([n] * 20) for n in range(33)]]), "605", {}),
        ("weight", Draft(1, CREATE, [1, [1024], [SOMEBODY]]), "601", {"weight": "1024"}),
        ("twice", Draft(1, CREATE, [1, [1, 1], [SOMEBODY, SOMEBODY]]), "606", {}),
        ("no multisig", Draft(1, EDIT, [1, [1], [SOMEBODY]]), "603", {}),
        ("not registered", Draft(1, 0x13, [1]), "106", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_checks_in_the_nodes_order(
    chain: DevMinter, name: str, draft: Draft, code: str, data: dict[str, str]
) -> None:
    """The first thing that is wrong names the code, and the error carries the node's data."""
    found, told = refused(chain, single(draft, APP))
    assert (found, told["code"]) == (code, code), name
    assert data.items() <= told.items()


def test_says_that_it_does_not_execute_a_type(chain: DevMinter) -> None:
    """A delegation is read and refused in words that no node has."""
    draft = Draft(1, 0x07, [bytes(32), 0, BIP])
    status, answer = chain.send(single(draft, APP))
    assert status == 501
    assert answer["error"]["message"] == "the simulator does not execute this type: 0x07 Delegate"


def test_weights_and_threshold_decide(chain: DevMinter) -> None:
    """One vote of two is 609 with both numbers, two spend; an outsider's signature weighs 0."""
    made = wallet(chain)
    code, data = refused(chain, multi(send(1, BIP), made, [HOT]))
    assert (code, data["needed_votes"], data["got_votes"]) == ("609", "2", "1")
    assert refused(chain, multi(send(1, BIP), made, [HOT, APP]))[0] == "609"
    assert committed(chain, multi(send(1, BIP), made, [COOL, APP, HOT]))["code"] == "0"


def test_counts_signatures_and_signers(chain: DevMinter) -> None:
    """A signer twice is 606, more signatures than owners 604, a broken one 604, no wallet 603."""
    made = wallet(chain)
    draft = send(1, BIP)
    assert refused(chain, multi(draft, made, [HOT, HOT]))[0] == "606"
    assert refused(chain, multi(draft, made, [HOT, COOL, COLD, APP]))[0] == "604"
    broken = rlp.decode(multi(draft, made, [HOT, COOL]))
    inner = rlp.decode(broken[9])
    inner[1][0][0] = plain(29)
    assert refused(chain, bytes(rlp.encode([*broken[:9], rlp.encode(inner)])))[0] == "604"
    assert refused(chain, multi(draft, SOMEBODY, [HOT, COOL]))[0] == "603"


def test_creation_accepts_what_nobody_should_create(chain: DevMinter) -> None:
    """A threshold of 0 lets anybody spend, and one above the weights nobody, for ever."""
    open_to_all = wallet(chain, threshold=0)
    assert committed(chain, multi(send(1, BIP), open_to_all, []))["code"] == "0"
    locked = wallet(chain, threshold=4, nonce=2)
    assert refused(chain, multi(send(1, BIP), locked, TRIO))[0] == "609"


def test_an_address_is_of_creator_and_nonce(chain: DevMinter) -> None:
    """The owners are not in the address: it is told in a tag, and asking for it shows them."""
    tags = committed(chain, single(owners(1, [HOT]), APP))["tags"]
    made = wallet_of(APP, 1)
    assert tags["tx.created_multisig"] == made.hex()
    told = chain.ask(f"/address/{shown(made)}")["multisig"]
    assert told == {"threshold": "2", "weights": ["1"], "addresses": [shown(address(HOT))]}


def test_new_owners_hold_at_once(chain: DevMinter) -> None:
    """After an edit the old owners' signatures are 609, unless they are among the new ones."""
    made = wallet(chain)
    assert refused(chain, multi(owners(1, [APP], 2, EDIT), made, [HOT, COOL]))[0] == "608"
    assert committed(chain, multi(owners(1, [APP, COLD], 2, EDIT), made, [HOT, COOL]))["code"] == "0"
    assert refused(chain, multi(send(2, BIP), made, [HOT, COOL]))[0] == "609"
    assert committed(chain, multi(send(2, BIP), made, [APP, COLD]))["code"] == "0"


def test_a_signature_has_one_form(chain: DevMinter) -> None:
    """A high S with the other V, a V of 0 and an R of 0 are 106; the low form is taken."""
    draft = send(1, BIP)
    v, r, s = numbers(draft, APP)
    for bad in ((55 - v, r, ORDER - s), (v - 27, r, s), (v, 0, s), (v, r, ORDER)):
        assert refused(chain, with_signature(draft, bad))[0] == "106"
    assert committed(chain, with_signature(draft, (v, r, s)))["code"] == "0"


def test_a_nonce_makes_one_wallet(chain: DevMinter) -> None:
    """A second create with the nonce of the first is 101."""
    wallet(chain)
    code, data = refused(chain, single(owners(1, [APP]), APP))
    assert (code, data["expected_nonce"]) == ("101", "2")


def test_a_signature_fits_every_wallet_of_the_same_owners(chain: DevMinter) -> None:
    """The chain takes cool and cold's signatures again on another wallet: it is for policies to prevent."""
    one, other = wallet(chain), wallet(chain, nonce=2)
    draft = send(1, BIP)
    signed = rlp.decode(multi(draft, one, [COOL, COLD]))
    inner = rlp.decode(signed[9])
    replayed = bytes(rlp.encode([*signed[:9], rlp.encode([other, inner[1]])]))
    assert committed(chain, multi(draft, one, [COOL, COLD]))["from"] == shown(one)
    assert committed(chain, replayed)["from"] == shown(other)
    assert chain.balance(shown(SOMEBODY)) == 2 * BIP
