"""App's inside put together from what main.py brings from outside: ports in, the API's parts and work out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from keepcool.app import probes
from keepcool.app.attestationkeys import NOTHING_LISTED, Listed
from keepcool.app.config import AppSettings, BitcoinSettings, EvmSettings, MinterSettings, native_asset
from keepcool.app.deposits import running
from keepcool.app.deposits.bitcoin.follower import Follower as BitcoinFollower
from keepcool.app.deposits.follower import Follower
from keepcool.app.deposits.minter.follower import Follower as MinterFollower
from keepcool.app.deposits.outflows import own_payouts
from keepcool.app.deposits.running import Standing
from keepcool.app.events.office import EventOffice
from keepcool.app.http.health import Health, Probe
from keepcool.app.http.parts import Parts
from keepcool.app.leading import topics as about
from keepcool.app.leading.leading import lead
from keepcool.app.leading.topics import Topics
from keepcool.app.onboarding import Onboarding
from keepcool.app.payouts.office import Nodes, PayoutOffice
from keepcool.app.pools.office import Around, PoolOffice
from keepcool.app.rebuilding import wiring
from keepcool.app.rebuilding.journals import Journals
from keepcool.app.rebuilding.wiring import Wired
from keepcool.app.renewing import Renewing
from keepcool.app.requestkeys.lent import LentKeys
from keepcool.app.requestkeys.office import KeyOffice
from keepcool.app.spares import running as making
from keepcool.app.spares.lane import Lane as SpareLane
from keepcool.app.spares.lane import Plan as SparePlan
from keepcool.app.spares.running import Standing as SpareStanding
from keepcool.app.store import Store
from keepcool.app.wallets import Attesters, Issuer
from keepcool.chains.bitcoin.combining import Checker
from keepcool.core.ids import NetworkId
from keepcool.core.parties import Peer, Service
from keepcool.core.profiles import Profile, profiles
from keepcool.ports.bitcoinnode import BitcoinNode
from keepcool.ports.evmnode import EvmNode
from keepcool.ports.minternode import MinterNode
from keepcool.ports.seat import Seat
from keepcool.ports.system import Clock, Entropy, Faults
from keepcool.ports.webhooks import Poster, Sealer
from keepcool.wire.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """`nodes`: per EVM network, the first is written to and followed, all must agree. `minter_nodes`: per
    Minter network, all of them as one that says only what as many agree on as must; `minter_news`: its new
    heights, as early as may be. `bitcoin_nodes`: as `minter_nodes`; `bitcoin_news`: what they announce, of
    the networks that tell where; `bitcoin_checker` may veto a transaction before it is sent. `name`: of this
    App among those that share its books, for people. `lent`: outlives this App, as what is reloaded does."""

    settings: AppSettings
    peers: Sequence[Peer]
    store: Store
    seat: Seat
    topics: Topics
    name: str
    exchange: Exchange
    nodes: Mapping[NetworkId, Sequence[EvmNode]]
    minter_nodes: Mapping[NetworkId, MinterNode]
    minter_news: Mapping[NetworkId, AsyncIterator[int]]
    bitcoin_nodes: Mapping[NetworkId, BitcoinNode]
    bitcoin_news: Mapping[NetworkId, AsyncIterator[str]]
    bitcoin_checker: Checker
    clock: Clock
    entropy: Entropy
    faults: Faults
    metrics: CollectorRegistry
    poster: Poster
    sealer: Sealer
    listed: Listed = NOTHING_LISTED
    lent: LentKeys = field(default_factory=LentKeys)


class Assembly:
    """`parts` are what the API is given, `beside()` what runs beside it until cancelled: what every App does,
    and the work, which of several Apps on the same books the leading one does."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._attesters = Attesters(
            outside.peers,
            outside.settings.families,
            outside.listed,
            lambda: outside.clock.now_ms() // 1000,
        )
        followed = (*outside.nodes, *outside.minter_nodes, *outside.bitcoin_nodes)
        self._standings = {network: Standing() for network in followed}
        self._spares = {network: SpareStanding() for network in outside.minter_nodes}
        journals = Journals(outside.exchange, outside.settings.signer_timeout_s)
        networks = outside.settings.families.networks
        self._request_keys = self._keyed()
        self._wired = Wired(outside.store, journals, networks, outside.clock)
        self._onboarding = Onboarding(
            outside.settings.networks, outside.nodes, outside.minter_nodes, outside.bitcoin_nodes
        )
        self._office = self._payouts()
        self.issuer = self._issuer()
        self._pools = self._pooling()
        self._events = self._telling()
        self.parts = self._parts()
        self._listening()

    def beside(self, complete_every_s: float) -> list[Coroutine[Any, Any, None]]:
        outside = self._outside

        def work() -> list[Coroutine[Any, Any, None]]:
            return [self.issuer.keep_completing(complete_every_s), *self._renewing(), *self._work()]

        leading = lead(outside.seat, outside.store, outside.clock, outside.name, work)
        return [self._events.tail.run(), leading]

    def _renewing(self) -> list[Coroutine[Any, Any, None]]:
        """Nothing, until attestation keys have followed one another."""
        outside = self._outside
        if not outside.listed.lists:
            return []
        renewing = Renewing(
            issuer=self.issuer,
            store=outside.store,
            exchange=outside.exchange,
            in_use=outside.listed.in_use(outside.peers),
            timeout_s=outside.settings.signer_timeout_s,
        )
        return [renewing.keep()]

    def _listening(self) -> None:
        """What another App on the same books may have left for this one to do."""
        topics = self._outside.topics
        topics.on(about.PAYOUTS, self._office.rung)
        topics.on(about.WEBHOOKS, self._events.rung)
        topics.on(about.WALLETS, self.issuer.wanted.ring)
        topics.on(about.POOLS, self._pools.rung)

    def _knock(self, topic: str) -> Callable[[], None]:
        return lambda: self._outside.seat.knock(topic)

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        evm = [self._follow(network) for network in self._outside.nodes]
        minter = [work for network in self._outside.minter_nodes for work in self._minter(network)]
        bitcoin = [work for network in self._outside.bitcoin_nodes for work in self._bitcoin(network)]
        return [self._office.run(), self._events.deliver(), *evm, *minter, *bitcoin, *self._pools.work()]

    def _keyed(self) -> KeyOffice | None:
        """Where the profile says so, requests to Keeper get the keys it needs."""
        outside = self._outside
        if Profile.REQUEST_KEYS not in profiles(outside.settings.profiles):
            return None
        office = KeyOffice(
            outside.store,
            outside.exchange,
            outside.clock,
            outside.entropy,
            outside.settings.signer_timeout_s,
            outside.lent,
        )
        outside.exchange.dress = office.dressed
        return office

    def _payouts(self) -> PayoutOffice:
        outside = self._outside
        return PayoutOffice(
            outside.settings,
            Nodes(
                {network: nodes[0] for network, nodes in outside.nodes.items()},
                outside.minter_nodes,
                outside.bitcoin_nodes,
                outside.bitcoin_checker,
            ),
            store=outside.store,
            exchange=outside.exchange,
            attesters=self._attesters,
            clock=outside.clock,
            entropy=outside.entropy,
            faults=outside.faults,
            metrics=outside.metrics,
            knock=self._knock(about.PAYOUTS),
        )

    def _telling(self) -> EventOffice:
        outside = self._outside
        return EventOffice(
            outside.settings.events,
            outside.store,
            outside.poster,
            outside.sealer,
            clock=outside.clock,
            entropy=outside.entropy,
            metrics=outside.metrics,
            knock=self._knock(about.WEBHOOKS),
        )

    def _issuer(self) -> Issuer:
        outside = self._outside
        return Issuer(
            outside.exchange,
            outside.store,
            self._attesters,
            outside.clock,
            timeout_s=outside.settings.signer_timeout_s,
            head_seen=self._office.head_seen,
            knock=self._knock(about.WALLETS),
        )

    def _pooling(self) -> PoolOffice:
        outside = self._outside
        around = Around(
            settings=outside.settings,
            store=outside.store,
            exchange=outside.exchange,
            attesters=self._attesters,
            issuer=self.issuer,
            payouts=self._office.desk,
            clock=outside.clock,
            metrics=outside.metrics,
            head_seen=self._office.head_seen,
            wake=self._office.wake,
            knock=self._knock(about.POOLS),
            alone=outside.seat.alone,
            ready=self._onboarding.ready_for_pools,
        )
        return PoolOffice(around)

    def _follow(self, network: NetworkId) -> Coroutine[Any, Any, None]:
        outside = self._outside
        settings = outside.settings.networks[network]
        if not isinstance(settings, EvmSettings):
            raise TypeError(f"{network} has EVM nodes and other settings")
        plan, nodes = running.plan_of(network, settings), outside.nodes[network]
        recall = wiring.evm(network, nodes[0], self._wired)
        follower = Follower(plan, nodes, outside.store, outside.clock, own_payouts, recall=recall)
        return running.run(follower, self._standings[network], outside.clock, poll_ms=settings.poll_ms)

    def _bitcoin(self, network: NetworkId) -> list[Coroutine[Any, Any, None]]:
        """The follower of a Bitcoin network, and what has it look at once."""
        outside = self._outside
        settings = outside.settings.networks[network]
        if not isinstance(settings, BitcoinSettings):
            raise TypeError(f"{network} has Bitcoin nodes and other settings")
        plan, node = running.bitcoin_plan(network, settings), outside.bitcoin_nodes[network]
        recall = wiring.bitcoin(plan, self._wired)
        follower = BitcoinFollower(plan, node, outside.store, outside.clock, recall)
        bell = asyncio.Event()
        pause = running.until_rung(bell)
        following = running.run(
            follower, self._standings[network], outside.clock, poll_ms=settings.poll_ms, pause=pause
        )
        news = outside.bitcoin_news.get(network)
        return [following] if news is None else [following, running.ring_at(news, bell)]

    def _minter(self, network: NetworkId) -> list[Coroutine[Any, Any, None]]:
        """The follower of a Minter network, and the making of its wallets."""
        outside, node = self._outside, self._outside.minter_nodes[network]
        settings = outside.settings.networks[network]
        if not isinstance(settings, MinterSettings):
            raise TypeError(f"{network} has Minter nodes and other settings")
        plan = running.minter_plan(network, settings)
        recall = wiring.minter(network, self._wired)
        follower = MinterFollower(plan, node, outside.store, outside.clock, recall)
        lane = SpareLane(
            plan=SparePlan(
                network=network,
                native=native_asset(network, settings),
                spares=settings.spares,
                gas_price=settings.fees.gas_price,
                gas_price_max=settings.fees.gas_price_max,
            ),
            node=node,
            store=outside.store,
            exchange=outside.exchange,
            attesters=self._attesters,
            clock=outside.clock,
            entropy=outside.entropy,
            head_seen=self._office.head_seen,
            timeout_s=outside.settings.signer_timeout_s,
        )
        bell = asyncio.Event()
        pause = running.until_rung(bell)
        return [
            running.run(
                follower, self._standings[network], outside.clock, poll_ms=settings.poll_ms, pause=pause
            ),
            running.ring_at(outside.minter_news[network], bell),
            making.run(lane, self._spares[network], self.issuer.bells(), poll_ms=settings.poll_ms),
        ]

    def _parts(self) -> Parts:
        outside, settings = self._outside, self._outside.settings
        return Parts(
            settings=settings,
            store=outside.store,
            attesters=self._attesters,
            issuer=self.issuer,
            clock=outside.clock,
            entropy=outside.entropy,
            health=Health(self._probes()),
            payouts=self._office.desk,
            pools=self._pools.desk,
            engine=self._office,
            onboarded=self._onboarding.ready,
            purses=self._office.purses,
            metrics=outside.metrics,
            events=self._events,
            request_keys=self._request_keys,
        )

    def _probes(self) -> dict[str, Probe]:
        outside, seat = self._outside, self._outside.seat
        found = {
            "database": probes.database(outside.store),
            "lead": probes.leading(seat, outside.store),
            "keeper": probes.signer(outside.exchange, Service.KEEPER),
            "cooler": probes.signer(outside.exchange, Service.COOLER),
        }
        for network, nodes in outside.nodes.items():
            for number, one in enumerate(nodes):
                found[f"node {network}" + (f" #{number + 1}" if number else "")] = probes.node(one)
            found[f"deposits {network}"] = probes.standing(self._standings[network], seat)
        for network, agreed in outside.minter_nodes.items():
            found[f"node {network}"] = probes.minter_node(agreed)
            found[f"deposits {network}"] = probes.standing(self._standings[network], seat)
            found[f"wallets {network}"] = probes.standing(self._spares[network], seat)
        for network, standing in self._pools.standings.items():
            found[f"pools {network}"] = probes.standing(standing, seat)
        for network, one_voice in outside.bitcoin_nodes.items():
            found[f"node {network}"] = probes.bitcoin_node(one_voice)
            found[f"deposits {network}"] = probes.standing(self._standings[network], seat)
        return found
