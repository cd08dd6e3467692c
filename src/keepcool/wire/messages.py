"""Every message of the bus, by type. Unknown fields, types and versions are refused.

Requests carry lists, so that one envelope may hold a hundred items; answers keep their order, one
outcome per item. Bytes are base64, amounts inside intents and drafts decimal strings. A digest to be
signed never travels: signers compute it from the draft they decoded.
"""

from __future__ import annotations

import msgspec

from keepcool.wire.requestkeys import NO_KEYS, Keys

ITEMS_MAX = 100


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all bodies: frozen, strict."""


# --- what rides on answers -------------------------------------------------------------------


class Head(Message, frozen=True):
    """A signed statement of a journal head (`core.journal.HeadStatement`)."""

    service: str
    sequence: int
    hash: bytes
    signature: bytes


class Problem(Message, frozen=True):
    """An error as it crosses the wire: `core.errors` kind, stable code, public text."""

    kind: str
    code: str
    text: str


class Failure(Message, frozen=True, tag="failed"):
    """This item could not be treated."""

    problem: Problem


class ErrorAnswer(Message, frozen=True):
    """Answer of type `error.v1`: the whole request was refused."""

    problem: Problem


# --- wallets -----------------------------------------------------------------------------------


class NewWallet(Message, frozen=True):
    wallet: str
    network: str
    profile: str
    owner: str
    user_key: str = ""
    policy_class: str = ""


class Attested(Message, frozen=True, tag="attested"):
    """A registry record's canonical bytes and the attestations so far, by service."""

    record: bytes
    attestations: dict[str, bytes]


class CreateWallets(Message, frozen=True):
    """App to Keeper, `wallets.create.v1`. The same wallet asked for again gives the same record. `keys`: what
    a wallet's hot key is sealed with besides, by wallet (32 bytes each; `SignRequest.keys`)."""

    wallets: list[NewWallet]
    keys: Keys = NO_KEYS


class AttestWallets(Message, frozen=True):
    """App to Cooler, `wallets.attest.v1`: records Keeper attested; Cooler adds its own attestation."""

    records: list[Attested]


class RegisterWallets(Message, frozen=True):
    """App to Keeper, `wallets.register.v1`: records both attested, for Keeper's registry copy."""

    records: list[Attested]


class WalletsAnswer(Message, frozen=True):
    items: list[Attested | Failure]
    head: Head


class ReserveItem(Message, frozen=True):
    """A wallet whose address comes from the account and the nonce of the transaction that makes it.
    `gas_coin`: the number of the coin the creator pays that transaction in."""

    wallet: str
    network: str
    creator: str
    nonce: int
    gas_price: int
    gas_coin: int


class ReserveWallets(Message, frozen=True):
    """App to Keeper, `wallets.reserve.v1`. The same wallet asked for again gives the same record; only the
    gas price may be another, and higher. `heads` as in `SignRequest`."""

    items: list[ReserveItem]
    heads: list[Head] = []
    keys: Keys = NO_KEYS


class Reserved(Message, frozen=True, tag="reserved"):
    """The first revision, which names an address nobody may be shown yet, and the signed transaction that
    makes the wallet."""

    record: Attested
    transaction: bytes
    sequence: int


class ReserveAnswer(Message, frozen=True):
    items: list[Reserved | Failure]
    head: Head


class ProveItem(Message, frozen=True):
    wallet: str
    owner: str
    user_key: str = ""
    policy_class: str = ""


class ProveWallets(Message, frozen=True):
    """App to Keeper, `wallets.prove.v1`: reserved wallets, and whose they shall be. Answered with the second
    revision, which counts once Cooler has read the owners from the chain and attested it."""

    items: list[ProveItem]


class RekeyItem(Message, frozen=True):
    """`key`: of the wallet's owner from now on. `proof`: a `wire.proofs.Proof` by the old key, encoded; empty
    where administrators ordered it. `attestations` of the next revision, so far."""

    wallet: str
    key: str
    proof: bytes = b""
    attestations: dict[str, bytes] = {}


class RekeyWallets(Message, frozen=True):
    """App to Keeper, then to Cooler with Keeper's attestations, `wallets.rekey.v1`. Answered with the next
    revision, which counts once both attested it and Keeper registered that. Asked for again, the same."""

    items: list[RekeyItem]


class AddressItem(Message, frozen=True):
    """Indices `first` to `first + count - 1` of the branch on which a wallet's addresses are handed out."""

    wallet: str
    first: int
    count: int
    change: int = 0


class AttestAddresses(Message, frozen=True):
    """App to a signer, `addresses.attest.v1`. The same range asked for again gives the same statement."""

    items: list[AddressItem]


class RangeAttested(Message, frozen=True, tag="attested"):
    """A statement's canonical bytes (`core.addresses.AddressRange`) and this signer's signature over it. The
    addresses do not travel: whoever has the record derives them, and their root tells whether rightly.
    `highest`: the highest index of the branch that was attested before, -1 when none was. An App whose
    database was restored learns from it which addresses others may have."""

    statement: bytes
    signature: bytes
    highest: int


class AddressesAnswer(Message, frozen=True):
    items: list[RangeAttested | Failure]
    head: Head


# --- signing -----------------------------------------------------------------------------------


class EvidenceItem(Message, frozen=True):
    kind: str
    key: str
    proof: bytes


class SignItem(Message, frozen=True):
    """`intent`: canonical bytes. `draft`: the family's unsigned transaction, in its one encoding."""

    intent: bytes
    draft: bytes
    evidence: list[EvidenceItem] = []


class SignRequest(Message, frozen=True):
    """App to a signer, `sign.v1`. `heads`: the newest head statements App has seen of this signer. `keys`, to
    Keeper alone: what opens the hot keys of wallets that are sealed with a key of their own, by wallet."""

    items: list[SignItem]
    heads: list[Head] = []
    keys: Keys = NO_KEYS


class Signed(Message, frozen=True, tag="signed"):
    """Signatures in the order of the draft's digests; `sequence` is the journal row that remembers it."""

    signatures: list[bytes]
    sequence: int


class VerdictItem(Message, frozen=True):
    """`outcome`: approved | denied | needs_review | failed."""

    rule: str
    outcome: str
    reason: str = ""


class Declined(Message, frozen=True, tag="declined"):
    """Not signed. All rules' verdicts; `review` when every objection is a need for review. `until_s`: when a
    delay, or the cooling of a destination, ends; 0 where time alone changes nothing."""

    verdicts: list[VerdictItem]
    review: bool
    until_s: int = 0


class SignAnswer(Message, frozen=True):
    items: list[Signed | Declined | Failure]
    policy: str
    head: Head


# --- the purse (Keeper only) -------------------------------------------------------------------


class PurseItem(Message, frozen=True):
    """An unsigned fee-paying transaction (EIP-1559 payload; Minter: what is signed of it) and what it is for.

    `purpose`: execute | deploy | sweep | replace | cancel | collect | spread. `wallet` names the wallet
    concerned, `intent` the intent whose fee bound applies (execute and its replacements)."""

    purpose: str
    network: str
    transaction: bytes
    wallet: str = ""
    intent: str = ""


class PurseRequest(Message, frozen=True):
    """App to Keeper, `purse.sign.v1`."""

    items: list[PurseItem]
    heads: list[Head] = []


class PurseSigned(Message, frozen=True, tag="signed"):
    transaction: bytes
    sequence: int


class PurseAnswer(Message, frozen=True):
    items: list[PurseSigned | Declined | Failure]
    head: Head


# --- witness, status, freeze -------------------------------------------------------------------


class WitnessRequest(Message, frozen=True):
    """Signer to its peer, `witness.v1`: remember my head; tell me the newest of mine you remember.

    `challenge`: 32 fresh random bytes, returned in the answer."""

    challenge: bytes
    head: Head


class WitnessAnswer(Message, frozen=True):
    """`witnessed`: the newest head of the asker's that the peer had stored before this request
    (its own signed statement, returned), None if it never saw one. `head`: the peer's own."""

    challenge: bytes
    witnessed: Head | None
    head: Head


class StatusRequest(Message, frozen=True):
    """Anyone to a signer, `status.v1`."""


class PurseStatus(Message, frozen=True):
    """One fee-paying account; a network may have several, of which the first is the one to top up.
    `next_nonce`: the lowest never signed. `gas_spent_today_wei`: what its fees of a day may reach, in the
    network's smallest unit."""

    network: str
    address: str
    next_nonce: int
    gas_spent_today_wei: str
    deployments_today: int


class StatusAnswer(Message, frozen=True):
    """`ready` is false with `waiting_for` set, when the signer would sign nothing now. `lock`: empty where no
    wallets are locked, "locked", or "unlocked until" a Unix time in seconds."""

    ready: bool
    waiting_for: str
    frozen: list[str]
    policy: str
    wallets: int
    purses: list[PurseStatus]
    head: Head
    started_at_s: int
    lock: str = ""


class FreezeRequest(Message, frozen=True):
    """Any service to a signer, `freeze.v1`. `level`: wallet | asset | network | all | harbor; `target` names
    the first three, empty for all and harbor. No service thaws: that is an order of administrators."""

    level: str
    target: str
    reason: str


class FreezeAnswer(Message, frozen=True):
    frozen: list[str]
    head: Head
