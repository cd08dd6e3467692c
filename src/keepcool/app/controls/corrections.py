"""Corrections of the ledger by hand: proposed by one key and person, approved by another, applied once.

Laws: units move from one named account to another of the same wallet or pool, so that what lies on chain is
what the books say, before and after; nobody approves what he proposed, by key, by the key's name or by his
own; what is approved is the proposal to the letter, named by its digest; it expires; no account goes below
zero; proposal, decision and posting stay, and are told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Row, select

from keepcool.app.books import registry
from keepcool.app.books.people import HOUSE
from keepcool.app.books.postings import Line, post
from keepcool.app.controls.names import is_same
from keepcool.app.controls.reasons import check_reason
from keepcool.app.controls.tables import correction
from keepcool.app.events import log
from keepcool.app.events.log import News, Subject
from keepcool.app.keys import ApiKey
from keepcool.app.pools import rows as pools
from keepcool.core import canonical, ids
from keepcool.core.canonical import Plain
from keepcool.core.errors import Conflict, Malformed, Refused
from keepcool.core.ids import AssetId, WalletId

LIFETIME_S_MAX = 7 * 86_400
REFERENCE_CHARS_MAX, PERSON_CHARS_MAX = 200, 80
_KINDS = ("owed", "dust", "house")
_CONTEXT = b"keepcool-correction-v1"


class State(StrEnum):
    """PROPOSED: waits for another person, or has expired. APPLIED: on the books. REJECTED: never will be."""

    PROPOSED = "proposed"
    APPLIED = "applied"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: an API key, and the person who holds it."""

    key: str
    name: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`units` leave `source` for `target`. `reference`: where the paper is, a ticket say."""

    id: str
    source: str
    target: str
    asset: AssetId
    units: int
    reason: str
    reference: str
    expires_at_ms: int

    def digest(self) -> str:
        """What is approved: these words and numbers, and no others."""
        told = {
            "id": self.id,
            "source": self.source,
            "target": self.target,
            "asset": self.asset,
            "units": str(self.units),
            "reason": self.reason,
            "reference": self.reference,
            "expires_at_ms": str(self.expires_at_ms),
        }
        return canonical.digest(_CONTEXT, canonical.encode(told)).hex()


@dataclass(frozen=True, slots=True)
class Correction:
    number: int
    proposal: Proposal
    digest: str
    state: State
    proposed: By
    proposed_at_ms: int
    decided: By | None
    decided_reason: str | None
    decided_at_ms: int | None
    posting: int | None


def by(key: ApiKey, person: str) -> By:
    """Raises Malformed `correction.person` without a name."""
    if not person.strip() or len(person) > PERSON_CHARS_MAX:
        raise Malformed("correction.person", f"name the person, in 1 to {PERSON_CHARS_MAX} characters")
    return By(key.id, key.name, person.strip())


def propose(tx: Connection, wanted: Proposal, who: By, now_ms: int) -> Correction:
    """Nothing moves yet. The same again is the same. Raises Malformed `correction.accounts` on accounts that
    are not of one wallet or pool, and Conflict where the source has too little now."""
    _check(tx, wanted, now_ms)
    known = tx.execute(select(correction).where(correction.c.id == wanted.id)).one_or_none()
    if known is not None:
        if _read(known).digest != wanted.digest():
            raise Conflict("idempotency.key_reused", "this Idempotency-Key proposed another correction")
        return _read(known)
    _rehearse(tx, wanted, now_ms)
    tx.execute(
        correction.insert().values(
            id=wanted.id,
            state=State.PROPOSED.value,
            source=wanted.source,
            target=wanted.target,
            asset=wanted.asset,
            units=wanted.units,
            reason=wanted.reason,
            reference=wanted.reference,
            digest=wanted.digest(),
            proposed_by=who.key,
            proposed_name=who.name,
            proposed_person=who.person,
            proposed_at_ms=now_ms,
            expires_at_ms=wanted.expires_at_ms,
        )
    )
    return _tell(tx, get(tx, wanted.id), "proposed", now_ms)


Guard = Callable[[Correction, By, str], None]


def refuse_alone(one: Correction, who: By, digest: str) -> None:
    """Raises Refused `correction.same_person`, and Conflict `correction.changed` when what stands there is
    not what was proposed and is being approved."""
    if not one.proposal.digest() == one.digest == digest:
        text = "this is not what was proposed, or not what you name: read it again, and ask who changed it"
        raise Conflict("correction.changed", text)
    first = one.proposed
    if first.key == who.key or is_same(first.name, who.name) or is_same(first.person, who.person):
        text = "whoever proposed a correction does not approve it: another person, by a key of another name"
        raise Refused("correction.same_person", text)


def approve(
    tx: Connection, name: str, digest: str, who: By, now_ms: int, *, guard: Guard = refuse_alone
) -> Correction:
    """Applied, once. Raises Conflict `correction.decided`, `correction.expired`, `ledger.overdrawn`."""
    one = _open(tx, name)
    guard(one, who, digest)
    if now_ms >= one.proposal.expires_at_ms:
        raise Conflict("correction.expired", f"correction {name} has expired: propose it again")
    _check(tx, one.proposal, one.proposed_at_ms)
    number = post(
        tx,
        key=f"correction:{one.proposal.id}",
        kind="correction",
        lines=_lines(one.proposal),
        at_ms=now_ms,
        wallet=_wallet(one.proposal.source),
        reference={"correction": one.proposal.id, "reference": one.proposal.reference},
    )
    return _decided(tx, one, State.APPLIED, who, now_ms, posting=number)


def reject(tx: Connection, name: str, who: By, reason: str, now_ms: int) -> Correction:
    """Anybody who may propose may reject, his own as well."""
    why = check_reason(reason)
    return _decided(tx, _open(tx, name), State.REJECTED, who, now_ms, decided_reason=why)


def get(tx: Connection, name: str) -> Correction:
    """Raises Conflict `correction.not_found`."""
    row = tx.execute(select(correction).where(correction.c.id == name)).one_or_none()
    if row is None:
        raise Conflict("correction.not_found", f"there is no correction {name[:64]}")
    return _read(row)


def listed(
    tx: Connection, *, limit: int, before: int | None = None, state: State | None = None
) -> list[Correction]:
    """Newest first."""
    query = select(correction).order_by(correction.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(correction.c.number < before)
    if state is not None:
        query = query.where(correction.c.state == state.value)
    return [_read(row) for row in tx.execute(query)]


def _open(tx: Connection, name: str) -> Correction:
    one = get(tx, name)
    if one.state is not State.PROPOSED:
        raise Conflict("correction.decided", f"correction {name} is {one.state.value} already")
    return one


def _check(tx: Connection, wanted: Proposal, now_ms: int) -> None:
    check_reason(wanted.reason)
    if not wanted.reference.strip() or len(wanted.reference) > REFERENCE_CHARS_MAX:
        text = f"give a reference of 1 to {REFERENCE_CHARS_MAX} characters: where the paper is"
        raise Malformed("correction.reference", text)
    if not 0 < wanted.expires_at_ms - now_ms <= LIFETIME_S_MAX * 1000:
        raise Malformed("correction.lifetime", f"a proposal lives up to {LIFETIME_S_MAX} seconds")
    if wanted.units < 1 or wanted.source == wanted.target:
        raise Malformed("correction.accounts", "something moves from one account to another one")
    places = {_place(tx, account, wanted.asset) for account in (wanted.source, wanted.target)}
    if len(places) != 1:
        text = "both accounts are of one wallet, or of wallets of one pool: coins on chain do not move"
        raise Malformed("correction.accounts", text)


def _place(tx: Connection, account: str, asset: AssetId) -> WalletId:
    """The wallet or pool whose coins on chain the account shares out. Raises Malformed."""
    kind, _, name = account.partition(":")
    if kind not in _KINDS or not name:
        text = f"accounts of corrections are {', '.join(f'{one}:WALLET' for one in _KINDS)}"
        raise Malformed("correction.accounts", text)
    stored = registry.get_wallet(tx, name)
    member = pools.find_member(tx, stored.asked.id)
    if kind == "house" and (member is not None or stored.asked.user == HOUSE):
        raise Malformed("correction.accounts", "what is a pool's own stands in owed:POOL")
    if ids.network_of(asset) != stored.asked.network:
        raise Malformed("asset.unknown", f"{asset} is not an asset of {stored.asked.network}")
    return stored.asked.id if member is None else member.pool


def _rehearse(tx: Connection, wanted: Proposal, now_ms: int) -> None:
    """Raises Conflict `ledger.overdrawn` when it could not be applied now; nothing stays of it."""
    trial = tx.begin_nested()
    try:
        post(tx, key=f"correction:{wanted.id}", kind="correction", lines=_lines(wanted), at_ms=now_ms)
    finally:
        trial.rollback()


def _lines(one: Proposal) -> list[Line]:
    """Both are accounts of whose it is: one goes down by what the other goes up."""
    return [Line(one.source, one.asset, one.units), Line(one.target, one.asset, -one.units)]


def _decided(
    tx: Connection, one: Correction, state: State, who: By, now_ms: int, **more: str | int
) -> Correction:
    row = {"decided_by": who.key, "decided_name": who.name, "decided_person": who.person, **more}
    tx.execute(
        correction.update()
        .where(correction.c.number == one.number, correction.c.state == State.PROPOSED.value)
        .values(**row, state=state.value, decided_at_ms=now_ms)
    )
    return _tell(tx, get(tx, one.proposal.id), state.value, now_ms)


def _wallet(account: str) -> str:
    return account.partition(":")[2]


def _tell(tx: Connection, one: Correction, what: str, at_ms: int) -> Correction:
    wanted, wallet = one.proposal, _wallet(one.proposal.source)
    owner = registry.get_wallet(tx, wallet).asked
    data: dict[str, Plain] = {
        "correction": wanted.id,
        "digest": one.digest,
        "source": wanted.source,
        "target": wanted.target,
        "asset": wanted.asset,
        "amount": str(wanted.units),
        "reason": wanted.reason,
        "reference": wanted.reference,
        "proposed_by": f"{one.proposed.person} ({one.proposed.name})",
        "decided_by": None if one.decided is None else f"{one.decided.person} ({one.decided.name})",
        "decided_reason": one.decided_reason,
        "posting": one.posting,
        "wallet": wallet,
        "user": owner.user,
        "network": owner.network,
    }
    about = Subject(network=owner.network, user=owner.user, wallet=wallet)
    log.append(tx, News(f"correction.{what}", about, data), at_ms)
    return one


def _read(row: Row[tuple[object, ...]]) -> Correction:
    decided = None
    if row.decided_by is not None:
        decided = By(row.decided_by, row.decided_name, row.decided_person)
    return Correction(
        number=row.number,
        proposal=Proposal(
            id=row.id,
            source=row.source,
            target=row.target,
            asset=AssetId(row.asset),
            units=row.units,
            reason=row.reason,
            reference=row.reference,
            expires_at_ms=row.expires_at_ms,
        ),
        digest=row.digest,
        state=State(row.state),
        proposed=By(row.proposed_by, row.proposed_name, row.proposed_person),
        proposed_at_ms=row.proposed_at_ms,
        decided=decided,
        decided_reason=row.decided_reason,
        decided_at_ms=row.decided_at_ms,
        posting=row.posting,
    )
