"""The only things a coin key will sign for.

`Approval` is made by `cosigner/judge.py` alone, from verdicts that are all `Approved`;
`PurseApproval` by `keeper/purse_judge.py` alone. The tidy test holds both to it, and the stamp stops
an honest mistake at run time. hazmat signs the digests inside, and none it is handed beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from keepcool.core.ids import IntentId, WalletId

STAMP = object()


@dataclass(frozen=True, slots=True)
class Approval:
    """All rules said yes to these digests (32 bytes each) under this policy (SHA-256, hex). `leaves`: per
    digest the path below the wallet's key whose child signs it; empty where the key itself signs all."""

    intent: IntentId
    wallet: WalletId
    digests: tuple[bytes, ...]
    policy: str
    stamp: object = field(repr=False, compare=False)
    leaves: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        _genuine(self.stamp, self.digests)
        if self.leaves and (len(self.leaves) != len(self.digests) or not all(self.leaves)):
            raise TypeError("an approval names the leaf of every digest, or of none")


@dataclass(frozen=True, slots=True)
class PurseApproval:
    """A fee-paying transaction the purse may sign: its digest (32 bytes), network and account nonce."""

    network: str
    nonce: int
    digests: tuple[bytes, ...]
    stamp: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        _genuine(self.stamp, self.digests)


def _genuine(stamp: object, digests: tuple[bytes, ...]) -> None:
    if stamp is not STAMP:
        raise TypeError("an approval is given by a judge, not constructed")
    if not digests or any(len(digest) != 32 for digest in digests):
        raise TypeError("an approval covers at least one digest of 32 bytes")
