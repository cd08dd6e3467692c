"""A reconciliation report: the ledger held against the chain, network by network and asset by asset.

Laws: made by App, judged by signers; a difference is computed where it is read, never believed; whatever is
counted on one side and not yet on the other is named (`pending`: on chain and not yet in the ledger,
`in_flight`: gone from the ledger and not yet from the chain). Whole base units, canonical JSON, version 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from keepcool.core import canonical
from keepcool.core.canonical import Plain
from keepcool.core.errors import Malformed

VERSION = 1
DIFFERENCES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Total:
    """All places of an asset together: `wallets` were compared one by one, and each that differs stands among
    the differences. `pending` and `in_flight` explain what the chain has more than the ledger, or less."""

    network: str
    asset: str
    wallets: int
    ledger: int
    chain: int
    pending: int
    in_flight: int

    @property
    def difference(self) -> int:
        return self.chain - (self.ledger + self.pending + self.in_flight)


@dataclass(frozen=True, slots=True)
class Difference:
    """One place (a wallet, or a pool) where the two do not agree; `units`: chain less what explains it."""

    network: str
    asset: str
    place: str
    units: int


@dataclass(frozen=True, slots=True)
class SeenHead:
    """The head of a signer's journal when the report was made. `hash`: hex."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Report:
    """`tips`: per network that was compared, up to which block. `heads` by service."""

    made_at_s: int
    tips: Mapping[str, str]
    heads: Mapping[str, SeenHead]
    totals: tuple[Total, ...]
    differences: tuple[Difference, ...]

    @property
    def is_clean(self) -> bool:
        return not self.differences and not any(total.difference for total in self.totals)

    def encoded(self) -> bytes:
        return canonical.encode(
            {
                "differences": [
                    [one.network, one.asset, one.place, str(one.units)] for one in self.differences
                ],
                "heads": {
                    name: {"hash": head.hash, "sequence": head.sequence} for name, head in self.heads.items()
                },
                "made_at_s": self.made_at_s,
                "tips": dict(self.tips),
                "totals": [_plain(total) for total in self.totals],
                "version": VERSION,
            }
        )


def parse_head_text(text: str) -> SeenHead:
    """SEQUENCE:HASH. Raises Malformed."""
    sequence, _, digest = text.partition(":")
    try:
        return SeenHead(int(sequence), bytes.fromhex(digest).hex())
    except ValueError as error:
        raise Malformed("report.head", f"a head is SEQUENCE:HASH, not {text[:80]!r}") from error


def report_hash(encoded: bytes) -> str:
    """What an order to thaw names (SHA-256, hex)."""
    return hashlib.sha256(encoded).hexdigest()


def parse_report(data: bytes) -> Report:
    """The report behind canonical bytes. Raises Malformed on anything else."""
    plain = canonical.decode(data, "reconciliation report")
    try:
        found = Report(
            made_at_s=int(str(plain["made_at_s"])),
            tips={str(name): str(tip) for name, tip in _table(plain["tips"]).items()},
            heads={str(name): _head(_table(head)) for name, head in _table(plain["heads"]).items()},
            totals=tuple(_total(_table(one)) for one in _list(plain["totals"])),
            differences=tuple(_difference(_list(one)) for one in _list(plain["differences"])),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Malformed("report.form", "this is not a reconciliation report of this release") from error
    if found.encoded() != data:
        raise Malformed("report.form", "this is not a reconciliation report of this release")
    return found


def _plain(total: Total) -> dict[str, Plain]:
    return {
        "asset": total.asset,
        "chain": str(total.chain),
        "in_flight": str(total.in_flight),
        "ledger": str(total.ledger),
        "network": total.network,
        "pending": str(total.pending),
        "wallets": total.wallets,
    }


def _total(plain: Mapping[str, Plain]) -> Total:
    return Total(
        network=str(plain["network"]),
        asset=str(plain["asset"]),
        wallets=int(str(plain["wallets"])),
        ledger=int(str(plain["ledger"])),
        chain=int(str(plain["chain"])),
        pending=int(str(plain["pending"])),
        in_flight=int(str(plain["in_flight"])),
    )


def _difference(plain: list[Plain]) -> Difference:
    network, asset, place, units = plain
    return Difference(str(network), str(asset), str(place), int(str(units)))


def _head(plain: Mapping[str, Plain]) -> SeenHead:
    return SeenHead(int(str(plain["sequence"])), str(plain["hash"]))


def _table(plain: Plain) -> Mapping[str, Plain]:
    if not isinstance(plain, Mapping):
        raise TypeError
    return plain


def _list(plain: Plain) -> list[Plain]:
    if not isinstance(plain, list):
        raise TypeError
    return plain
