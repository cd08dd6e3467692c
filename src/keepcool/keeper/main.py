"""Keeper's composition root: adapters meet handlers here and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from functools import partial
from pathlib import Path

import uvloop

from keepcool.adapters import signer_host
from keepcool.adapters.identity.keyfiles import read_private, write_private
from keepcool.adapters.identity.peers import peers_of
from keepcool.adapters.keystoredesk import KeystoreDesk
from keepcool.adapters.signer_host import SignerHost
from keepcool.adapters.system import control as control_socket
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.adapters.system.logs import log_to_stderr
from keepcool.adapters.system.metrics import gauges
from keepcool.adapters.system.notify import keep_alive
from keepcool.adapters.toml import load
from keepcool.core.errors import Conflict, Refused
from keepcool.core.faults import FaultPoint
from keepcool.core.parties import Service
from keepcool.core.profiles import Profile, profiles
from keepcool.core.registry import OwnerKey, Role
from keepcool.cosigner import control as commands
from keepcool.cosigner import statement
from keepcool.cosigner.accountpins import pinned_accounts
from keepcool.cosigner.foundation import Foundation, Part
from keepcool.cosigner.hosted import Hosted
from keepcool.cosigner.opening import by_command
from keepcool.cosigner.reloading import Reloading
from keepcool.cosigner.renewing import Renewing
from keepcool.cosigner.rewrapping import Rewrapping
from keepcool.cosigner.service import Signer
from keepcool.cosigner.signing import Points
from keepcool.hazmat import papers, passphrase, process
from keepcool.hazmat.innerseal import InnerKey
from keepcool.keeper import config, control
from keepcool.keeper.config import KeeperSettings
from keepcool.keeper.creator_memory import CreatorMemory
from keepcool.keeper.creators import Creators
from keepcool.keeper.issuing import Issuing, PaperKeys
from keepcool.keeper.lock import PoolLock
from keepcool.keeper.lock_terms import LockTerms, encode_terms, new_lock, parse_terms
from keepcool.keeper.number_memory import NumberMemory
from keepcool.keeper.paying import Purses
from keepcool.keeper.purse import Purse
from keepcool.keeper.purse_memory import PurseMemory
from keepcool.keeper.request_keys import RequestKeys
from keepcool.keeper.resealing import Resealing
from keepcool.keeper.reserving import Reserving

POINTS = Points(FaultPoint.KEEPER_OPENED, FaultPoint.KEEPER_REMEMBERED, FaultPoint.KEEPER_SIGNED)
_log = logging.getLogger("keepcool.keeper")


def run(file: Path, *, one_machine: bool = False) -> None:
    """Run Keeper until SIGTERM or SIGINT. Raises what keeps it from starting."""
    settings = load(file, KeeperSettings)
    os.umask(0o077)
    log_to_stderr(Service.KEEPER.value)
    for missing in process.harden().missing():
        _log.warning(missing)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, file.resolve(), one_machine=one_machine))


def check_config(file: Path) -> list[str]:
    """What this configuration and its signed policy come to, in sentences."""
    settings = load(file, KeeperSettings)
    policy = signer_host.signed_policy(settings.policy)
    return [
        *statement.sentences(Service.KEEPER, Role.HOT, settings, policy),
        *config.sentences(settings, policy),
    ]


def keystore_desk(file: Path) -> KeystoreDesk:
    """Keeper's keystore, as an operator treats it."""
    settings = load(file, KeeperSettings)
    service = Service.KEEPER
    return KeystoreDesk(settings.keystore, service, signer_host.control_path(settings, service))


def hosted(file: Path) -> Hosted:
    """Keeper as its own host commands it, running or stopped."""
    return Hosted(signer_host.OwnHost(load(file, KeeperSettings), Service.KEEPER))


def set_passphrase(file: Path, operator: str, given: bytearray, by: tuple[str, bytearray] | None) -> Path:
    """An operator's passphrase for the lock on pools, from now on; the lock is made for the first one. `by`:
    an operator of a lock that is there, and his passphrase. Takes passphrases over; returns the lock's file.
    Raises Conflict when there is a lock and nobody vouches, Refused on a wrong passphrase or a short one."""
    settings, entropy = _at_the_lock(file), SystemEntropy()
    terms, path = _terms(settings), _terms_file(settings)
    with passphrase.checked(given) as words:
        if terms is None:
            _write_terms(path, new_lock(operator, words, entropy))
            return path
        if by is None:
            raise Conflict("lock.exists", f"{path} exists: an operator of it vouches for a passphrase (--by)")
        with passphrase.checked(by[1]) as his, terms.key(by[0], his) as key:
            _write_terms(path, terms.with_operator(operator, words, key, entropy))
    return path


def remove_operator(file: Path, operator: str) -> Path:
    """His passphrase opens the lock no longer: the lock's file. It opens old copies of that file still."""
    settings = _at_the_lock(file)
    _write_terms(_terms_file(settings), _known_terms(settings).without_operator(operator))
    return _terms_file(settings)


def unlock(file: Path, operator: str, given: bytearray, for_s: int) -> str:
    """Opens the pools of the running Keeper for so many seconds; how the lock stands then. Takes the
    passphrase over. Raises Refused when it is not the operator's, Unavailable when Keeper does not run."""
    settings = _at_the_lock(file)
    with passphrase.checked(given) as words, _known_terms(settings).key(operator, words) as key:
        return hosted(file).told(control.frame(control.Verb.UNLOCK, for_s, key, operator))


def lock(file: Path) -> str:
    """Closes the pools of the running Keeper; how the lock stands then."""
    return hosted(file).told(control.frame(control.Verb.LOCK))


def lock_state(file: Path) -> str:
    """How the running Keeper's lock stands."""
    return hosted(file).told(control.frame(control.Verb.STATE))


def _at_the_lock(file: Path) -> KeeperSettings:
    os.umask(0o077)
    process.harden()
    return load(file, KeeperSettings)


def _write_terms(path: Path, terms: LockTerms) -> None:
    """In one step: an interrupted change leaves the lock as it was."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    write_private(beside, encode_terms(terms))
    beside.replace(path)


def _lock(settings: KeeperSettings, host: SignerHost) -> PoolLock:
    """Raises Refused when pools shall be locked and no passphrase was ever set."""
    terms = _terms(settings)
    if terms is None and settings.locked_networks:
        raise Refused(
            "lock.unset", "pools shall be locked (lock_pools): run `keepcool keeper set-passphrase` first"
        )
    later = asyncio.get_running_loop().call_later
    return PoolLock(host.store, terms, settings.locked_networks, host.clock, host.entropy, later)


def _terms(settings: KeeperSettings) -> LockTerms | None:
    path = _terms_file(settings)
    return parse_terms(read_private(path).content) if path.exists() else None


def _known_terms(settings: KeeperSettings) -> LockTerms:
    terms = _terms(settings)
    if terms is None:
        raise Refused("keeper.no_lock", "no passphrase was ever set: `keepcool keeper set-passphrase`")
    return terms


def _terms_file(settings: KeeperSettings) -> Path:
    return signer_host.data_folder(settings) / control.TERMS


async def _run(settings: KeeperSettings, file: Path, *, one_machine: bool) -> None:
    stop, rung = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rung.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    path = signer_host.control_path(settings, Service.KEEPER)
    serve = partial(control_socket.serve, path, commands.FRAME_BYTES_MAX)
    opening = signer_host.opened(
        settings,
        Service.KEEPER,
        file.parent,
        one_machine=one_machine,
        by_hand=lambda open_with: by_command(serve, open_with, stop),
    )
    async with opening as host:
        for warning in host.warnings:
            _log.warning(warning)
        lock = _lock(settings, host)
        signer, purse = await _serving(settings, host, lock)
        gauges(host.metrics, signer.readings())
        known = {**commands.deeds(signer), **control.deeds(lock)}
        underway = signer.foundation.underway
        known |= Rewrapping(Service.KEEPER, host.store, host.keystore, underway).deeds()
        reloading = Reloading(
            signer=signer,
            pinned=host.peers,
            read_policy=lambda: signer_host.policy_file(settings.policy),
            read_peers=lambda: peers_of(load(file, KeeperSettings).peers),
            after=purse.complete,
        )
        known |= reloading.deeds()
        serving = serve(lambda raw: commands.answer(known, raw))
        try:
            await signer.run(
                stop,
                host.metrics_file.keep_writing(signer_host.METRICS_EVERY_S),
                host.health_file.keep_writing(signer.health, signer_host.HEALTH_EVERY_S),
                keep_alive(os.environ),
                serving,
                purse.keep_complete(),
                reloading.on_signal(rung),
            )
        finally:
            lock.lock()
    _log.info("stopped")


async def _serving(settings: KeeperSettings, host: SignerHost, lock: PoolLock) -> tuple[Signer, Purse]:
    memory, creations, numbers = PurseMemory(), CreatorMemory(), NumberMemory(settings.first_wallet_number)
    foundation = _foundation(host)
    on = Profile.REQUEST_KEYS in profiles(settings.profiles)
    keys = RequestKeys(host.store, lock, foundation.inner, host.clock, host.entropy, on)
    part = Part(
        role=Role.HOT,
        place=keys.place,
        unlocked=keys.opened,
        barred=lock.barred,
        keyed=keys.refused,
        lock=lambda: lock.stated,
        peer=Service.COOLER,
        points=POINTS,
        memories=(memory, creations, numbers),
        reserved_at=creations.reserved_at,
    )
    signer = await Signer.opened(foundation, part)
    creators = await Creators.opened(signer, creations, settings.creators)
    purse = await Purse.opened(signer, memory)
    purses = Purses(signer, [purse, creators])
    paper = _paper(settings)
    issuing = Issuing(signer, paper, numbers, keys)
    reserving = Reserving(signer, creations, creators, paper, keys)
    handlers = {
        "wallets.create.v1": issuing.create,
        "wallets.register.v1": issuing.register,
        "wallets.reserve.v1": reserving.reserve,
        "wallets.prove.v1": reserving.prove,
        "wallets.reseal.v1": Resealing(signer, keys).reseal,
        "purse.sign.v1": purses.sign,
        "wallets.renew.v1": Renewing.of(signer, Service.COOLER).renew,
    }
    await signer.serve(handlers, purses.status)
    _log.info("serving", extra={"policy": signer.policy.hash, "wallets": host.store.record_count()})
    return signer, purse


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


def _paper(settings: KeeperSettings) -> PaperKeys:
    keys = {Role.COOL: settings.cool_public_key, Role.COLD: settings.cold_public_key}
    if not all(keys.values()) or len(set(keys.values())) != len(keys):
        raise Refused("settings.pins", "pin two different keys: cool_public_key and cold_public_key")
    cool, cold = (OwnerKey(role, key, papers.EVM_ORIGIN_PATH) for role, key in keys.items())
    return PaperKeys(cool, cold, pinned_accounts(settings))
