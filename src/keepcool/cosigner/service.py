"""A signer, assembled: memories, journal, registry, witness and co-signer around the ports it is given.

Laws: adapters are built outside and handed in; the policy in force is the one the root key signed and is
noted in the journal before anything is judged under it; a disk that lost what it confirmed ends the process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from keepcool.chains.bitcoin.listing import listing_of
from keepcool.chains.families import SHIPPED_FAMILIES, Families
from keepcool.core.errors import Breach, KeepcoolError, Malformed, Refused
from keepcool.core.parties import Peer, Service
from keepcool.core.registry import Role, WalletRecord
from keepcool.core.secret import Secret
from keepcool.cosigner import freezes as freezing
from keepcool.cosigner import interpreter, listing
from keepcool.cosigner.addressing import Addressing, IssuedAddresses
from keepcool.cosigner.drafts import SignedDrafts
from keepcool.cosigner.entries import WALLET, WalletRow
from keepcool.cosigner.freezes import Freezes
from keepcool.cosigner.journal import Asked, Journal, Memory
from keepcool.cosigner.judge import Rulebook
from keepcool.cosigner.keyring import SealedKeyring, as_it_lies
from keepcool.cosigner.known import OwnRegistry
from keepcool.cosigner.policies import PoliciesSeen, take_into_use
from keepcool.cosigner.signing import Barred, CoSigner, Points, ReservedAt, nobody, not_barred
from keepcool.cosigner.witness import Parties, Witness
from keepcool.hazmat.innerseal import InnerKey
from keepcool.policy import rules
from keepcool.policy.document import Policy
from keepcool.policy.spelling import check_spelling
from keepcool.ports.identity import Identity
from keepcool.ports.keystore import Bound, Keystore
from keepcool.ports.signer_store import LOST, SignerStore
from keepcool.ports.system import Clock, Entropy, Faults
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange, OpenedHandler
from keepcool.wire.messages import (
    AttestAddresses,
    FreezeAnswer,
    FreezeRequest,
    Message,
    PurseStatus,
    SignRequest,
    StatusAnswer,
    WitnessAnswer,
    WitnessRequest,
)

PEER_TIMEOUT_S = 5
_AGAIN_S = 1
M = TypeVar("M", bound=Message)
_log = logging.getLogger("keepcool.signer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The ports a signer stands on, and who it is. `own` are its own public keys, `families` those with the
    networks it knows."""

    identity: Identity
    own: Peer
    peers: Mapping[Service, Peer]
    store: SignerStore
    keystore: Keystore
    inner: InnerKey
    exchange: Exchange
    clock: Clock
    entropy: Entropy
    faults: Faults
    policy: Policy
    families: Families = SHIPPED_FAMILIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What makes this signer Keeper or Cooler: its key's role, where a record's key lies, its peer, where
    it may die, further memories of its journal, and what it has reserved. `unlocked` and `barred` are of a
    lock on some of its keys, `lock` is how that stands, in words."""

    role: Role
    place: Callable[[WalletRecord], Bound]
    peer: Service
    points: Points
    memories: Sequence[Memory] = ()
    reserved_at: ReservedAt = nobody
    unlocked: Callable[[Bound, Secret], Secret] = as_it_lies
    barred: Barred = not_barred
    lock: Callable[[], str] = str


class Signer:
    """Open with `Signer.opened`; then `serve`, and keep `keep_witnessed` running."""

    def __init__(self, foundation: Foundation, part: Part) -> None:
        self.foundation, self._peer = foundation, _pinned(foundation.peers, part.peer)
        self.drafts, self.freezes, self._policies = SignedDrafts(), Freezes(), PoliciesSeen()
        self.issued = IssuedAddresses()
        memories: list[Memory] = [self.drafts, self.freezes, self._policies, self.issued, *part.memories]
        self.journal = Journal.opened(foundation.store, memories)
        self.keyring = SealedKeyring(
            foundation.store,
            foundation.keystore,
            foundation.inner,
            part.role,
            part.place,
            unlocked=part.unlocked,
        )
        keys, families = _attestation_keys(foundation, self._peer), foundation.families
        self.registry = OwnRegistry(foundation.store, keys, families.named)
        self.witness = self._witness()
        self._book = rulebook(foundation.policy)
        self.cosigner = CoSigner(
            journal=self.journal,
            drafts=self.drafts,
            freezes=self.freezes,
            registry=self.registry,
            witness=self.witness,
            keyring=self.keyring,
            rulebook=lambda: self._book,
            clock=foundation.clock,
            faults=foundation.faults,
            points=part.points,
            reserved_at=part.reserved_at,
            barred=part.barred,
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
        """Walks the journal and notes the policy. Raises Breach when either was rolled back."""
        check_spelling(foundation.policy, foundation.families.parse_recipient)
        signer = cls(foundation, part)
        policy, now_ms = foundation.policy, foundation.clock.now_ms()
        await take_into_use(signer.journal, signer._policies, policy.hash, policy.version, now_ms)
        return signer

    async def serve(
        self,
        handlers: Mapping[str, OpenedHandler],
        purses: Callable[[], Sequence[PurseStatus]] = lambda: (),
    ) -> None:
        """Answer what every signer answers, and `handlers` besides."""

        async def status(_: Opened) -> Message:
            return self._status(purses())

        common: dict[str, OpenedHandler] = {
            "witness.v1": self._answer_witness,
            "status.v1": status,
            "freeze.v1": self._answer_freeze,
            "sign.v1": self._answer_sign,
            "addresses.attest.v1": self._answer_addresses,
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

    async def run(self, stop: asyncio.Event, *background: Coroutine[Any, Any, None]) -> None:
        """Returns when asked to stop. Raises Breach when the disk lost what it had confirmed, and what a
        background task ended with."""
        interpreter.settle()
        tasks = [asyncio.create_task(one) for one in (self.keep_witnessed(), *background)]
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
            "policy": self.foundation.policy.hash,
            "policy_version": self.foundation.policy.version,
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
            "journal_entries": ("Committed entries.", lambda: self.journal.committed.sequence),
        }

    def asked(self, opened: Opened) -> Asked:
        return Asked(opened.id, opened.keep_until_ms, opened.sender)

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

    async def _answer_sign(self, opened: Opened) -> Message:
        return await self.cosigner.sign(body_of(opened, SignRequest), self.asked(opened))

    async def _answer_addresses(self, opened: Opened) -> Message:
        return await self._addressing.attest(body_of(opened, AttestAddresses), self.asked(opened))

    async def _answer_witness(self, opened: Opened) -> Message:
        if opened.sender is not self._peer.service:
            raise Refused("witness.sender", "only the peer signer is a witness here")
        return await self.witness.answer(body_of(opened, WitnessRequest))

    async def _answer_freeze(self, opened: Opened) -> Message:
        body = body_of(opened, FreezeRequest)
        await freezing.freeze(
            self.journal,
            self.freezes,
            level=body.level,
            target=body.target,
            reason=body.reason,
            asked=self.asked(opened),
            clock_ms=self.foundation.clock.now_ms(),
        )
        return FreezeAnswer(frozen=self.freezes.all(), head=self.witness.stated())

    def _status(self, purses: Sequence[PurseStatus]) -> StatusAnswer:
        return StatusAnswer(
            ready=self.witness.ready,
            waiting_for=self.witness.waiting_for,
            frozen=self.freezes.all(),
            policy=self.foundation.policy.hash,
            wallets=self.foundation.store.record_count(),
            purses=list(purses),
            head=self.witness.stated(),
            started_at_s=self._started_at_s,
            lock=self._lock(),
        )

    def _witness(self) -> Witness:
        foundation, peer = self.foundation, self._peer
        parties = Parties(
            own_key=_key(foundation.own, foundation.own.journal_key),
            peer=peer.service,
            peer_key=_key(peer, peer.journal_key),
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


def body_of(opened: Opened, form: type[M]) -> M:
    """The typed body of a request. The exchange has checked it against the type already."""
    if not isinstance(opened.body, form):
        raise Malformed("wire.body", f"{opened.typ} carries something else")
    return opened.body


def attested_row(record: WalletRecord, at_s: int) -> WalletRow:
    """The journal entry of an attestation."""
    return WalletRow(
        at_s=at_s,
        kind=WALLET,
        deed="attested",
        record=record.hash(),
        revision=record.revision,
        wallet=record.wallet,
    )


def rulebook(policy: Policy) -> Rulebook:
    """Every rule, bound to this policy."""
    return Rulebook(policy.hash, rules.bound(policy), policy.harbors)


def _attestation_keys(foundation: Foundation, peer: Peer) -> dict[Service, bytes]:
    own = foundation.own
    return {
        own.service: _key(own, own.attestation_key),
        peer.service: _key(peer, peer.attestation_key),
    }


def _pinned(peers: Mapping[Service, Peer], service: Service) -> Peer:
    if service not in peers:
        raise Refused("settings.peer", f"pin the keys of {service} under [peers.{service}]")
    return peers[service]


def _key(peer: Peer, key: bytes | None) -> bytes:
    if key is None:
        raise Refused("settings.peer", f"{peer.service} needs an attestation_key and a journal_key")
    return key
