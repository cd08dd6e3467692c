"""Names of things, each its own type. Networks and assets are written as CAIP-2 and CAIP-19."""

from __future__ import annotations

import re
from typing import NewType

from keepcool.core.errors import Malformed

WalletId = NewType("WalletId", str)
IntentId = NewType("IntentId", str)
UserId = NewType("UserId", str)
NetworkId = NewType("NetworkId", str)  # CAIP-2, e.g. eip155:1
AssetId = NewType("AssetId", str)  # CAIP-19, e.g. eip155:1/slip44:60, eip155:1/erc20:0xA0b8...

_OPAQUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NETWORK = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}")
_ASSET = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}/[-a-z0-9]{3,8}:[-.%a-zA-Z0-9]{1,128}")


def wallet_id(text: str) -> WalletId:
    return WalletId(_matched(_OPAQUE, text, "wallet id"))


def intent_id(text: str) -> IntentId:
    return IntentId(_matched(_OPAQUE, text, "intent id"))


def user_id(text: str) -> UserId:
    return UserId(_matched(_OPAQUE, text, "user id"))


def network_id(text: str) -> NetworkId:
    return NetworkId(_matched(_NETWORK, text, "network (CAIP-2)"))


def asset_id(text: str) -> AssetId:
    return AssetId(_matched(_ASSET, text, "asset (CAIP-19)"))


def network_of(asset: AssetId) -> NetworkId:
    """The network an asset lives on: the part of its CAIP-19 name before the slash."""
    return NetworkId(asset.partition("/")[0])


def _matched(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise Malformed("id.form", f"not a valid {what}: {str(text)[:80]!r}")
    return text
