"""A signer, assembled: memories, journal, registry, witness and co-signer around the ports it is given.

Laws: adapters are built outside and handed in; the policy in force is the one the root key signed and is
noted in the journal before anything is judged under it; a disk that lost what it confirmed ends the process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from keepcool.chains.listing import listing_of
from keepcool.core.errors import Breach, KeepcoolError, Malformed
from keepcool.core.parties import Service
from keepcool.cosigner import interpreter, listing
from keepcool.cosigner.addressing import Addressing, IssuedAddresses
from keepcool.cosigner.answering import Answering, asked_by
from keepcool.cosigner.approving import Approving
from keepcool.cosigner.drafts import SignedDrafts
from keepcool.cosigner.foundation import Foundation, Part, attestation_keys, pinned_key, pinned_peer
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked, Journal, Memory
from keepcool.cosigner.keyring import SealedKeyring
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.ordering import Ordering
from keepcool.cosigner.orders import Orders
from keepcool.cosigner.people import People
from keepcool.cosigner.policies import PoliciesSeen, PolicyInForce, take_into_use
from keepcool.cosigner.rekeying import Rekeying
from keepcool.cosigner.reviews import Reviews
from keepcool.cosigner.signing import CoSigner
from keepcool.cosigner.successions import AttestedRecords, Keys, Successions
from keepcool.cosigner.witness import Parties, Witness
from keepcool.policy.document import Policy, parse_policy
from keepcool.policy.spelling import check_spelling
from keepcool.ports.signer_store import LOST
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import OpenedHandler
from keepcool.wire.messages import (
    Message,
    PurseStatus,
    StatusAnswer,
    WitnessAnswer,
    WitnessRequest,
)

PEER_TIMEOUT_S = 5
_AGAIN_S = 1
_log = logging.getLogger("keepcool.signer")


class Signer:
    """Open with `Signer.opened`; then `serve`, and keep `keep_witnessed` running."""

    def __init__(self, foundation: Foundation, part: Part) -> None:
        self.foundation, self._peer = foundation, pinned_peer(foundation.peers, part.peer)
        self.freezes, self._policies = Freezes(), PoliciesSeen()
        self.people = People.of(self.freezes)
        self.drafts = SignedDrafts(self.people.owners, self.people.waiting)
        self.in_force = PolicyInForce(self._policies, foundation.policy, foundation.document)
        self.orders = Orders()
        self.issued = IssuedAddresses()
        self.successions = Successions(attestation_keys(foundation, self._peer))
        memories: list[Memory] = [self.drafts, self.freezes, self._policies, self.issued, self.orders]
        self.attested = AttestedRecords()
        memories += [self.successions, self.attested]
        memories += [*self.people.memories, *part.memories]
        self.journal = Journal.opened(foundation.store, memories)
        self.ordering = self._ordering()
        self.keyring = SealedKeyring(
            foundation.store,
            foundation.keystore,
            foundation.inner,
            part.role,
            part.place,
            unlocked=part.unlocked,
            underway=foundation.underway,
        )
        families = foundation.families
        self.registry = OwnRegistry(foundation.store, self.attesters, families.named)
        self.witness = self._witness()
        self.cosigner = CoSigner(
            journal=self.journal,
            drafts=self.drafts,
            freezes=self.freezes,
            registry=self.registry,
            witness=self.witness,
            keyring=self.keyring,
            rulebook=lambda: self.in_force.book,
            due=self.ordering.carry_out,
            key_replaced=self.orders.replaces_key,
            people=self.people,
            clock=foundation.clock,
            faults=foundation.faults,
            points=part.points,
            reserved_at=part.reserved_at,
            barred=part.barred,
            keyed=part.keyed,
        )
        self._addressing = Addressing(
            journal=self.journal,
            registry=self.registry,
            freezes=self.freezes,
            witness=self.witness,
            memory=self.issued,
            identity=foundation.identity,
            clock=foundation.clock,
            listing_of=partial(listing_of, networks=families.networks),
        )
        self._lock = part.lock
        self.lost = asyncio.Event()
        self._started_at_s = foundation.clock.now_ms() // 1000

    @classmethod
    async def opened(cls, foundation: Foundation, part: Part) -> Signer:
        """Walks the journal, notes the policy, and carries out the orders whose time came meanwhile. Raises
        Breach when journal or policy were rolled back, Refused on a file that nobody ordered."""
        check_spelling(foundation.policy, foundation.families.parse_recipient)
        signer = cls(foundation, part)
        given = (foundation.policy, foundation.document, foundation.clock.now_ms())
        await take_into_use(signer.journal, signer._policies, *given)
        await signer.ordering.settle()
        return signer

    def attesters(self) -> Keys:
        """Both signers' attestation keys that count now."""
        return self.successions.counting(self.journal.now_ms(self.foundation.clock.now_ms()) // 1000)

    @property
    def policy(self) -> Policy:
        """The one in force."""
        return self.in_force.policy

    async def serve(
        self,
        handlers: Mapping[str, OpenedHandler],
        purses: Callable[[], Sequence[PurseStatus]] = lambda: (),
    ) -> None:
        """Answer what every signer answers, and `handlers` besides."""

        common: dict[str, OpenedHandler] = {
            **self._answering(purses).handlers(),
            **listing.handlers(self.foundation.store, self.issued, self.drafts, self.witness),
        }
        for typ, handler in {**common, **handlers}.items():
            await self.foundation.exchange.serve(typ, self._guarded(handler))

    async def keep_witnessed(self) -> None:
        """Runs for ever: has the newest head witnessed soon, also when nothing is being signed."""
        while True:
            try:
                await self.witness.cover(self.journal.committed.sequence)
            except Breach as error:
                _log.critical("this signer signs nothing", extra={"code": error.code, "why": error.public})
            except KeepcoolError as error:
                _log.info("waiting for the peer", extra={"code": error.code})
            await asyncio.sleep(_AGAIN_S)

    async def _carry_out_orders(self) -> None:
        """Runs for ever: what is due takes effect soon, also when nothing is asked."""
        while True:
            try:
                await self.ordering.settle()
            except KeepcoolError as error:
                _log.critical("orders wait", extra={"code": error.code, "why": error.public})
                if error.code == LOST:
                    self.lost.set()
            await asyncio.sleep(_AGAIN_S)

    async def run(self, stop: asyncio.Event, *background: Coroutine[Any, Any, None]) -> None:
        """Returns when asked to stop. Raises Breach when the disk lost what it had confirmed, and what a
        background task ended with."""
        interpreter.settle()
        tasks = [
            asyncio.create_task(one) for one in (self.keep_witnessed(), self._carry_out_orders(), *background)
        ]
        ends = [asyncio.create_task(stop.wait()), asyncio.create_task(self.lost.wait())]
        done, _ = await asyncio.wait((*ends, *tasks), return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, *ends):
            task.cancel()
        await asyncio.gather(*tasks, *ends, return_exceptions=True)
        if self.lost.is_set():
            raise Breach(LOST, "the disk no longer keeps what it confirmed: mend it, then start again")
        for task in done:
            await task

    def health(self) -> dict[str, object]:
        """For the host's own eyes: no secret, nothing of users."""
        head = self.journal.committed
        return {
            "ready": self.witness.ready,
            "waiting_for": self.witness.waiting_for,
            "frozen": self.freezes.all(),
            "policy": self.policy.hash,
            "policy_version": self.policy.version,
            "wallets": self.foundation.store.record_count(),
            **({"pools": self._lock()} if self._lock() else {}),
            "journal_head": f"{head.sequence}:{head.hash.hex()}",
            "started_at_s": self._started_at_s,
        }

    def readings(self) -> dict[str, tuple[str, Callable[[], float]]]:
        """Numbers for the metrics: name to explanation and reading."""
        store = self.foundation.store
        return {
            "signer_ready": ("1 when it would sign now.", lambda: int(self.witness.ready)),
            "signer_frozen": ("Freezes in force.", lambda: self.freezes.count),
            "signer_wallets": ("Wallets registered.", store.record_count),
            "signer_drafts": ("Drafts remembered as signed.", lambda: len(self.drafts)),
            "signer_waiting": ("Intents that wait for people.", self._open),
            "journal_entries": ("Committed entries.", lambda: self.journal.committed.sequence),
        }

    def _open(self) -> int:
        return self.people.waiting.open_count(self.journal.now_ms(self.foundation.clock.now_ms()) // 1000)

    def asked(self, opened: Opened) -> Asked:
        return asked_by(opened)

    def _answering(self, purses: Callable[[], Sequence[PurseStatus]]) -> Answering:
        return Answering(
            freezes=self.freezes,
            witness=self.witness,
            cosigner=self.cosigner,
            addressing=self._addressing,
            peer=self._peer.service,
            standing=lambda: self._status(purses()),
            ordering=self.ordering,
            approving=self._approving(),
            reviews=self._reviews(),
            rekeying=self._rekeying(),
        )

    def _approving(self) -> Approving:
        return Approving(
            journal=self.journal,
            people=self.people,
            rulebook=self.cosigner.rulebook,
            due=self.ordering.carry_out,
            witness=self.witness,
            clock=self.foundation.clock,
        )

    def _reviews(self) -> Reviews:
        return Reviews(
            journal=self.journal,
            store=self.foundation.store,
            registry=self.registry,
            people=self.people,
            cosigner=self.cosigner,
            witness=self.witness,
            clock=self.foundation.clock,
        )

    def _rekeying(self) -> Rekeying:
        """Keeper makes the next revision, and Cooler follows."""
        foundation, peer = self.foundation, self._peer
        leads = foundation.own.service is Service.KEEPER
        return Rekeying(
            journal=self.journal,
            store=foundation.store,
            registry=self.registry,
            freezes=self.freezes,
            people=self.people,
            rulebook=self.cosigner.rulebook,
            identity=foundation.identity,
            witness=self.witness,
            clock=foundation.clock,
            after=None if leads else (peer.service, lambda: self.attesters()[peer.service]),
            ordered=lambda wallet, record, key: self.orders.rekeyed(wallet, record) == key,
            key_replaced=self.orders.claims_key,
        )

    def _guarded(self, handler: OpenedHandler) -> OpenedHandler:
        async def guarded(opened: Opened) -> Message:
            try:
                return await handler(opened)
            except Breach as error:
                _log.critical("breach", extra={"code": error.code, "why": error.public})
                if error.code == LOST:
                    self.lost.set()
                raise

        return guarded

    def _status(self, purses: Sequence[PurseStatus]) -> StatusAnswer:
        return StatusAnswer(
            ready=self.witness.ready,
            waiting_for=self.witness.waiting_for,
            frozen=self.freezes.all(),
            policy=self.policy.hash,
            wallets=self.foundation.store.record_count(),
            purses=list(purses),
            head=self.witness.stated(),
            started_at_s=self._started_at_s,
            lock=self._lock(),
        )

    def _ordering(self) -> Ordering:
        foundation = self.foundation

        def checked(document: bytes) -> Policy:
            policy = parse_policy(document)
            check_spelling(policy, foundation.families.parse_recipient)
            return policy

        return Ordering(
            journal=self.journal,
            orders=self.orders,
            freezes=self.freezes,
            in_force=self.in_force,
            service=foundation.own.service,
            installation=foundation.installation,
            clock=foundation.clock,
            checked=checked,
        )

    def _witness(self) -> Witness:
        foundation, peer = self.foundation, self._peer
        parties = Parties(
            own_key=pinned_key(foundation.own, foundation.own.journal_key),
            peer=peer.service,
            peer_key=pinned_key(peer, peer.journal_key),
        )

        async def ask(request: WitnessRequest) -> WitnessAnswer:
            answer = await foundation.exchange.ask(peer.service, "witness.v1", request, PEER_TIMEOUT_S)
            if not isinstance(answer, WitnessAnswer):
                raise Malformed("witness.answer", "the peer answered something else")
            return answer

        return Witness(
            foundation.identity,
            parties,
            self.journal,
            foundation.store,
            ask=ask,
            entropy=foundation.entropy,
        )
