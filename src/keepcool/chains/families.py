"""Which family a record or a network belongs to: the one place that knows them all."""

from __future__ import annotations

from typing import assert_never

from keepcool.chains.evm.family import EvmFamily
from keepcool.chains.family import Family, FamilyName
from keepcool.chains.minter.family import MinterFamily
from keepcool.core.errors import Malformed
from keepcool.core.ids import NetworkId

_NAMESPACES = {"eip155": FamilyName.EVM, "minter": FamilyName.MINTER}  # CAIP-2 namespaces


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
        case _ as never:
            assert_never(never)


def family_of(network: NetworkId) -> Family:
    """The family of a CAIP-2 network. Raises Malformed on a namespace this release does not know."""
    name = _NAMESPACES.get(network.partition(":")[0])
    if name is None:
        raise Malformed("network.unknown", f"no family here serves the network {network[:40]!r}")
    return family_named(name.value)


def first_position(network: NetworkId) -> int:
    """The lowest position of a slot there: an account of Minter begins at nonce 1, a Safe at nonce 0."""
    return 1 if _NAMESPACES.get(network.partition(":")[0]) is FamilyName.MINTER else 0
