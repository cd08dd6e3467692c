"""Books that were lost, out of both signers' registries: `keepcool app restore --from-signers`, as a process.

The signers are whole and run beside it. Their registries are filled while they are stopped: each record is
derived and attested as signers do, of a user of its own; there is no hot key to it, and no restore wants one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from coincurve import PublicKey
from tests.fixtures.postgres import live_postgres

from bench.measure import Figure
from bench.rig import NETWORK, PROFILE, asked, signers
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.sqlite.signer import open_store
from keepcool.chains.families import SHIPPED_FAMILIES
from keepcool.chains.family import FamilyName, terms_of
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import (
    NO_PREVIOUS,
    OwnerKey,
    Role,
    Standing,
    WalletRecord,
    attested_bytes,
)
from keepcool.local import commands
from keepcool.local.layout import SIGNERS, Layout
from keepcool.local.running import Installation
from keepcool.ports.signer_store import Change, RecordRow

_LOT = 1_000
_FAMILY = SHIPPED_FAMILIES.named(FamilyName.EVM.value)
_DATABASE = re.compile(r'^database = ".*"$', re.MULTILINE)
_GENERATOR = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"


class _Paper(msgspec.Struct, frozen=True):
    cold_public_key: str
    cool_public_key: str


def from_signers(wallets: int) -> list[Figure]:
    with signers() as installation, live_postgres(durable=True) as live:
        _fill(installation, wallets)
        config = installation.places.config(Service.APP)
        figures = _measured("SQLite", config, wallets)
        url = live.server(live.empty()).url
        text = config.read_text(encoding="utf-8")
        config.write_text(_DATABASE.sub(f'database = "{url}"', text), encoding="utf-8")
        return figures + _measured("PostgreSQL", config, wallets)


def _measured(engine: str, config: Path, wallets: int) -> list[Figure]:
    first_s, memory = _restored(config, wallets)
    again_s, _ = _restored(config, 0)
    return [
        Figure(f"{engine}: lost books, out of both signers", first_s, "s"),
        Figure(f"{engine}: the same, asked again", again_s, "s"),
        Figure(f"{engine}: the command's memory at its most", memory, "MB"),
    ]


def _restored(config: Path, added: int) -> tuple[float, float]:
    """Seconds and MB of the whole process."""
    words = commands.argv(
        "app", "restore", "--from-signers", "--config", str(config), "--one-machine", "--json"
    )
    began_s = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    took_s = time.perf_counter() - began_s
    told = msgspec.json.decode(said, type=dict[str, object]) if said else {}
    if child.returncode or (told["wallets"], told["refused"]) != (added, []):
        raise RuntimeError(f"not restored: {said[:300]!r}")
    return took_s, usage.ru_maxrss / 1024


def _fill(installation: Installation, wallets: int) -> None:
    for signer in SIGNERS:
        installation.children[signer].terminate()
    asyncio.run(_filled(installation.places, wallets))
    for signer in SIGNERS:
        installation.start(signer)
    asyncio.run(_ready(installation))


async def _ready(installation: Installation) -> None:
    async with asked(installation):
        pass


async def _filled(places: Layout, wallets: int) -> None:
    paper = msgspec.toml.decode(places.config(Service.KEEPER).read_bytes(), type=_Paper)
    signing = [FileIdentity.load(places.service(one) / "identity", one) for one in SIGNERS]
    with contextlib.ExitStack() as stack:
        stores = [
            stack.enter_context(
                contextlib.closing(open_store(places.service(one) / "data" / f"{one}.sqlite"))
            )
            for one in SIGNERS
        ]
        for some in _lots(paper, wallets):
            rows = tuple(_row(one, signing) for one in some)
            await asyncio.gather(*(store.commit(Change(records=rows)) for store in stores))


def _lots(paper: _Paper, wallets: int) -> Iterator[list[WalletRecord]]:
    hot = PublicKey(bytes.fromhex(_GENERATOR))
    for start in range(0, wallets, _LOT):
        lot = []
        for number in range(start, min(start + _LOT, wallets)):
            hot = hot.add(b"\x01")
            lot.append(_record(paper, number, hot.format().hex()))
        yield lot


def _record(paper: _Paper, number: int, hot: str) -> WalletRecord:
    owners = (
        OwnerKey(Role.HOT, hot),
        OwnerKey(Role.COOL, paper.cool_public_key),
        OwnerKey(Role.COLD, paper.cold_public_key),
    )
    blank = WalletRecord(
        wallet=WalletId(f"wal_{number:08}"),
        revision=1,
        previous=NO_PREVIOUS,
        family=FamilyName.EVM.value,
        network=NETWORK,
        profile=PROFILE,
        threshold=2,
        owners=owners,
        address="",
        owner=f"usr_{number:08}",
        user_key="",
        policy_class="",
        standing=Standing.PROVEN,
        made_at_s=1_800_000_000 + number,
    )
    return replace(blank, address=_FAMILY.derive_address(terms_of(blank)))


def _row(record: WalletRecord, signing: Sequence[FileIdentity]) -> RecordRow:
    encoded = record.encoded()
    attestations = {one.service: one.attest(attested_bytes(encoded)) for one in signing}
    return RecordRow(record.wallet, record.revision, encoded, attestations)
