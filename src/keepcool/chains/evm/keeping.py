"""What Safes come back from without us: for each wallet a line of public data that any Safe tool can read.

Laws: nothing secret; a record whose keys do not lead to its address is an error, never a line; the lines are
one form. A line is JSON: the chain, the address, the three owners in their order, threshold, salt nonce, and
the version of the contracts (`l2`: SafeL2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from keepcool.chains import publickeys
from keepcool.chains.evm import address, wallets
from keepcool.chains.evm.assets import chain_id_of
from keepcool.chains.evm.profiles import profile_named
from keepcool.chains.family import FamilyName
from keepcool.core.errors import Breach, Malformed
from keepcool.core.ids import NetworkId
from keepcool.core.registry import WalletRecord

_PROFILE = re.compile(r"safe-(?:pool-)?([0-9.]+)-l([12])")


def lines(records: Iterable[WalletRecord], network: NetworkId) -> list[str]:
    """Of the newest version of each wallet, sorted by name. Raises Malformed when there is no wallet on this
    network, Breach on a record that gives another address."""
    chain_id_of(network)
    newest: dict[str, WalletRecord] = {}
    for record in records:
        before = newest.get(record.wallet)
        if record.network == network and (before is None or before.revision < record.revision):
            newest[record.wallet] = record
    if not newest:
        raise Malformed("safes.none", f"there is no wallet of {network}; name another --network")
    return [_line(newest[name]) for name in sorted(newest)]


def _line(record: WalletRecord) -> str:
    found = _PROFILE.fullmatch(record.profile)
    if record.family != FamilyName.EVM or found is None:
        raise Breach("safes.record", f"the record of {record.wallet} is of no Safe")
    profile, salt = profile_named(record.profile), wallets.wallet_salt(record.wallet)
    owners = [address.of_public_key(publickeys.parse_public_key(one.public_key)) for one in record.owners]
    if wallets.derive_address(profile, tuple(owners), record.threshold, salt) != record.address:
        raise Breach("safes.address", f"the record of {record.wallet} does not lead to its address")
    told = {
        "name": record.wallet,
        "chain_id": chain_id_of(record.network),
        "address": record.address,
        "owners": owners,
        "threshold": record.threshold,
        "salt": str(salt),
        "version": found[1],
        "l2": found[2] == "2",
    }
    return json.dumps(told)
