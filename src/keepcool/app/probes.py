"""What /health and /v1/status ask of each part."""

from __future__ import annotations

from keepcool.app.deposits.running import Standing
from keepcool.app.http.health import Probe
from keepcool.app.leading import terms
from keepcool.app.pools.running import Standing as PoolStanding
from keepcool.app.spares.running import Standing as SpareStanding
from keepcool.app.store import Store
from keepcool.core.errors import Malformed, Unavailable
from keepcool.core.parties import Service
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import EvmNode
from keepcool.ports.minternode import MinterNode
from keepcool.ports.seat import Seat
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import StatusAnswer, StatusRequest

_TIMEOUT_S = 2


def database(store: Store) -> Probe:
    async def probe() -> str:
        await store.run(lambda tx: tx.exec_driver_sql("SELECT 1").scalar_one())
        return "answers"

    return probe


def signer(exchange: Exchange, service: Service) -> Probe:
    """Whether it answers and would sign now."""

    async def probe() -> str:
        answer = await exchange.ask(service, "status.v1", StatusRequest(), _TIMEOUT_S)
        if not isinstance(answer, StatusAnswer):
            raise Malformed("status.answer", f"{service} answered with something else than its status")
        if not answer.ready:
            raise Unavailable(f"{service}.not_ready", f"{service} waits for {answer.waiting_for}")
        frozen = f"; frozen: {', '.join(answer.frozen)}" if answer.frozen else ""
        return f"ready, policy {answer.policy[:16]}, {answer.wallets} wallets{frozen}"

    return probe


def node(one: EvmNode) -> Probe:
    """Whether it serves its network and keeps up."""

    async def probe() -> str:
        header = await one.check()
        return f"at block {header.number}"

    return probe


def minter_node(one: MinterNode) -> Probe:
    """Whether enough nodes serve the network and keep up."""

    async def probe() -> str:
        return f"at block {(await one.check()).height}"

    return probe


def bitcoin_node(one: BitcoinNode) -> Probe:
    """Whether enough nodes serve the network and keep up."""

    async def probe() -> str:
        return f"at block {(await one.check()).tip.height}"

    return probe


def leading(seat: Seat, store: Store) -> Probe:
    """Which of the Apps on these books does the work."""

    async def probe() -> str:
        name = await store.run(terms.who)
        if not name:
            raise Unavailable("lead.none", "no App on these books has begun to work")
        return f"this App leads, {name}" if seat.leads else f"{name} leads"

    return probe


def standing(one: Standing | SpareStanding | PoolStanding, seat: Seat) -> Probe:
    """How far deposits are followed, wallets made or pools looked after, or why they wait; of an App that
    does not lead, nothing: the leading one is asked for it."""

    async def probe() -> str:
        return one.describe() if seat.leads else "the leading App does it"

    return probe
