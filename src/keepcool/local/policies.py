"""The first policy file of each signer, and its signature by the installation's root key.

Keeper's and Cooler's begin alike and are separate files: each is edited, signed and carried on its own.
"""

from __future__ import annotations

from nacl.signing import SigningKey

from keepcool.core.parties import Service
from keepcool.local.plan import AssetPlan, NetworkPlan
from keepcool.local.tomltext import rendered
from keepcool.policy.document import parse_policy, signed_bytes

_HEADING = """\
# {signer}'s policy: what it may sign. Amounts are base units (wei); caps count all wallets together.
# After a change: raise `version`, sign with the root key (`keepcool policy sign`), carry both files over.
"""
_INTENT_LIFETIME_S_MAX = 86_400


def first_policy(service: Service, network: NetworkPlan) -> bytes:
    """The file's bytes, proven to be a policy. Raises Malformed when the plan makes none."""
    tables: dict[str, object] = {
        "version": 1,
        "intents": {"lifetime_s_max": _INTENT_LIFETIME_S_MAX},
        "wallets": {"attestations": [Service.KEEPER.value, Service.COOLER.value]},
        "evidence": {"kinds": []},
        "networks": {network.id: _network(service, network)},
        "assets": {asset.id: _asset(asset) for asset in network.assets},
    }
    text = _HEADING.format(signer=service.value.capitalize()) + rendered(tables)
    parse_policy(text.encode())
    return text.encode()


def signature(root_key: bytes, document: bytes) -> bytes:
    """The `.sig` file beside a policy. `root_key` is the 32-byte Ed25519 seed."""
    signed = SigningKey(root_key).sign(signed_bytes(document))
    return signed.signature.hex().encode("ascii") + b"\n"


def _network(service: Service, network: NetworkPlan) -> dict[str, object]:
    native = network.assets[0]
    table: dict[str, object] = {
        "family": "evm",
        "profile": network.profile,
        "fee_max_units": str(network.fee_max_units),
        "native": {"asset": native.id, "symbol": native.symbol, "decimals": native.decimals},
    }
    if service is Service.KEEPER:
        table["purse"] = {
            "fee_max_units": str(network.fee_max_units),
            "gas_budget_day_units": str(network.gas_budget_day_units),
            "deployments_per_day": network.deployments_per_day,
        }
    return table


def _asset(asset: AssetPlan) -> dict[str, object]:
    return {
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "cap_transaction_units": str(asset.cap_transaction_units),
        "cap_hour_units": str(asset.cap_hour_units),
        "cap_day_units": str(asset.cap_day_units),
    }
