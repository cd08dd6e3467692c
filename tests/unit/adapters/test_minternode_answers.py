"""What a Minter node's JSON means: the exact form is read, everything else is refused."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from keepcool.adapters.minternode import answers, claims
from keepcool.ports.minternode import Balance, Event, Owner
from tests.vectors.minter import Vector, named, vectors

HOT, COOL = "Mxbec55e7784195caf4021c8620235f0cd4470d879", "Mxc7d825c34e8abf05826f8a31cb69b81f920c2924"
SEND = named("send basic mainnet coin0").row
RAW = named("send basic mainnet coin0").raw
STATUS = {
    "version": "3.3.0",
    "network": "minter-mainnet-4",
    "initial_height": "1",
    "latest_block_hash": "AB" * 32,
    "latest_block_height": "18446744073709551615",
    "latest_block_time": "2022-05-27T15:55:58.140942836Z",
    "keep_last_states": "120",
    "catching_up": False,
}
BALANCE = {"coin": {"id": "0", "symbol": "BIP"}, "value": "1000000000000000000", "bip_value": "1"}
MULTISIG = {"threshold": "2", "weights": ["1", "1"], "addresses": [HOT, COOL]}
ACCOUNT = {
    "balance": [BALANCE],
    "delegated": [],
    "total": [],
    "transaction_count": "4",
    "bip_value": "0",
    "multisig": MULTISIG,
    "locked_stake_until_block": "0",
}
TRANSACTION = {
    "hash": SEND["tx_hash"],
    "raw_tx": SEND["signed_tx"][2:],
    "height": "7",
    "index": "0",
    "from": SEND["sender"],
    "nonce": "1",
    "gas": "16",
    "gas_price": "1",
    "gas_coin": {"id": "0", "symbol": "BIP"},
    "type_hex": "01",
    "type": "1",
    "data": {"@type": "type.googleapis.com/api_pb.SendData", "value": "10"},
    "payload": "aGk=",
    "service_data": "",
    "tags": {"tx.from": HOT[2:], "tx.type": "01"},
    "code": "0",
    "log": "",
}
REWARD = {
    "@type": "type.googleapis.com/api_pb.RewardEvent",
    "role": "DAO",
    "address": HOT,
    "amount": "17",
    "coin": "0",
    "for_coin": "0",
}
BLOCK = {
    "hash": "cd" * 32,
    "height": "7",
    "time": "2022-05-27T18:55:58+03:00",
    "transaction_count": "1",
    "transactions": [TRANSACTION],
    "size": "400",
    "proposer": "",
    "events": [REWARD],
}


def read(raw: object, kind: Any, *rest: object) -> Any:
    return answers.parsed(json.dumps(raw).encode(), kind).read(*rest)


def test_a_status_is_read() -> None:
    """Height, hash and the time to the millisecond, whatever its zone and its digits."""
    status = read(STATUS, answers.RawStatus)
    assert (status.network, status.height, status.catching_up) == ("minter-mainnet-4", 2**64 - 1, False)
    assert (status.block_hash, status.block_time_ms) == (b"\xab" * 32, 1653666958140)
    other = read(STATUS | {"latest_block_time": "2022-05-27T18:55:58+03:00"}, answers.RawStatus)
    assert other.block_time_ms == 1653666958000


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [
        ("latest_block_height", value)
        for value in (5, "", "-1", "+1", "01", " 1", "1e3", "0x1", "1_0", "18446744073709551616", None, "٣")
    ]
    + [
        ("latest_block_hash", "AB" * 31),
        ("latest_block_hash", "0x" + "AB" * 31),
        ("latest_block_hash", "zz" * 32),
        ("latest_block_time", "2022-05-27 15:55:58Z"),
        ("latest_block_time", "2022-13-27T15:55:58Z"),
        ("latest_block_time", "2022-05-27T15:55:58"),
        ("catching_up", "false"),
        ("catching_up", None),
        ("network", ""),
        ("network", "a\nb"),
    ],
)
def test_a_status_of_another_form_is_refused(field: str, nonsense: object) -> None:
    """One field of a status that is not in its exact form makes it no status."""
    with pytest.raises(ValueError, match=r"\S"):
        read(STATUS | {field: nonsense}, answers.RawStatus)


def test_an_account_is_read() -> None:
    """Balances by coin id without empty ones, the next nonce, owners in the chain's order."""
    empty = {"coin": {"id": "5", "symbol": "X"}, "value": "0"}
    token = {"coin": {"id": "1993", "symbol": "USDTE"}, "value": "3"}
    account = read(ACCOUNT | {"balance": [token, empty, BALANCE]}, answers.RawAccount, HOT)
    assert account.balances == (Balance(0, 10**18), Balance(1993, 3))
    assert (account.pip(), account.pip(1993), account.pip(5), account.next_nonce) == (10**18, 3, 0, 5)
    assert account.multisig.threshold == 2
    assert account.multisig.owners == (Owner(HOT, 1), Owner(COOL, 1))
    assert read(ACCOUNT | {"multisig": None}, answers.RawAccount, HOT).multisig is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a balance twice", {"balance": [BALANCE, BALANCE]}),
        ("a negative balance", {"balance": [BALANCE | {"value": "-1"}]}),
        ("a number for a balance", {"balance": [BALANCE | {"value": 1}]}),
        ("a coin beyond 32 bits", {"balance": [BALANCE | {"coin": {"id": "4294967296"}}]}),
        ("no balances at all", {"balance": None}),
        ("a missing weight", {"multisig": MULTISIG | {"weights": ["1"]}}),
        ("no owners", {"multisig": MULTISIG | {"weights": [], "addresses": []}}),
        ("an owner twice", {"multisig": MULTISIG | {"addresses": [HOT, HOT]}}),
        ("an owner cut short", {"multisig": MULTISIG | {"addresses": [HOT, COOL[:-1]]}}),
        ("an owner in capitals", {"multisig": MULTISIG | {"addresses": [HOT, "Mx" + COOL[2:].upper()]}}),
        ("a threshold that is none", {"multisig": MULTISIG | {"threshold": 2}}),
        (
            "too many owners",
            {
                "multisig": {
                    "threshold": "1",
                    "weights": ["1"] * 33,
                    "addresses": [f"Mx{at:040x}" for at in range(33)],
                }
            },
        ),
    ],
)
def test_an_account_that_cannot_be_is_refused(name: str, change: dict[str, object]) -> None:
    """One impossible part makes the whole account no answer; unchanged it is read."""
    assert read(ACCOUNT, answers.RawAccount, HOT).address == HOT
    with pytest.raises(ValueError, match=r"\S"):
        read(ACCOUNT | change, answers.RawAccount, HOT)


def test_a_node_that_tells_of_no_owners_is_not_believed_to_have_none() -> None:
    """An account without the field `multisig` is refused: no wallet may look ordinary by that."""
    silent = {key: value for key, value in ACCOUNT.items() if key != "multisig"}
    with pytest.raises(ValueError, match="multisig"):
        read(silent, answers.RawAccount, HOT)


def test_a_transaction_is_read() -> None:
    """Raw bytes, what they hash to, the node's code and its tags by name."""
    found = read(TRANSACTION | {"code": "107", "log": "no\nfunds" * 100}, answers.RawTransaction)
    assert (found.raw, found.hash) == (RAW, sha256(RAW).digest())
    assert (found.sender, found.nonce, found.kind, found.code, found.failed) == (HOT, 1, 1, 107, True)
    assert (found.tag("tx.type"), found.tag("tx.to")) == ("01", None)
    assert len(found.log) == 500
    assert "\n" not in found.log


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("of other bytes", {"hash": "Mt" + "11" * 32}),
        ("with an unprefixed hash", {"hash": SEND["tx_hash"][2:]}),
        ("with bytes that were changed", {"raw_tx": SEND["signed_tx"][2:-2] + "00"}),
        ("with 0x before its bytes", {"raw_tx": SEND["signed_tx"]}),
        ("without bytes", {"raw_tx": ""}),
        ("beyond the chain's limit", {"raw_tx": "00" * 16_145}),
        ("with a payload that is no base64", {"payload": "hi!"}),
        ("with a payload beyond the limit", {"payload": "AAAA" * 3_400}),
        ("with a code that is no number", {"code": 0}),
        ("from nobody", {"from": ""}),
        ("with tags that are no text", {"tags": {"tx.type": 1}}),
        ("with tags without an end", {"tags": {str(at): "" for at in range(65)}}),
        ("without tags", {"tags": None}),
    ],
)
def test_a_transaction_that_cannot_be_is_refused(name: str, change: dict[str, object]) -> None:
    """One impossible part makes a transaction no answer; unchanged it is read."""
    assert read(TRANSACTION, answers.RawTransaction).hash == sha256(RAW).digest()
    with pytest.raises(ValueError, match=r"\S"):
        read(TRANSACTION | change, answers.RawTransaction)


@pytest.mark.parametrize("vector", vectors("v2"), ids=lambda vector: vector.name)
def test_the_bytes_tell_who_sent_what(vector: Vector) -> None:
    """Chain, nonce, type and sender come out of the bytes of every type of transaction."""
    own, decoded = claims.own(vector.raw), vector.decoded
    assert (own.chain, own.nonce, own.sender) == (decoded["chain_id"], decoded["nonce"], decoded["sender"])
    assert own.kind == int(decoded["type"], 16)


@pytest.mark.parametrize("change", [{"nonce": "2"}, {"type": "13"}, {"from": COOL}])
def test_a_node_cannot_attribute_a_transaction_to_another(change: dict[str, object]) -> None:
    """Sender, nonce and type of a transaction that succeeded are its own; of a failed one anything."""
    assert claims.verify(read(TRANSACTION, answers.RawTransaction), 1) == 1
    with pytest.raises(ValueError, match="bytes say"):
        claims.verify(read(TRANSACTION | change, answers.RawTransaction), 1)
    assert claims.verify(read(TRANSACTION | change | {"code": "101"}, answers.RawTransaction), 1) == 1


def test_a_block_is_read() -> None:
    """Its transactions in order and its events, in either of the two forms nodes give them."""
    old = {"type": "minter/UnbondEvent", "value": {"address": COOL, "amount": "3", "coin": 7}}
    jail = {"@type": "type.googleapis.com/api_pb.JailEvent", "validator_pub_key": "Mp00", "jailed_until": "9"}
    block = read(BLOCK | {"events": [REWARD, old, jail]}, answers.RawBlock)
    assert (block.height, block.hash, block.time_ms) == (7, b"\xcd" * 32, 1653666958000)
    assert [one.raw for one in block.transactions] == [RAW]
    assert block.events == (
        Event("RewardEvent", HOT, 0, 17),
        Event("UnbondEvent", COOL, 7, 3),
        Event("JailEvent", None, 0, None),
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a transaction left out", {"transaction_count": "2"}),
        ("a transaction too many", {"transaction_count": "0"}),
        ("a transaction at another place", {"transactions": [TRANSACTION | {"index": "1"}]}),
        ("a transaction of another block", {"transactions": [TRANSACTION | {"height": "6"}]}),
        ("no transactions", {"transactions": None}),
        ("no events", {"events": None}),
        ("an event without a name", {"events": [{"address": HOT}]}),
        ("an event of a strange name", {"events": [REWARD | {"@type": "x.a b"}]}),
        ("an event with a strange amount", {"events": [REWARD | {"amount": "1.5"}]}),
        ("an event at a strange address", {"events": [REWARD | {"address": "Mx00"}]}),
        ("an event without its fields", {"events": [{"type": "minter/UnbondEvent", "value": "all"}]}),
    ],
)
def test_a_block_that_cannot_be_is_refused(name: str, change: dict[str, object]) -> None:
    """A block that leaves something out or holds something impossible is no answer; unchanged it is read."""
    assert read(BLOCK, answers.RawBlock).height == 7
    with pytest.raises(ValueError, match=r"\S"):
        read(BLOCK | change, answers.RawBlock)


def test_the_pool_shows_raw_transactions() -> None:
    """Tx{UPPERCASE HEX} is the raw transaction; anything else is refused."""
    assert answers.pooled("Tx{" + RAW.hex().upper() + "}") == RAW
    for nonsense in ("", RAW.hex(), "Tx{}", "Tx{0}", "Tx{zz}", "Tx{00", "Tx{" + "00" * 16_145 + "}"):
        with pytest.raises(ValueError, match=r"\S"):
            answers.pooled(nonsense)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null", b"[" * 100_000, b"\xff", b'{"network": "a"'])
def test_what_is_no_json_of_ours_is_refused(text: bytes) -> None:
    """A body without the fields of a status raises ValueError and nothing else."""
    with pytest.raises(ValueError, match=r"\S"):
        answers.parsed(text, answers.RawStatus)
