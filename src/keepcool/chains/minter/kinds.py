"""Every type of transaction of Minter's version 2 with the names of its fields, in their order.

Law: the order is that of the node's structs; a type that does not stand here is not understood. Send,
multisend and the two multisig types have forms of their own (`data`). Minter, coreV2/transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keepcool.chains.minter.forms import (
    ADDRESS,
    CHECK,
    COIN,
    COINS,
    FLAG,
    PIPS,
    PROOF,
    PUBLIC_KEY,
    SYMBOL,
    TEXT,
    U32,
    U64,
    Form,
)

SEND, CREATE_MULTISIG, MULTISEND, EDIT_MULTISIG = 0x01, 0x0C, 0x0D, 0x12


@dataclass(frozen=True, slots=True)
class Kind:
    code: int
    name: str
    fields: tuple[tuple[str, Form], ...]


_STAKE = (("public_key", PUBLIC_KEY), ("coin", COIN), ("stake", PIPS))
_CANDIDATE = (("public_key", PUBLIC_KEY),)
_COIN_MADE = (
    ("name", TEXT),
    ("symbol", SYMBOL),
    ("initial_amount", PIPS),
    ("initial_reserve", PIPS),
    ("constant_reserve_ratio", U32),
    ("max_supply", PIPS),
)
_TOKEN_MADE = (
    ("name", TEXT),
    ("symbol", SYMBOL),
    ("initial_amount", PIPS),
    ("max_supply", PIPS),
    ("mintable", FLAG),
    ("burnable", FLAG),
)
_VALUE_OF_COIN = (("coin", COIN), ("value", PIPS))
_PRICES = [
    "payload_byte",
    "send",
    "buy_bancor",
    "sell_bancor",
    "sell_all_bancor",
    "buy_pool_base",
    "sell_pool_base",
    "sell_all_pool_base",
    "buy_pool_delta",
    "sell_pool_delta",
    "sell_all_pool_delta",
    "create_ticker3",
    "create_ticker4",
    "create_ticker5",
    "create_ticker6",
    "create_ticker7to10",
    "create_coin",
    "create_token",
    "recreate_coin",
    "recreate_token",
    "declare_candidacy",
    "delegate",
    "unbond",
    "redeem_check",
    "set_candidate_on",
    "set_candidate_off",
    "create_multisig",
    "multisend_base",
    "multisend_delta",
    "edit_candidate",
    "set_halt_block",
    "edit_ticker_owner",
    "edit_multisig",
    "edit_candidate_public_key",
    "add_liquidity",
    "remove_liquidity",
    "edit_candidate_commission",
    "burn_token",
    "mint_token",
    "vote_commission",
    "vote_update",
    "create_swap_pool",
    "failed_tx",
    "add_limit_order",
    "remove_limit_order",
    "move_stake",
    "lock_stake",
    "lock",
]

_KINDS = (
    Kind(0x01, "Send", (("coin", COIN), ("to", ADDRESS), ("value", PIPS))),
    Kind(
        0x02,
        "SellCoin",
        (
            ("coin_to_sell", COIN),
            ("value_to_sell", PIPS),
            ("coin_to_buy", COIN),
            ("minimum_value_to_buy", PIPS),
        ),
    ),
    Kind(
        0x03, "SellAllCoin", (("coin_to_sell", COIN), ("coin_to_buy", COIN), ("minimum_value_to_buy", PIPS))
    ),
    Kind(
        0x04,
        "BuyCoin",
        (
            ("coin_to_buy", COIN),
            ("value_to_buy", PIPS),
            ("coin_to_sell", COIN),
            ("maximum_value_to_sell", PIPS),
        ),
    ),
    Kind(0x05, "CreateCoin", _COIN_MADE),
    Kind(
        0x06,
        "DeclareCandidacy",
        (
            ("address", ADDRESS),
            ("public_key", PUBLIC_KEY),
            ("commission", U32),
            ("coin", COIN),
            ("stake", PIPS),
        ),
    ),
    Kind(0x07, "Delegate", _STAKE),
    Kind(0x08, "Unbond", _STAKE),
    Kind(0x09, "RedeemCheck", (("check", CHECK), ("proof", PROOF))),
    Kind(0x0A, "SetCandidateOn", _CANDIDATE),
    Kind(0x0B, "SetCandidateOff", _CANDIDATE),
    Kind(0x0C, "CreateMultisig", ()),
    Kind(0x0D, "Multisend", ()),
    Kind(
        0x0E,
        "EditCandidate",
        (
            ("public_key", PUBLIC_KEY),
            ("reward_address", ADDRESS),
            ("owner_address", ADDRESS),
            ("control_address", ADDRESS),
        ),
    ),
    Kind(0x0F, "SetHaltBlock", (("public_key", PUBLIC_KEY), ("height", U64))),
    Kind(0x10, "RecreateCoin", _COIN_MADE),
    Kind(0x11, "EditCoinOwner", (("symbol", SYMBOL), ("new_owner", ADDRESS))),
    Kind(0x12, "EditMultisig", ()),
    Kind(0x13, "PriceVote", (("price", U32),)),
    Kind(0x14, "EditCandidatePublicKey", (("public_key", PUBLIC_KEY), ("new_public_key", PUBLIC_KEY))),
    Kind(
        0x15, "AddLiquidity", (("coin0", COIN), ("coin1", COIN), ("volume0", PIPS), ("maximum_volume1", PIPS))
    ),
    Kind(
        0x16,
        "RemoveLiquidity",
        (
            ("coin0", COIN),
            ("coin1", COIN),
            ("liquidity", PIPS),
            ("minimum_volume0", PIPS),
            ("minimum_volume1", PIPS),
        ),
    ),
    Kind(0x17, "SellSwapPool", (("coins", COINS), ("value_to_sell", PIPS), ("minimum_value_to_buy", PIPS))),
    Kind(0x18, "BuySwapPool", (("coins", COINS), ("value_to_buy", PIPS), ("maximum_value_to_sell", PIPS))),
    Kind(0x19, "SellAllSwapPool", (("coins", COINS), ("minimum_value_to_buy", PIPS))),
    Kind(0x1A, "EditCandidateCommission", (("public_key", PUBLIC_KEY), ("commission", U32))),
    Kind(
        0x1B,
        "MoveStake",
        (("from", PUBLIC_KEY), ("to", PUBLIC_KEY), ("coin", COIN), ("stake", PIPS)),
    ),
    Kind(0x1C, "MintToken", _VALUE_OF_COIN),
    Kind(0x1D, "BurnToken", _VALUE_OF_COIN),
    Kind(0x1E, "CreateToken", _TOKEN_MADE),
    Kind(0x1F, "RecreateToken", _TOKEN_MADE),
    Kind(
        0x20,
        "VoteCommission",
        (("public_key", PUBLIC_KEY), ("height", U64), ("coin", COIN), *((name, PIPS) for name in _PRICES)),
    ),
    Kind(0x21, "VoteUpdate", (("version", TEXT), ("public_key", PUBLIC_KEY), ("height", U64))),
    Kind(0x22, "CreateSwapPool", (("coin0", COIN), ("coin1", COIN), ("volume0", PIPS), ("volume1", PIPS))),
    Kind(
        0x23,
        "AddLimitOrder",
        (("coin_to_sell", COIN), ("value_to_sell", PIPS), ("coin_to_buy", COIN), ("value_to_buy", PIPS)),
    ),
    Kind(0x24, "RemoveLimitOrder", (("id", U32),)),
    Kind(0x25, "LockStake", ()),
    Kind(0x26, "Lock", (("due_block", U64), ("coin", COIN), ("value", PIPS))),
)
KINDS: Final = {kind.code: kind for kind in _KINDS}
OWN_FORMS: Final = frozenset({SEND, CREATE_MULTISIG, MULTISEND, EDIT_MULTISIG})
