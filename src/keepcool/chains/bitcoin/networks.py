"""A network of the Bitcoin family, as data: prefixes, dust, fee floor, habits. No code knows one by name.

Laws: a network is what one row says, and a row read from a file is held to the same checks as ours; two
networks never share a name or a genesis block; several live in one process. CAIP-2 (bip122), SLIP-44,
SLIP-132, BIP-173.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.core.errors import Malformed
from keepcool.core.ids import AssetId, NetworkId

NAMESPACE = "bip122"
DECIMALS = 8
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_HASH = re.compile(r"[0-9a-f]{64}")
_HRP = re.compile(r"[a-z][a-z0-9]{0,14}")
_VERSION = re.compile(r"[0-9a-f]{8}")
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]{0,9}")


class Replacement(StrEnum):
    """Whether nodes of the network put a transaction in the place of an unconfirmed one (BIP-125)."""

    ANY = "any"  # whether or not it signals
    SIGNALLED = "signalled"
    NONE = "none"  # most nodes do not: help a stuck transaction by spending its output


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One row. Of versions and prefixes the first is written, all are read. `hrp` is empty where there is
    no segregated witness. Rates are in the coin's smallest unit per 1000 virtual bytes, as nodes state
    them. `confirmations`: (from this amount on, this deep), amounts ascending from 0."""

    name: str
    symbol: str
    genesis: str
    coin_type: int
    p2pkh: tuple[int, ...]
    p2sh: tuple[int, ...]
    hrp: str
    key_versions: tuple[str, ...]
    taproot: bool
    dust_rate: int
    dust_floor: int
    fee_rate_min: int
    fee_rate_step: int
    replacement: Replacement
    confirmations: tuple[tuple[int, int], ...]
    coinbase_maturity: int
    block_s: int
    header_sha256d: bool = True  # a block's hash is the double SHA-256 of its header (Dash: X11)
    merged_mining: bool = False  # a header may be followed by its proof in another network (AuxPoW)
    payloads: bool = False  # a transaction of version 3 with a type carries a payload at its end (DIP-2)

    @property
    def id(self) -> NetworkId:
        """CAIP-2: bip122 and the first half of the genesis block's hash."""
        return NetworkId(f"{NAMESPACE}:{self.genesis[:32]}")

    @property
    def asset(self) -> AssetId:
        """CAIP-19: the network's own coin. There is no other here."""
        return AssetId(f"{self.id}/slip44:{self.coin_type}")

    @property
    def kinds(self) -> tuple[ScriptKind, ...]:
        """The scripts this network can hold, cheapest to spend first; the first is the default."""
        if self.hrp:
            return ScriptKind.P2WSH, ScriptKind.P2SH_P2WSH, ScriptKind.P2SH
        return (ScriptKind.P2SH,)

    @property
    def key_version(self) -> bytes:
        """The version its extended public keys are written under."""
        return bytes.fromhex(self.key_versions[0])

    def check_kind(self, kind: ScriptKind) -> None:
        """Raises Malformed on a script whose coins anybody could take there: without segregated witness
        its rules are not enforced."""
        if kind not in self.kinds:
            raise Malformed("script.network", f"{self.name} has no {kind}; it has {', '.join(self.kinds)}")

    def dust_sat(self, script_pubkey: bytes) -> int:
        """The least a node relays to this script: what spending it would cost at the dust rate."""
        witness = len(script_pubkey) >= 4 and script_pubkey[0] in (0, *range(0x51, 0x61)) and bool(self.hrp)
        size = 8 + 1 + len(script_pubkey) + (67 if witness else 148)
        return max(self.dust_floor, -(-self.dust_rate * size // 1000))

    def depth_blocks(self, amount_sat: int) -> int:
        """How many blocks deep a credit of this amount must lie."""
        return max(depth for start, depth in self.confirmations if start <= max(amount_sat, 0))


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks known to one process."""

    rows: tuple[Network, ...]

    def __iter__(self) -> Iterator[Network]:
        return iter(self.rows)

    def named(self, name: str) -> Network:
        """By name or CAIP-2 id. Raises Malformed on one that is not here."""
        for row in self.rows:
            if name in (row.name, row.id):
                return row
        raise Malformed(
            "network.unknown",
            f"no network is called {name[:60]!r}; known are {', '.join(row.name for row in self.rows)}",
        )

    def of(self, network: NetworkId) -> Network:
        """By CAIP-2 id alone. Raises Malformed on one that is not here."""
        for row in self.rows:
            if network == row.id:
                return row
        raise Malformed("network.unknown", f"no row describes the network {network[:60]!r}")

    def of_asset(self, asset: AssetId) -> Network:
        """The network whose coin this is. Raises Malformed on anything else."""
        row = self.of(NetworkId(asset.partition("/")[0]))
        if asset != row.asset:
            raise Malformed("asset.unknown", f"{row.name} has one coin, {row.asset}, not {asset[:100]!r}")
        return row

    def plus(self, more: Iterable[Network]) -> Networks:
        """These and more. Raises Malformed on a row that is wrong in itself or stands twice."""
        rows = (*self.rows, *more)
        for row in rows:
            check(row)
        if len({row.name for row in rows}) < len(rows) or len({row.id for row in rows}) < len(rows):
            raise Malformed("network.twice", "two networks have one name or one genesis block")
        return Networks(rows)


def check(row: Network) -> None:
    """Raises Malformed on a row that would give wrong addresses, or none."""
    bytes_ok = all(0 <= version <= 255 for version in (*row.p2pkh, *row.p2sh))
    facts: Mapping[str, object] = {
        "name (small letters, digits, -)": _NAME.fullmatch(row.name),
        "symbol": _SYMBOL.fullmatch(row.symbol),
        "genesis (64 small hex digits)": _HASH.fullmatch(row.genesis),
        "coin_type": 0 <= row.coin_type < 2**31,
        "p2pkh and p2sh (0-255, at least one each, all different)": bytes_ok
        and row.p2pkh
        and row.p2sh
        and len({*row.p2pkh, *row.p2sh}) == len(row.p2pkh) + len(row.p2sh),
        "hrp (small letters and digits, or empty)": not row.hrp or _HRP.fullmatch(row.hrp),
        "key_versions (8 hex digits each)": row.key_versions
        and all(_VERSION.fullmatch(version) for version in row.key_versions),
        "taproot (needs an hrp)": row.hrp or not row.taproot,
        "dust_rate, dust_floor, fee_rate_min, fee_rate_step": row.dust_rate > 0
        and row.dust_floor >= 0
        and row.fee_rate_min > 0
        and row.fee_rate_step > 0,
        "confirmations ([0, depth] first, amounts and depths growing)": _growing(row.confirmations),
        "coinbase_maturity and block_s": row.coinbase_maturity > 0 and row.block_s > 0,
    }
    wrong = [what for what, fact in facts.items() if not fact]
    if wrong:
        raise Malformed("network.row", f"the row of network {row.name[:40]!r} is wrong in {'; '.join(wrong)}")


def described(replacement: Replacement) -> str:
    """What an operator does about a stuck payment there."""
    match replacement:
        case Replacement.ANY:
            return "replace it by one with a higher fee"
        case Replacement.SIGNALLED:
            return "replace it by one with a higher fee; it must have signalled so"
        case Replacement.NONE:
            return "spend its change with a higher fee; nodes there do not replace"
        case _ as never:
            assert_never(never)


def _growing(tiers: tuple[tuple[int, int], ...]) -> bool:
    starts, depths = [start for start, _ in tiers], [depth for _, depth in tiers]
    return (
        bool(tiers)
        and starts[0] == 0
        and starts == sorted(set(starts))
        and depths == sorted(depths)
        and depths[0] >= 1
    )
