"""The command that shows on another machine what a draft does, and the file it reads.

Law: the command names what the bytes do not say themselves (wallet, profile, network), in words a shell takes
as they are.
"""

from __future__ import annotations

import shlex

from keepcool.chains.bitcoin import wallets
from keepcool.chains.families import Families
from keepcool.chains.family import FamilyName
from keepcool.core.errors import KeepcoolError
from keepcool.core.registry import WalletRecord

_SUFFIX = {FamilyName.EVM: "json", FamilyName.MINTER: "hex", FamilyName.BITCOIN: "psbt"}


def file_name(record: WalletRecord, sha256: str) -> str:
    """Under which a draft is downloaded."""
    return f"draft-{sha256[:16]}.{_SUFFIX[FamilyName(record.family)]}"


def file_bytes(record: WalletRecord, draft: bytes) -> bytes:
    """As `keepcool inspect` reads it: Minter's bytes in hexadecimal, the others as they are."""
    return draft.hex().encode("ascii") + b"\n" if record.family == FamilyName.MINTER.value else draft


def command(record: WalletRecord, sha256: str, families: Families) -> str:
    """For a shell, in the folder of the downloaded file."""
    name, family = file_name(record, sha256), FamilyName(record.family)
    match family:
        case FamilyName.EVM:
            words = ["keepcool", "inspect", "evm", name, "--profile", record.profile]
        case FamilyName.MINTER:
            words = ["keepcool", "inspect", "minter", name, "--sender", record.address]
        case FamilyName.BITCOIN:
            words = ["keepcool", "inspect", "bitcoin", name, *_bitcoin(record, families)]
    return shlex.join(words)


def _bitcoin(record: WalletRecord, families: Families) -> list[str]:
    try:
        wallet = wallets.wallet_of(record, families.networks)
    except KeepcoolError:
        return []
    options = ["--network", wallet.network.name]
    for descriptor in wallet.descriptors():
        options += ["--descriptor", descriptor]
    return options
