"""What a signer's process weighs: memory, start-up, and the distributions it is made of."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench.measure import Figure
from bench.rig import SIGNER_PARTS, TIMEOUT_S, Rig
from keepcool.core.errors import Unavailable
from keepcool.core.parties import Service
from keepcool.wire.messages import StatusAnswer, StatusRequest

DISTRIBUTIONS_MAX = 15
REQUIREMENTS = Path(__file__).parent.parent / "requirements" / "signer.txt"


async def processes(rig: Rig) -> list[Figure]:
    """Memory after all the work above, then each signer ended and started again with its journal."""
    figures = [_memory(rig, name) for name in SIGNER_PARTS if name in ("broker", "keeper", "cooler")]
    for signer in (Service.KEEPER, Service.COOLER):
        took_s = await _restarted(rig, signer)
        figures.append(Figure(f"{signer}: from start to ready, journal walked", took_s, "s"))
    keystores = [_memory(rig, name) for name in SIGNER_PARTS if name.endswith("-keystore")]
    return [*figures, *keystores, *await _app(rig), _distributions()]


async def _app(rig: Rig) -> list[Figure]:
    """App is not at work in this benchmark: it is started, answers, is weighed, and ended again."""
    begin = time.perf_counter()
    rig.installation.start("app")
    while await asyncio.to_thread(rig.installation.health) is None:
        if time.perf_counter() - begin > TIMEOUT_S:
            raise Unavailable("bench.restart", "app did not answer")
        await asyncio.sleep(0.02)
    took_s = time.perf_counter() - begin
    memory = _memory(rig, "app")
    await asyncio.to_thread(rig.installation.children["app"].terminate)
    return [memory, Figure("app: from start to answering", took_s, "s")]


def _memory(rig: Rig, name: str) -> Figure:
    status = Path(f"/proc/{rig.installation.children[name].pid}/status").read_text()
    kibibytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return Figure(f"{name}: memory", kibibytes / 1024, "MiB")


async def _restarted(rig: Rig, signer: Service) -> float:
    child = rig.installation.children[signer.value]
    await asyncio.to_thread(child.terminate)
    begin = time.perf_counter()
    rig.installation.start(signer.value)
    while time.perf_counter() - begin < TIMEOUT_S:
        try:
            answer = await rig.exchange.ask(signer, "status.v1", StatusRequest(), 1)
        except Unavailable:
            answer = None
        if isinstance(answer, StatusAnswer) and answer.ready:
            return time.perf_counter() - begin
        await asyncio.sleep(0.02)
    raise Unavailable("bench.restart", f"{signer} did not come back")


def _distributions() -> Figure:
    count = sum("==" in line and not line.startswith((" ", "#")) for line in REQUIREMENTS.open())
    goal = f"<= {DISTRIBUTIONS_MAX}"
    return Figure("distributions in a signer", count, "", "", goal, count <= DISTRIBUTIONS_MAX)
