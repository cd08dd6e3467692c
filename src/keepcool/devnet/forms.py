"""What the data of each transaction type is made of: names and forms of its fields, and a strict reader.

The forms are those of the node's Go structures: whole numbers without leading zeros and within their bits,
addresses of 20 bytes, keys of 32, symbols of 10; nothing missing, nothing left over. Specification: Minter
transactions v2, types 0x01 to 0x26.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from keepcool.devnet.rejections import undecodable

Item: TypeAlias = "bytes | list[Item]"
Form: TypeAlias = Callable[[Item], Any]
Fields: TypeAlias = "tuple[tuple[str, Form], ...]"


def raw(item: Item) -> bytes:
    if not isinstance(item, bytes):
        raise undecodable("rlp: expected input string or byte")
    return item


def items(item: Item) -> list[Item]:
    if isinstance(item, bytes):
        raise undecodable("rlp: expected input list")
    return item


def number(bits: int) -> Form:
    def read(item: Item) -> int:
        digits = raw(item)
        if digits[:1] == b"\0":
            raise undecodable("rlp: non-canonical integer (leading zero bytes)")
        if len(digits) * 8 > bits:
            raise undecodable("rlp: input string too long")
        return int.from_bytes(digits, "big")

    return read


def fixed(size: int) -> Form:
    def read(item: Item) -> bytes:
        found = raw(item)
        if len(found) != size:
            raise undecodable(f"rlp: input string of {len(found)} bytes for {size}")
        return found

    return read


def many(form: Form) -> Form:
    return lambda item: [form(one) for one in items(item)]


def record(*fields: tuple[str, Form]) -> Form:
    return lambda item: named(fields, item)


def flag(item: Item) -> bool:
    if raw(item) not in (b"", b"\x01"):
        raise undecodable("rlp: invalid boolean value")
    return item == b"\x01"


def named(fields: Fields, item: Item) -> dict[str, Any]:
    found = items(item)
    if len(found) != len(fields):
        raise undecodable("rlp: too few elements" if len(found) < len(fields) else "rlp: too many elements")
    return {name: form(one) for (name, form), one in zip(fields, found, strict=True)}


U32, U64, COIN, BIG = number(32), number(64), number(32), number(4096)
ADDRESS, KEY, SYMBOL = fixed(20), fixed(32), fixed(10)
_SEND: Fields = (("coin", COIN), ("to", ADDRESS), ("value", BIG))
_OWNERS: Fields = (("threshold", U32), ("weights", many(U32)), ("addresses", many(ADDRESS)))
_KEY: Fields = (("pub_key", KEY),)
_STAKE: Fields = (*_KEY, ("coin", COIN), ("value", BIG))
_POOL: Fields = (("coin0", COIN), ("coin1", COIN), ("volume0", BIG), ("volume1", BIG))
_ROUTE: Fields = (("coins", many(COIN)),)
_COIN_PARTS: Fields = (
    ("name", raw),
    ("symbol", SYMBOL),
    ("initial_amount", BIG),
    ("initial_reserve", BIG),
    ("crr", U32),
    ("max_supply", BIG),
)
_TOKEN: Fields = (
    ("name", raw),
    ("symbol", SYMBOL),
    ("initial_amount", BIG),
    ("max_supply", BIG),
    ("mintable", flag),
    ("burnable", flag),
)
_AMOUNT: Fields = (("coin", COIN), ("value", BIG))
_SELL: Fields = (("coin_to_sell", COIN), ("value_to_sell", BIG), ("coin_to_buy", COIN), ("minimum", BIG))
_PRICES = 48
_VOTE: Fields = (
    *_KEY,
    ("height", U64),
    ("coin", COIN),
    *((f"price_{at}", BIG) for at in range(_PRICES)),
)
KINDS: Mapping[int, tuple[str, Fields]] = {
    0x01: ("Send", _SEND),
    0x02: ("SellCoin", _SELL),
    0x03: ("SellAllCoin", (("coin_to_sell", COIN), ("coin_to_buy", COIN), ("minimum", BIG))),
    0x04: (
        "BuyCoin",
        (("coin_to_buy", COIN), ("value_to_buy", BIG), ("coin_to_sell", COIN), ("maximum", BIG)),
    ),
    0x05: ("CreateCoin", _COIN_PARTS),
    0x06: (
        "DeclareCandidacy",
        (("address", ADDRESS), *_KEY, ("commission", U32), ("coin", COIN), ("stake", BIG)),
    ),
    0x07: ("Delegate", _STAKE),
    0x08: ("Unbond", _STAKE),
    0x09: ("RedeemCheck", (("raw_check", raw), ("proof", fixed(65)))),
    0x0A: ("SetCandidateOn", _KEY),
    0x0B: ("SetCandidateOff", _KEY),
    0x0C: ("CreateMultisig", _OWNERS),
    0x0D: ("MultiSend", (("list", many(record(*_SEND))),)),
    0x0E: ("EditCandidate", (*_KEY, ("reward", ADDRESS), ("owner", ADDRESS), ("control", ADDRESS))),
    0x0F: ("SetHaltBlock", (*_KEY, ("height", U64))),
    0x10: ("RecreateCoin", _COIN_PARTS),
    0x11: ("EditCoinOwner", (("symbol", SYMBOL), ("new_owner", ADDRESS))),
    0x12: ("EditMultisig", _OWNERS),
    0x13: ("PriceVote", (("price", U32),)),
    0x14: ("EditCandidatePublicKey", (*_KEY, ("new_pub_key", KEY))),
    0x15: ("AddLiquidity", (("coin0", COIN), ("coin1", COIN), ("volume0", BIG), ("maximum1", BIG))),
    0x16: (
        "RemoveLiquidity",
        (("coin0", COIN), ("coin1", COIN), ("liquidity", BIG), ("minimum0", BIG), ("minimum1", BIG)),
    ),
    0x17: ("SellSwapPool", (*_ROUTE, ("value_to_sell", BIG), ("minimum", BIG))),
    0x18: ("BuySwapPool", (*_ROUTE, ("value_to_buy", BIG), ("maximum", BIG))),
    0x19: ("SellAllSwapPool", (*_ROUTE, ("minimum", BIG))),
    0x1A: ("EditCandidateCommission", (*_KEY, ("commission", U32))),
    0x1B: ("MoveStake", (("from", KEY), ("to", KEY), ("coin", COIN), ("value", BIG))),
    0x1C: ("MintToken", _AMOUNT),
    0x1D: ("BurnToken", _AMOUNT),
    0x1E: ("CreateToken", _TOKEN),
    0x1F: ("RecreateToken", _TOKEN),
    0x20: ("VoteCommission", _VOTE),
    0x21: ("VoteUpdate", (("version", raw), *_KEY, ("height", U64))),
    0x22: ("CreateSwapPool", _POOL),
    0x23: (
        "AddLimitOrder",
        (("coin_to_sell", COIN), ("value_to_sell", BIG), ("coin_to_buy", COIN), ("value_to_buy", BIG)),
    ),
    0x24: ("RemoveLimitOrder", (("id", U32),)),
    0x25: ("LockStake", ()),
    0x26: ("Lock", (("due_block", U64), ("coin", COIN), ("value", BIG))),
}
