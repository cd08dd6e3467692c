"""The TOML of each service, as the service itself reads it. Every file is named relative to its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never, cast
from urllib.parse import urlsplit

import msgspec

from keepcool.chains import accounts
from keepcool.chains.accounts import AccountPin
from keepcool.core.parties import Peer, Service
from keepcool.core.profiles import Profile
from keepcool.local import cloudkeystores, layout, localkeystores, outsidekeystores
from keepcool.local.broker import BrokerFiles
from keepcool.local.cloudkeystores import CloudKeystore
from keepcool.local.identities import pinned
from keepcool.local.keystore import KeystorePlan, transit_key
from keepcool.local.outsidekeystores import OutsideKeystore
from keepcool.local.people import INTENT_LIFETIME_S, NOBODY, People, site
from keepcool.local.plan import AnyPlan, AssetPlan, BitcoinPlan, EvmPlan, KeystoreKind, MinterPlan, Ports
from keepcool.local.tomltext import rendered
from keepcool.ports.settings import BusSettings, KeystoreSettings, PolicySettings


@dataclass(frozen=True, slots=True)
class PaperPublic:
    """A paper key's public half: what all EVM wallets share, and the accounts of other families."""

    public_key: str
    accounts: tuple[AccountPin, ...] = ()


@dataclass(frozen=True, slots=True)
class PublicParts:
    """What services know of one another, and of the paper keys."""

    peers: Mapping[Service, Peer]
    root_key: bytes
    cold: PaperPublic
    cool: PaperPublic = PaperPublic("")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which keystore a signer has, and where the installation departs from the house's own design."""

    keystore: KeystoreKind = "openbao"
    profiles: frozenset[Profile] = frozenset()
    outside: tuple[OutsideKeystore, ...] = ()
    cloud: tuple[CloudKeystore, ...] = ()


USUAL = Chosen()


def signer_toml(
    service: Service,
    networks: Sequence[AnyPlan],
    ports: Ports,
    public: PublicParts,
    chosen: Chosen = USUAL,
) -> str:
    """keeper.toml or cooler.toml."""
    table: dict[str, object] = {
        **({"profiles": sorted(chosen.profiles)} if chosen.profiles else {}),
        "identity": layout.IDENTITY,
        "data": layout.DATA,
        "inner_key": layout.INNER_KEY,
        "cold_public_key": public.cold.public_key,
        "cool_public_key": public.cool.public_key,
        "bus": _plain(bus_settings(ports)),
        "keystore": _keystore(service, ports, chosen),
        "policy": _plain(PolicySettings(file=layout.POLICY, root_key=public.root_key.hex())),
        "peers": _peers(service, public),
        "cool_accounts": [accounts.plain(pin) for pin in public.cool.accounts],
        "cold_accounts": [accounts.plain(pin) for pin in public.cold.accounts],
    }
    minter = {one.id: _minter_signer(service, one) for one in networks if isinstance(one, MinterPlan)}
    table |= {"minter": minter} if minter else {}
    if networks_toml(networks) is not None:
        table = {"networks_file": layout.NETWORKS} | table
    return f"# keepcool {service.value} check-config --config {service.value}.toml\n" + rendered(table)


def _keystore(service: Service, ports: Ports, chosen: Chosen) -> dict[str, object]:
    match chosen.keystore:
        case "openbao":
            return _plain(keystore_settings(service, ports))
        case "local":
            return localkeystores.table()
        case "outside":
            return outsidekeystores.table(service, chosen.outside)
        case "cloud":
            return cloudkeystores.table(service, chosen.cloud)
        case _ as never:
            assert_never(never)


def networks_toml(networks: Sequence[AnyPlan]) -> str | None:
    """The rows of networks that this release does not ship; None when there are none."""
    rows = [one.row for one in networks if isinstance(one, BitcoinPlan) and one.row is not None]
    return "# Forks that this release does not ship.\n" + rendered({"network": rows}) if rows else None


def app_toml(
    networks: Sequence[AnyPlan],
    ports: Ports,
    public: PublicParts,
    people: People = NOBODY,
    chosen: Chosen = USUAL,
) -> str:
    users = people.user_signatures and people.users_url
    table: dict[str, object] = {
        **({"profiles": sorted(chosen.profiles)} if chosen.profiles else {}),
        "identity": layout.IDENTITY,
        "database": f"{layout.DATA}/{layout.DATABASE}",
        "root_key": public.root_key.hex(),
        "http": {"host": "127.0.0.1", "port": ports.app},
        **({"users": site(people.users_url)} if users else {}),
        "bus": _plain(bus_settings(ports)),
        "peers": _peers(Service.APP, public),
        "networks": {network.id: _patient(network_table(network), people) for network in networks},
    }
    return "# keepcool app check-config --config app.toml\n" + rendered(table)


def _patient(table: dict[str, object], people: People) -> dict[str, object]:
    """Where people are asked, an intent lives long enough for them to answer."""
    if not people.are_asked:
        return table
    fees = cast("dict[str, object]", table["fees"])
    return {**table, "fees": {**fees, "intent_lifetime_s": INTENT_LIFETIME_S}}


def desk_toml(networks: Sequence[AnyPlan], ports: Ports, public: PublicParts, people: People) -> str:
    """desk.toml: on this machine at the port its URL names, else behind a proxy."""
    url = urlsplit(people.desk_url)
    here = url.hostname == "localhost"
    listed = {one.id: {"symbol": one.symbol, "decimals": one.decimals} for n in networks for one in n.assets}
    table: dict[str, object] = {
        "identity": layout.IDENTITY,
        "data": layout.DATA,
        "origin": people.desk_url,
        "rp_id": url.hostname or "",
        **({"networks_file": layout.NETWORKS} if networks_toml(networks) is not None else {}),
        "http": {"port": url.port}
        if here and url.port
        else {"port": ports.app + 10, "behind_proxy": not here},
        "bus": _plain(bus_settings(ports)),
        "peers": _peers(Service.DESK, public),
        "assets": listed,
    }
    return "# keepcool desk check-config --config desk.toml\n" + rendered(table)


def operator_toml(ports: Ports, public: PublicParts) -> str:
    """What `keepcool user`, `wallet`, `withdraw` and the other client commands read."""
    pins = {signer.value: (public.peers[signer].attestation_key or b"").hex() for signer in layout.SIGNERS}
    pins["root"] = public.root_key.hex()
    table = {"url": f"http://127.0.0.1:{ports.app}", "api_key": "api.key", "pins": pins}
    return "# The App, the file with your API key, and the keys that vouch for addresses.\n" + rendered(table)


def bus_settings(ports: Ports) -> BusSettings:
    return BusSettings(
        url=f"tls://127.0.0.1:{ports.broker}",
        nkey_seed=f"{layout.BUS}/{layout.NKEY}",
        ca=f"{layout.BUS}/{layout.CA}",
        certificate=f"{layout.BUS}/{layout.CERTIFICATE}",
        certificate_key=f"{layout.BUS}/{layout.CERTIFICATE_KEY}",
    )


def broker_files(config: Path) -> BrokerFiles:
    """All but the configuration itself relative to its folder, where the broker is started."""
    return BrokerFiles(
        config=config,
        ca=Path(layout.CA),
        certificate=Path(layout.SERVER),
        certificate_key=Path(layout.SERVER_KEY),
        store=Path(layout.JETSTREAM),
    )


def keystore_plan(service: Service, ports: Ports) -> KeystorePlan:
    if service is Service.KEEPER:
        return KeystorePlan(service, ports.keeper_keystore, ports.keeper_cluster)
    return KeystorePlan(service, ports.cooler_keystore, ports.cooler_cluster)


def keystore_settings(service: Service, ports: Ports) -> KeystoreSettings:
    return KeystoreSettings(
        url=keystore_plan(service, ports).url,
        ca=f"{layout.KEYSTORE}/{layout.CA}",
        role_id=f"{layout.KEYSTORE}/{layout.ROLE_ID}",
        secret_id=f"{layout.KEYSTORE}/{layout.SECRET_ID}",
        transit_key=transit_key(service),
        forbidden_keys=[transit_key(peer) for peer in layout.SIGNERS if peer is not service],
    )


def _peers(service: Service, public: PublicParts) -> dict[str, object]:
    """Those a service speaks with: a signer with all, the others with both signers."""
    known = public.peers if service in layout.SIGNERS else layout.SIGNERS
    others = [peer for name, peer in public.peers.items() if name is not service and name in known]
    return {peer.service.value: _plain(pinned(peer)) for peer in others}


def network_table(network: AnyPlan) -> dict[str, object]:
    match network:
        case EvmPlan():
            return _evm(network)
        case MinterPlan():
            return _minter(network)
        case BitcoinPlan():
            return _bitcoin(network)
        case _ as never:
            assert_never(never)


def _evm(network: EvmPlan) -> dict[str, object]:
    return {
        "name": network.name,
        "family": "evm",
        "profile": network.profile,
        "node_urls": list(network.node_urls),
        "crediting": network.crediting,
        "depth_blocks": network.depth_blocks,
        "poll_ms": network.poll_ms,
        "start_block": network.start_block,
        "fees": {"withdrawal_fee_max": str(network.fee_max_units)},
        "pool": network.pool,
        "sweep": {"wait_s": network.sweep_wait_s},
        "assets": asset_tables(network.assets),
    }


def _minter(network: MinterPlan) -> dict[str, object]:
    return {
        "name": network.name,
        "family": "minter",
        "node_urls": list(network.node_urls),
        "agree": network.agree,
        "poll_ms": network.poll_ms,
        "start_block": network.start_block,
        "tip_age_s_max": network.tip_age_s_max,
        "spares": network.spares,
        "fees": {
            "withdrawal_fee_max": str(network.fee_max_units),
            "gas_price": network.gas_price,
            "gas_price_max": network.gas_price_max,
        },
        "assets": asset_tables(network.assets),
    }


def _bitcoin(network: BitcoinPlan) -> dict[str, object]:
    optional: dict[str, object] = {
        "node_cookies": list(network.node_cookies),
        "replacement": network.replacement,
        "confirmations": [list(one) for one in network.confirmations],
    }
    return {
        "name": network.name,
        "family": "bitcoin",
        "profile": network.profile,
        "pool": network.pool,
        "node_urls": list(network.node_urls),
        **{name: value for name, value in optional.items() if value},
        "agree": network.agree,
        "poll_ms": network.poll_ms,
        "start_block": network.start_block,
        "tip_age_s_max": network.tip_age_s_max,
        "fees": {
            "withdrawal_fee_max": str(network.withdrawal_fee_max_units),
            "fee_rate_max": network.fee_rate_max,
            "batch_s": network.batch_s,
            "bump_after_s": network.bump_after_s,
        },
        "assets": asset_tables(network.assets),
        **({} if network.row is None else {"row": network.row}),
    }


def _minter_signer(service: Service, network: MinterPlan) -> dict[str, object]:
    if service is Service.KEEPER:
        return {"creators": network.creators}
    return {"nodes": list(network.node_urls), "agree": network.agree}


def asset_tables(assets: Sequence[AssetPlan]) -> list[dict[str, object]]:
    return [
        {
            "id": asset.id,
            "symbol": asset.symbol,
            "decimals": asset.decimals,
            "deposit_min": str(asset.deposit_min_units),
        }
        for asset in assets
    ]


def _plain(settings: msgspec.Struct) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(settings)
    return {name: value for name, value in plain.items() if value not in ("", None)}
