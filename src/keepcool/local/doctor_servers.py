"""doctor on what should answer: broker, keystores, nodes, App. A machine at rest is one warning, not six."""

from __future__ import annotations

import asyncio
import subprocess
import urllib.request
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec

from keepcool.adapters.openbao.keystore import OpenBaoKeystore
from keepcool.core.errors import KeepcoolError, Refused
from keepcool.core.parties import Service
from keepcool.local import doctor_bitcoin, doctor_minter, layout
from keepcool.local.broker import outdated, server_program
from keepcool.local.findings import Finding, Weight
from keepcool.local.layout import SIGNERS, Layout
from keepcool.local.process import listening
from keepcool.local.reach import reach_of
from keepcool.ports.settings import KeystoreSettings

_TIMEOUT_S = 5.0
_ANSWER_BYTES_MAX = 65536


class _Network(msgspec.Struct, frozen=True):
    node_urls: list[str]
    chain_name: str = ""
    node_cookies: tuple[str, ...] = ()
    row: dict[str, object] | None = None


class _Networks(msgspec.Struct, frozen=True):
    networks: dict[str, _Network]


class _CoolersNodes(msgspec.Struct, frozen=True):
    nodes: list[str]


class _WithNodes(msgspec.Struct, frozen=True):
    minter: dict[str, _CoolersNodes] = {}


class _ChainId(msgspec.Struct, frozen=True):
    result: str


class _WithKeystore(msgspec.Struct, frozen=True):
    keystore: KeystoreSettings


def broker_configuration(places: Layout) -> Iterator[Finding]:
    """What nats-server itself says of its file."""
    if not places.broker.is_dir():
        return
    run = subprocess.run(
        [str(server_program()), "-c", layout.NATS_CONFIG, "-t"],
        cwd=places.broker,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if run.returncode != 0:
        said = (run.stderr or run.stdout).strip()[-300:]
        config = places.broker / layout.NATS_CONFIG
        yield Finding("doctor.broker", f"{config}: {said}", f"correct {config} as it says")
        return
    config = places.broker / layout.NATS_CONFIG
    lacking = outdated(config.read_text(encoding="utf-8"))
    if lacking:
        yield Finding(
            "doctor.broker_outdated",
            f"{config} is of an older release: some requests do not pass",
            f"write there, and restart the broker: {'; '.join(lacking)}",
            Weight.WARNING,
        )


def servers(places: Layout) -> Iterator[Finding]:
    """The parts of one machine that do not answer."""
    reach = reach_of(places)
    quiet = [name for name, port in reach.ports().items() if not listening(port)]
    if len(quiet) == len(reach.ports()):
        yield Finding("doctor.at_rest", "nothing of it runs", f"keepcool up {places.folder}", Weight.WARNING)
        return
    for name in quiet:
        log = places.folder / name / layout.LOG
        yield Finding("doctor.quiet", f"{name} does not answer", f"start it; its last words are in {log}")
    for signer in SIGNERS:
        if f"{signer.value}-keystore" in reach.ports() and f"{signer.value}-keystore" not in quiet:
            yield from _keystore(places, signer)


def nodes(places: Layout) -> Iterator[Finding]:
    """Nodes that do not answer, follow another chain, or are not at its end: App's, and Cooler's own."""
    if places.service(Service.APP).is_dir():
        config = places.config(Service.APP)
        for network, table in msgspec.toml.decode(config.read_bytes(), type=_Networks).networks.items():
            mend = f'start it, or correct networks."{network}".node_urls'
            yield from _of_network(config, network, table, mend)
    if places.service(Service.COOLER).is_dir():
        yield from _coolers_own(places.config(Service.COOLER))


def _coolers_own(config: Path) -> Iterator[Finding]:
    for network, table in msgspec.toml.decode(config.read_bytes(), type=_WithNodes).minter.items():
        mend = f'start it, or correct minter."{network}".nodes'
        yield from _of_network(config, network, _Network(table.nodes), mend)


def _of_network(config: Path, network: str, table: _Network, mend: str) -> Iterator[Finding]:
    """A URL may carry an API key, so a node is called by its number."""
    files = [config.parent / file for file in table.node_cookies[: len(table.node_urls)]]
    for number, (url, cookie) in enumerate(zip_longest(table.node_urls, files), 1):
        name = f"node {number} of {network} in {config}"
        if network.startswith("minter:"):
            yield from doctor_minter.node(name, network, url, mend, table.chain_name)
        elif network.startswith("bip122:"):
            yield from doctor_bitcoin.node(name, doctor_bitcoin.Place(network, url, cookie, table.row), mend)
        else:
            yield from _node(name, network, url, mend)


def _keystore(places: Layout, signer: Service) -> Iterator[Finding]:
    config = places.config(signer)
    settings = msgspec.toml.decode(config.read_bytes(), type=_WithKeystore).keystore
    try:
        asyncio.run(_checked(settings, places.service(signer)))
    except KeepcoolError as error:
        mend = _MENDS.get(error.code, f"correct [keystore] in {config}")
        yield Finding(error.code, f"{signer.value}'s keystore: {error.public}", mend)


async def _checked(settings: KeystoreSettings, beside: Path) -> None:
    keystore = OpenBaoKeystore.from_settings(settings, beside)
    try:
        await keystore.check()
    finally:
        await keystore.close()


_MENDS = {
    "keystore.sealed": "bao operator unseal, with the shares from the root folder",
    "keystore.token": "make a new secret id in the keystore (auth/approle/role/<service>/secret-id)",
    "keystore.too_powerful": "narrow the service's policy in its keystore to its own key",
}


def _node(name: str, network: str, url: str, mend: str) -> Iterator[Finding]:
    try:
        chain = _chain_id(url)
    except (OSError, ValueError, msgspec.DecodeError, Refused) as error:
        yield Finding("doctor.node", f"{name} does not answer: {type(error).__name__}", mend, Weight.WARNING)
        return
    if f"eip155:{chain}" != network:
        yield Finding("doctor.chain", f"{name} follows eip155:{chain}", mend)


def _chain_id(url: str) -> int:
    if not url.startswith(("http://", "https://")):
        raise Refused("doctor.url", "a node's URL is http or https")
    asked = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
    request = urllib.request.Request(url, asked, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - http or https, above
        raw: bytes = answer.read(_ANSWER_BYTES_MAX)
    return int(msgspec.json.decode(raw, type=_ChainId).result, 16)
