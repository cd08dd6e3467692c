"""A signer's orders over a real database: administrators with keys, policies as files, a clock to set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from keepcool.adapters.sqlite.signer import SqliteSignerStore, open_store
from keepcool.core.approvals import Action, Order, order_challenge
from keepcool.core.errors import KeepcoolError
from keepcool.core.parties import Service
from keepcool.core.personkeys import PersonKey, Scheme
from keepcool.core.reconciliation import Difference, Report, SeenHead, Total, report_hash
from keepcool.cosigner.freezes import Freezes, place_of
from keepcool.cosigner.journal import Journal
from keepcool.cosigner.ordering import Ordering
from keepcool.cosigner.orders import Orders
from keepcool.cosigner.policies import PoliciesSeen, PolicyInForce, take_into_use
from keepcool.policy.document import parse_policy
from keepcool.policy.terms import Policy
from keepcool.wire import proofs
from keepcool.wire.proofs import Ed25519Proof
from keepcool.wire.reviews import OrderProof, PendingOrder, SubmitOrder
from tests.unit.cosigner.house import sent
from tests.unit.policy.test_document import EXAMPLE

NOW_S = 1_800_000_000
DELAY_S, ROOT_DELAY_S, THAW_DELAY_S, REKEY_DELAY_S = 1000, 5000, 60, 300
QUORUM, THAW_QUORUM = 2, 2
ROOT = SigningKey(b"\x01" * 32)
INSTALLATION = bytes(ROOT.verify_key).hex()
NAMES = ("anna", "boris", "clara")
KEYS = {name: SigningKey(bytes([number]) * 32) for number, name in enumerate(NAMES, 2)}
STRANGER = SigningKey(b"\x63" * 32)
NETWORK = "eip155:1"


def person(key: SigningKey) -> str:
    return PersonKey(Scheme.ED25519, bytes(key.verify_key)).text()


def document(version: int, names: tuple[str, ...] = NAMES, **governance: int) -> bytes:
    """A policy of this version with these administrators."""
    head, _, rest = EXAMPLE.partition("\nversion = ")
    _, _, rest = rest.partition("\n")
    terms = {
        "quorum": QUORUM, "delay_s": DELAY_S, "root_delay_s": ROOT_DELAY_S, "thaw_quorum": THAW_QUORUM,
        "thaw_delay_s": THAW_DELAY_S, "rekey_delay_s": REKEY_DELAY_S, **governance,
    }  # fmt: skip
    people = "".join(f'\n[administrators.{name}]\nkey = "{person(KEYS[name])}"\n' for name in names)
    governed = "\n[governance]\n" + "".join(f"{name} = {value}\n" for name, value in terms.items())
    return f"{head}\nversion = {version}\n{rest}{people}{governed if names else ''}".encode()


FIRST = document(10)


@dataclass
class Watch:
    """A clock to set."""

    at_ms: int = NOW_S * 1000

    def now_ms(self) -> int:
        return self.at_ms


@dataclass
class Office:
    """One signer's orders."""

    store: SqliteSignerStore
    journal: Journal
    freezes: Freezes
    orders: Orders
    seen: PoliciesSeen
    in_force: PolicyInForce
    ordering: Ordering
    watch: Watch
    service: Service = Service.KEEPER
    number: int = 0

    @property
    def policy(self) -> Policy:
        return self.in_force.policy

    def later(self, seconds: int) -> None:
        self.watch.at_ms += seconds * 1000

    @property
    def now_s(self) -> int:
        return self.watch.at_ms // 1000

    def order(self, action: Action, **details: str) -> Order:
        self.number += 1
        return Order(f"order-{self.number:04}", INSTALLATION, action, details, self.now_s + 86_400)

    def proposal(self, new: bytes, previous: str = "", **changes: str) -> Order:
        policy = parse_policy(new)
        details = {
            "document": policy.hash, "policy_version": str(policy.version),
            "previous": previous or self.policy.hash, "service": self.service.value, **changes,
        }  # fmt: skip
        return self.order(Action.POLICY_PROPOSE, **details)

    def cancel(self, new: bytes) -> Order:
        details = {"document": parse_policy(new).hash, "service": self.service.value}
        return self.order(Action.POLICY_CANCEL, **details)

    def freeze(self, level: str = "all", target: str = "") -> Order:
        return self.order(Action.FREEZE, level=level, target=target, reason="drill")

    def thaw(self, report: bytes, level: str = "all", target: str = "") -> Order:
        return self.order(Action.THAW, level=level, target=target, reason="found", report=report_hash(report))

    def report(
        self,
        *,
        made_at_s: int | None = None,
        networks: tuple[str, ...] | None = None,
        sequence: int | None = None,
        units: int = 0,
        heads: Mapping[str, SeenHead] | None = None,
    ) -> bytes:
        """Clean and fresh unless told otherwise."""
        at = self.journal.committed.sequence if sequence is None else sequence
        own = SeenHead(at, (self.journal.hash_at(at) or b"").hex())
        covered = tuple(self.policy.networks) if networks is None else networks
        differences = (Difference(NETWORK, "eip155:1/slip44:60", "w-1", units),) if units else ()
        total = Total(NETWORK, "eip155:1/slip44:60", 3, 100, 100, 0, 0)
        both = {"keeper": own, "cooler": SeenHead(7, "00" * 32)} if heads is None else dict(heads)
        return Report(
            self.now_s if made_at_s is None else made_at_s,
            {str(name): "1" for name in covered},
            both,
            (total,),
            differences,
        ).encoded()

    async def submit(self, order: Order, *names: str, document: bytes = b"") -> PendingOrder:
        return sent(await self.ordering.submit(submitted(order, *names, document=document)))

    async def refused(self, order: Order, *names: str, document: bytes = b"") -> str:
        """The code of the refusal; nothing has changed by it."""
        before = (self.journal.committed, self.ordering.shown(), self.policy.hash, self.freezes.all())
        try:
            await self.submit(order, *names, document=document)
        except KeepcoolError as error:
            after = (self.journal.committed, self.ordering.shown(), self.policy.hash, self.freezes.all())
            assert after == before
            return error.code
        raise AssertionError("it was accepted")

    async def frozen(self, level: str = "all", target: str = "") -> None:
        await self.ordering.freeze(place_of(level, target), "alarm", "watchtower")


def proven(order: Order, name: str, key: SigningKey | None = None) -> OrderProof:
    signing = key or (ROOT if name == "root" else KEYS.get(name, STRANGER))
    proof = Ed25519Proof(signature=signing.sign(order_challenge(order.encoded())).signature)
    return OrderProof(administrator=name, proof=proofs.encode(proof))


def submitted(order: Order, *names: str, document: bytes = b"") -> SubmitOrder:
    signatures = [proven(order, name) for name in names]
    return SubmitOrder(order=order.encoded(), proofs=signatures, document=document)


async def opened(
    file: Path, given: bytes = FIRST, watch: Watch | None = None, service: Service = Service.KEEPER
) -> Office:
    """The signer as it starts with this policy file."""
    store, clock = open_store(file), watch or Watch()
    freezes, orders, seen = Freezes(), Orders(), PoliciesSeen()
    in_force = PolicyInForce(seen, parse_policy(given), given)
    try:
        journal = Journal.opened(store, [freezes, orders, seen])
        await take_into_use(journal, seen, parse_policy(given), given, clock.now_ms())
    except BaseException:
        store.close()
        raise
    ordering = Ordering(
        journal=journal,
        orders=orders,
        freezes=freezes,
        in_force=in_force,
        service=service,
        installation=INSTALLATION,
        clock=clock,
    )
    await ordering.settle()
    return Office(store, journal, freezes, orders, seen, in_force, ordering, clock, service)


def told(file: Path, story: Callable[[Office], Awaitable[None]], given: bytes = FIRST) -> None:
    async def whole() -> None:
        office = await opened(file, given)
        try:
            await story(office)
        finally:
            office.store.close()

    asyncio.run(whole())
