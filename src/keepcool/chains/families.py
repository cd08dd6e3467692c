"""Which family a record or a network belongs to: the one place that knows them all."""

from __future__ import annotations

from typing import assert_never

from keepcool.chains.bitcoin.family import BitcoinFamily
from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.family import Family, FamilyName
from keepcool.chains.minter.family import MinterFamily
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId

_NAMESPACES = {  # of CAIP-2
    "eip155": FamilyName.EVM,
    "minter": FamilyName.MINTER,
    "bip122": FamilyName.BITCOIN,
}


def family_named(name: str) -> Family:
    """The family a record names. Raises Malformed on one this release does not know."""
    try:
        known = FamilyName(name)
    except ValueError as error:
        raise Malformed("family.unknown", f"this release knows no family called {name[:40]!r}") from error
    match known:
        case FamilyName.EVM:
            return EvmFamily()
        case FamilyName.MINTER:
            return MinterFamily()
        case FamilyName.BITCOIN:
            return BitcoinFamily()
        case _ as never:
            assert_never(never)


def family_of(network: NetworkId) -> Family:
    """The family of a CAIP-2 network. Raises Malformed on a namespace this release does not know."""
    name = _NAMESPACES.get(network.partition(":")[0])
    if name is None:
        raise Malformed("network.unknown", f"no family here serves the network {network[:40]!r}")
    return family_named(name.value)


def ordered(network: NetworkId) -> bool:
    """Whether the positions of a slot's space are used up one after another there, as nonces are; coins of
    Bitcoin are spent in any order."""
    return _NAMESPACES.get(network.partition(":")[0]) is not FamilyName.BITCOIN


def first_position(network: NetworkId) -> int:
    """The lowest position of a slot there: an account of Minter begins at nonce 1, a Safe at nonce 0. Where
    slots are not `ordered`, none comes first."""
    return 1 if _NAMESPACES.get(network.partition(":")[0]) is FamilyName.MINTER else 0
