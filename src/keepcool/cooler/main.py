"""Cooler's composition root: adapters meet handlers here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import uvloop

from keepcool.adapters import keystores, signer_host
from keepcool.adapters.identity.keyfiles import write_private
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.keystoredesk import KeystoreDesk
from keepcool.adapters.minternode.agreement import AgreeingNodes
from keepcool.adapters.minternode.node import HttpMinterNode
from keepcool.adapters.signer_host import SignerHost
from keepcool.adapters.sqlite.signer import open_store
from keepcool.adapters.system import control as control_socket
from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.logs import log_to_stderr
from keepcool.adapters.system.metrics import gauges
from keepcool.adapters.system.notify import keep_alive
from keepcool.adapters.toml import load
from keepcool.chains.accounts import AccountPin
from keepcool.cooler import config
from keepcool.cooler.attesting import Attesting, Pins
from keepcool.cooler.config import CoolerSettings
from keepcool.cooler.new_key import Desk, MadeKey, check_sealed, paper_file
from keepcool.cooler.new_key import add_accounts as seal_accounts
from keepcool.cooler.new_key import new_key as make_key
from keepcool.cooler.number_memory import NumberMemory
from keepcool.cooler.proven_memory import ProvenMemory
from keepcool.cooler.proving import Proofs
from keepcool.core.faults import FaultPoint
from keepcool.core.ids import NetworkId, network_id
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.cosigner import control as commands
from keepcool.cosigner import statement
from keepcool.cosigner.accountpins import pinned_accounts
from keepcool.cosigner.foundation import Foundation, Part
from keepcool.cosigner.hosted import Hosted
from keepcool.cosigner.keyring import one_key
from keepcool.cosigner.opening import by_command
from keepcool.cosigner.reloading import Reloading
from keepcool.cosigner.renewing import Renewing
from keepcool.cosigner.rewrapping import Rewrapping
from keepcool.cosigner.service import Signer
from keepcool.cosigner.signing import Points
from keepcool.hazmat import process
from keepcool.hazmat.innerseal import InnerKey

POINTS = Points(FaultPoint.COOLER_OPENED, FaultPoint.COOLER_REMEMBERED, FaultPoint.COOLER_SIGNED)
T = TypeVar("T")
_log = logging.getLogger("keepcool.cooler")


def run(file: Path, *, one_machine: bool = False) -> None:
    """Run Cooler until SIGTERM or SIGINT. Raises what keeps it from starting."""
    settings = load(file, CoolerSettings)
    os.umask(0o077)
    log_to_stderr(Service.COOLER.value)
    for missing in process.harden().missing():
        _log.warning(missing)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, file.resolve(), one_machine=one_machine))


def check_config(file: Path) -> list[str]:
    """What this configuration and its signed policy come to, in sentences."""
    settings = load(file, CoolerSettings)
    policy = signer_host.signed_policy(settings.policy)
    return [
        *statement.sentences(Service.COOLER, Role.COOL, settings, policy),
        *config.sentences(settings, policy),
    ]


def keystore_desk(file: Path) -> KeystoreDesk:
    """Cooler's keystore, as an operator treats it."""
    settings = load(file, CoolerSettings)
    service = Service.COOLER
    return KeystoreDesk(settings.keystore, service, signer_host.control_path(settings, service))


def hosted(file: Path) -> Hosted:
    """Cooler as its own host commands it, running or stopped."""
    return Hosted(signer_host.OwnHost(load(file, CoolerSettings), Service.COOLER))


async def _run(settings: CoolerSettings, file: Path, *, one_machine: bool) -> None:
    stop, rung = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rung.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    path = signer_host.control_path(settings, Service.COOLER)
    serve = partial(control_socket.serve, path, commands.FRAME_BYTES_MAX)
    opening = signer_host.opened(
        settings,
        Service.COOLER,
        file.parent,
        one_machine=one_machine,
        by_hand=lambda open_with: by_command(serve, open_with, stop),
    )
    async with opening as host:
        for warning in host.warnings:
            _log.warning(warning)
        nodes = _nodes(settings, host)
        signer = await _serving(settings, host, nodes)
        gauges(host.metrics, signer.readings())
        known = commands.deeds(signer)
        underway = signer.foundation.underway
        known |= Rewrapping(Service.COOLER, host.store, host.keystore, underway).deeds()
        reloading = Reloading(
            signer=signer,
            pinned=host.peers,
            read_policy=lambda: signer_host.policy_file(settings.policy),
            read_peers=lambda: peers_of(load(file, CoolerSettings).peers),
        )
        known |= reloading.deeds()
        serving = serve(lambda raw: commands.answer(known, raw))
        await signer.run(
            stop,
            host.metrics_file.keep_writing(signer_host.METRICS_EVERY_S),
            host.health_file.keep_writing(signer.health, signer_host.HEALTH_EVERY_S),
            keep_alive(os.environ),
            serving,
            reloading.on_signal(rung),
        )
        await asyncio.gather(*[one.close() for one in nodes.values()])
    _log.info("stopped")


def new_key(file: Path, paper: Path, *, one_machine: bool = False) -> tuple[Path, MadeKey]:
    """Make the cool key: the sheet's file, and what is to be pinned. Raises Conflict when there is one
    already."""
    settings, sheet = load(file, CoolerSettings), paper_file(paper)
    paper.mkdir(parents=True, exist_ok=True, mode=0o700)
    made_ms = SystemClock(settings.clock_offset_ms).now_ms()
    made_on = datetime.fromtimestamp(made_ms // 1000, UTC).strftime("%Y-%m-%d")
    made = _at_desk(settings, file, lambda desk: make_key(desk, made_on), one_machine=one_machine)
    with made.text, made.text.opened() as raw:
        write_private(sheet, bytes(raw))
    return sheet, made


def add_accounts(file: Path, words: str, *, one_machine: bool = False) -> tuple[AccountPin, ...]:
    """Seal the accounts of the cool key that are missing here. All of them, to be pinned."""
    settings = load(file, CoolerSettings)
    return _at_desk(settings, file, lambda desk: seal_accounts(desk, words), one_machine=one_machine)


def _at_desk(
    settings: CoolerSettings, file: Path, deed: Callable[[Desk], Awaitable[T]], *, one_machine: bool
) -> T:
    os.umask(0o077)
    process.harden()
    folder = file.resolve().parent

    async def done() -> T:
        async with _desk(settings, folder, one_machine=one_machine) as desk:
            return await deed(desk)

    return asyncio.run(done())


@contextlib.asynccontextmanager
async def _desk(settings: CoolerSettings, folder: Path, *, one_machine: bool) -> AsyncIterator[Desk]:
    data = signer_host.data_folder(settings)
    inner = InnerKey(signer_host.inner_key(Path(settings.inner_key), one_machine=one_machine))
    entropy = SystemEntropy()
    keystore = await keystores.opened(settings.keystore, folder, entropy, os.environ, keystores.nobody)
    with contextlib.closing(open_store(data / f"{Service.COOLER.value}.sqlite")) as store:
        try:
            await keystore.check()
            yield Desk(store, keystore, inner, entropy)
        finally:
            await keystore.close()


async def _serving(
    settings: CoolerSettings, host: SignerHost, nodes: Mapping[NetworkId, AgreeingNodes]
) -> Signer:
    pins, memory, numbers = _pins(settings, host), ProvenMemory(), NumberMemory()
    part = Part(
        role=Role.COOL,
        place=one_key(Service.COOLER, Role.COOL),
        peer=Service.KEEPER,
        points=POINTS,
        memories=(memory, numbers),
    )
    signer = await Signer.opened(_foundation(host), part)
    attesting = Attesting(signer, pins, memory, Proofs(nodes), numbers)
    renewing = Renewing.of(signer, Service.KEEPER)
    await signer.serve({"wallets.attest.v1": attesting.attest, "wallets.renew.v1": renewing.renew})
    _log.info("serving", extra={"policy": signer.policy.hash, "wallets": host.store.record_count()})
    return signer


def _nodes(settings: CoolerSettings, host: SignerHost) -> dict[NetworkId, AgreeingNodes]:
    """Raises what is wrong with a node's URL, or with how many of them shall agree."""
    nodes = {}
    for name, given in settings.minter.items():
        network, age_s_max = network_id(name), given.block_age_s_max or None
        one_by_one = [
            HttpMinterNode(
                network, url, host.clock, tip_age_s_max=age_s_max, name=f"node {number} of {network}"
            )
            for number, url in enumerate(given.nodes, 1)
        ]
        nodes[network] = AgreeingNodes(one_by_one, given.agree)
    return nodes


def _foundation(host: SignerHost) -> Foundation:
    return Foundation(
        identity=host.identity,
        own=host.identity.peer(),
        peers=host.peers,
        store=host.store,
        keystore=host.keystore,
        inner=InnerKey(host.inner_key),
        exchange=host.exchange,
        clock=host.clock,
        entropy=host.entropy,
        faults=host.faults,
        policy=host.policy,
        families=host.families,
        document=host.document,
        installation=host.installation,
    )


def _pins(settings: CoolerSettings, host: SignerHost) -> Pins:
    """Raises Refused unless the pinned cool key and accounts are those that lie sealed here."""
    accounts = pinned_accounts(settings)
    check_sealed(host.store, settings.cool_public_key, accounts)
    return Pins(settings.cool_public_key, settings.cold_public_key, accounts)
