"""Where a signer's time goes, stage by stage, in this process and with the signer's own code.

Judging has an empty history here; the witness and the wire are not stages of one process and are seen in
the figures of whole signers.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.measure import Figure
from bench.peers import KEY
from bench.rig import NETWORK, Rig, payment, wallets
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.openbao.keystore import OpenBaoKeystore
from keepcool.adapters.sqlite.signer import open_store
from keepcool.adapters.toml import load
from keepcool.app import config
from keepcool.chains.families import family_named
from keepcool.chains.family import terms_of
from keepcool.cooler.config import CoolerSettings
from keepcool.core.effects import Effects
from keepcool.core.intent import Intent, parse_intent
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord
from keepcool.core.secret import Secret
from keepcool.cosigner.entries import SignRow
from keepcool.cosigner.journal import Journal
from keepcool.cosigner.judge import Granted, Rulebook, judge
from keepcool.cosigner.policies import rulebook
from keepcool.hazmat import coinkeys
from keepcool.policy.case import Case, History
from keepcool.policy.document import parse_policy
from keepcool.ports.keystore import Bound
from keepcool.wire import envelope
from keepcool.wire.messages import SignItem, SignRequest

BATCH, ROUNDS = 100, 7
BOTH = frozenset((Service.KEEPER, Service.COOLER))


async def stages(rig: Rig) -> list[Figure]:
    """Milliseconds for a batch of a hundred."""
    records = await wallets(rig, BATCH)
    items = [payment(rig, record) for record in records]
    book = _book(rig)
    pairs = list(zip(records, items, strict=True))
    cases = [_case(rig, record, item) for record, item in pairs]
    granted = [ruling for case in cases if isinstance(ruling := judge(case, book), Granted)]
    if len(granted) != BATCH:
        raise RuntimeError("a payment of the benchmark is not approved")
    public = coinkeys.public_key(_secret())
    return [
        _stage("open the envelope", _opening(rig, items)),
        _stage("decode", lambda: [_decoded(record, item) for record, item in pairs]),
        _stage("judge by all rules", lambda: [judge(case, book) for case in cases]),
        _figure("journal, one commit with fsync", await _journaled(cases)),
        _figure("unseal, a hundred keys in OpenBao", await _unsealed(rig, BATCH)),
        _figure("unseal, one key in OpenBao", await _unsealed(rig, 1)),
        _stage("sign and verify", lambda: [coinkeys.sign(g.approval, _secret(), public) for g in granted]),
    ]


def _decoded(record: WalletRecord, item: SignItem) -> tuple[Intent, Effects]:
    return parse_intent(item.intent), family_named(record.family).decode(item.draft, record)


def _opening(rig: Rig, items: list[SignItem]) -> Callable[[], object]:
    """Opens one frame of App's with the identity Cooler has."""
    app, cooler = _identity(rig, Service.APP), _identity(rig, Service.COOLER)
    now_ms, known = rig.clock.now_ms(), envelope.directory([app.peer()])
    body = SignRequest(items=items)
    frame = envelope.make(app, cooler.peer(), "sign.v1", body, now_ms=now_ms, entropy=rig.entropy)
    return lambda: envelope.open_frame(cooler, known, frame, now_ms, envelope.RequestOf("sign.v1"))


def _identity(rig: Rig, service: Service) -> FileIdentity:
    file = rig.installation.places.config(service)
    settings = config.load(file) if service is Service.APP else load(file, CoolerSettings)
    return FileIdentity.load(file.parent / settings.identity, service, one_machine=True)


def _secret() -> Secret:
    return Secret(bytearray(KEY))


def _book(rig: Rig) -> Rulebook:
    file = rig.installation.places.config(Service.COOLER)
    return rulebook(parse_policy((file.parent / load(file, CoolerSettings).policy.file).read_bytes()))


def _case(rig: Rig, record: WalletRecord, item: SignItem) -> Case:
    intent, effects = _decoded(record, item)
    history = History((), (), {slot.space: 0 for slot in effects.slots}, {}, {}, ())
    derived = family_named(record.family).derive_address(terms_of(record))
    now_s = rig.clock.now_ms() // 1000
    return Case(intent, effects, record, BOTH, derived, (), history, now_s)


async def _journaled(cases: list[Case]) -> float:
    with tempfile.TemporaryDirectory(prefix="keepcool-bench-") as folder:
        store = open_store(Path(folder) / "journal.sqlite")
        journal, times = Journal.opened(store, []), []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            with journal.batch() as batch:
                for case in cases:
                    batch.add(_row(case))
            await batch.settled()
            times.append(time.perf_counter() - begin)
        store.close()
    return median(times)


def _row(case: Case) -> SignRow:
    return SignRow(
        at_s=case.now_s, kind="sign", digests=[one.hex() for one in case.effects.digests], draft="00" * 32,
        intent=case.intent.intent, intent_bytes="00" * 300, intent_hash="00" * 32, policy="00" * 32,
        requester="app", slots=[], spent={}, wallet=case.record.wallet,
    )  # fmt: skip


async def _unsealed(rig: Rig, count: int) -> float:
    file = rig.installation.places.config(Service.COOLER)
    keystore = OpenBaoKeystore.from_settings(load(file, CoolerSettings).keystore, file.parent)
    bounds = [Bound(Service.COOLER.value, f"bench-{at}", NETWORK, "bench") for at in range(count)]
    try:
        sealed = await keystore.seal([(bound, os.urandom(72)) for bound in bounds])
        items, times = list(zip(bounds, sealed, strict=True)), []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            await keystore.unseal(items, "bench")
            times.append(time.perf_counter() - begin)
        return median(times)
    finally:
        await asyncio.shield(keystore.close())


def _stage(name: str, work: Callable[[], object]) -> Figure:
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return _figure(name, median(times))


def _figure(name: str, seconds: float) -> Figure:
    return Figure(name, seconds * 1000, "ms")
