"""A network or a token written into the files that name them: App's configuration and the signers' policies.

Laws: tables are only added, a policy's version goes up by one, nothing else of a file changes; what would not
read as wanted afterwards is refused and nothing is written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.local import configs
from keepcool.local.plan import AssetPlan, EvmPlan
from keepcool.local.policies import PolicyPart, evm_part
from keepcool.local.tomltext import rendered
from keepcool.policy.document import parse_policy

_VERSION = re.compile(r"^version = ([0-9]+)$", re.MULTILINE)


def network_in_app(text: str, network: EvmPlan) -> str:
    """App's configuration with the network."""
    if network.id in _tables(text, "networks"):
        raise Refused("adding.known", f"{network.id} is configured already")
    return _added(text, {"networks": {network.id: configs.network_table(network)}})


def token_in_app(text: str, network: str, asset: AssetPlan) -> str:
    """App's configuration with the asset, on a network that it has."""
    table = _tables(text, "networks").get(network)
    if not isinstance(table, dict):
        raise Refused("adding.network", f"{network} is not configured: `keepcool networks add` first")
    if any(one.get("id") == asset.id for one in table.get("assets", [])):
        raise Refused("adding.known", f"{asset.id} is configured already")
    return _added(text, {"networks": {network: {"assets": configs.asset_tables([asset])}}})


def network_in_policy(text: str, service: Service, network: EvmPlan) -> str:
    """The policy with the network and its assets, of the next version."""
    part = evm_part(service, network)
    return _next_policy(text, {"networks": {part.network: part.rules}, "assets": part.assets})


def token_in_policy(text: str, network: EvmPlan) -> str:
    """The policy with the assets of `network` that it does not have yet, of the next version."""
    part: PolicyPart = evm_part(Service.COOLER, network)
    if network.id not in _tables(text, "networks"):
        raise Refused(
            "adding.network", f"the policy does not name {network.id}: `keepcool networks add` first"
        )
    return _next_policy(text, {"assets": part.assets})


def _next_policy(text: str, more: Mapping[str, object]) -> str:
    if len(_VERSION.findall(text)) != 1:
        raise Refused("adding.version", "the policy has no single line `version = N`: write it by hand")
    raised = _VERSION.sub(lambda found: f"version = {int(found[1]) + 1}", text)
    made = _added(raised, more)
    parse_policy(made.encode())
    return made


def _added(text: str, more: Mapping[str, object]) -> str:
    try:
        made = f"{text.rstrip()}\n\n{rendered(more)}"
        found, wanted = tomllib.loads(made), _joined(tomllib.loads(text), more)
    except tomllib.TOMLDecodeError as error:
        raise Refused(
            "adding.form", f"the tables cannot be added below the file ({error}): edit it by hand"
        ) from error
    if found != wanted:
        raise Refused("adding.form", "the file would not read as wanted: edit it by hand")
    return made


def _joined(before: Mapping[str, object], more: Mapping[str, object]) -> dict[str, object]:
    joined = dict(before)
    for name, value in more.items():
        old = joined.get(name)
        if isinstance(old, dict) and isinstance(value, Mapping):
            joined[name] = _joined(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            joined[name] = [*old, *value]
        elif name in joined:
            raise Refused("adding.known", f"{name} is there already")
        else:
            joined[name] = dict(value) if isinstance(value, Mapping) else value
    return joined


def _tables(text: str, name: str) -> dict[str, object]:
    found = tomllib.loads(text).get(name, {})
    return found if isinstance(found, dict) else {}
