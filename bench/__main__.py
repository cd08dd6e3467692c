"""`python -m bench`: every section in turn, printed with its goal and written to bench/results.json."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

import msgspec
import uvloop

from bench import signing
from bench.api import api
from bench.bitcoin_addresses import addresses
from bench.bitcoin_batch import batch
from bench.bitcoin_blocks import blocks
from bench.bitcoin_signing import cosigning
from bench.bitcoin_sizes import sizes
from bench.desk import desk
from bench.evidence import evidence
from bench.evm_gas import gas
from bench.forwarder_gas import HOW as FORWARDERS
from bench.forwarder_gas import forwarder_gas
from bench.matching import matching
from bench.measure import Figure, printed
from bench.minter import minter
from bench.processes import processes
from bench.restoring import restoring
from bench.rig import Rig, asked, signers
from bench.stages import stages
from keepcool.local.running import Installation

RESULTS = Path(__file__).parent / "results.json"
PEERS = (
    "coincurve",
    "embit",
    "wallycore",
    "eth-account",
    "safe-eth-py",
    "nats-py",
    "PyNaCl",
    "pycryptodome",
    "cryptography",
    "msgspec",
    "uvloop",
)
SECTIONS = (
    ("Issuing wallets", signing.issuing, "batches of 100, both signers"),
    ("Signing", signing.signing, "whole signers as processes, beside libraries that only hash and sign"),
    ("Stages of a signer, per batch of 100", stages, "in this process, the signer's own code"),
    ("Latency", signing.latency, "no-ops and payments in turn over the same bus"),
    ("Sustained", signing.sustained, "every process on this machine"),
    ("Processes", processes, "after the work above"),
    ("Signing on Bitcoin", cosigning, "whole signers as processes, beside libraries that sign and no more"),
    ("Minter's codec", minter, "in this process, beside minter-js-sdk warmed up; bare signing is the limit"),
)


ALONE = (
    (
        "Evidence",
        evidence,
        "whole batches through Cooler, kinds in turn, beside libraries that verify and no more",
    ),
    ("The desk", desk, "a real Cooler with all that waits, a real desk, pages over HTTP"),
    ("Block matching", matching, "median of nine; tracemalloc"),
    ("Bitcoin's addresses", addresses, "in this process, peers in turn; all derive the same"),
    ("Bitcoin's blocks", blocks, "median of nine; tracemalloc"),
    ("Bitcoin's payouts", batch, "an installation and litecoind as processes of this machine"),
    ("Gas of EVM payouts", gas, "anvil and the official Safe contracts; repeat: python -m bench.evm_gas"),
    ("The API at 100 requests a second", api, "open loop, one worker; repeat: python -m bench.api"),
    ("Books that come back", restoring, "100,000 wallets; repeat: python -m bench.restoring"),
    ("Bitcoin's sizes", sizes, "virtual bytes of a payment, by how many share a transaction"),
    ("Gas of forwarders", forwarder_gas, FORWARDERS),
)


async def _measured(installation: Installation) -> list[Figure]:
    found: list[Figure] = []
    async with asked(installation) as rig:
        for title, work, how in SECTIONS:
            figures = await _section(rig, work)
            printed(title, figures, how)
            found += figures
    return found


async def _section(rig: Rig, work: signing.Section) -> list[Figure]:
    async with asyncio.timeout(90):
        return await work(rig)


def _machine() -> dict[str, object]:
    versions = {name: importlib.metadata.version(name) for name in PEERS}
    return {"cores": os.cpu_count(), "python": platform.python_version(), "versions": versions}


def main() -> int:
    with signers() as installation, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(_measured(installation))
    for title, work, how in ALONE:
        found = work()
        printed(title, found, how)
        figures += found
    rows = [
        {"name": one.name, "value": round(one.value, 3), "unit": one.unit, "goal": one.goal, "met": one.met}
        for one in figures
    ]
    written = msgspec.json.encode({"machine": _machine(), "results": rows})
    RESULTS.write_bytes(msgspec.json.format(written, indent=2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
