"""What App answers, as frozen values. Amounts are whole numbers of base units; times Unix milliseconds.

Unknown fields are ignored, so that a newer App does not break an older client.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec

Units = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,78}$")]
T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all answers."""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Part of a list; `next` is the cursor of the part that follows, None at the end."""

    items: list[T]
    next: str | None = None


class User(Answer, frozen=True):
    id: str
    external_id: str | None
    metadata: dict[str, str]
    created_at_ms: int
    suspended: str | None = None


class AttestationKeyList(Answer, frozen=True):
    """Which attestation keys of a signer count, as the root key signed it: not verified yet."""

    service: str
    statement: bytes
    signature: bytes


class AttestationKeys(Answer, frozen=True):
    items: list[AttestationKeyList]


class ProofAnswer(Answer, frozen=True):
    """Why an address is one of a record's, as App tells it: the statement of both signers over a range of its
    addresses, and the way from this one to the range's root."""

    index: int
    statement: bytes
    signatures: dict[str, bytes]
    path: list[bytes]


class AddressAnswer(Answer, frozen=True):
    """A further address of a wallet: not believed yet."""

    address: str
    index: int
    proof: ProofAnswer | None


class WalletAnswer(Answer, frozen=True):
    """A wallet as App tells it: not believed yet (`Client.wallet` returns a `Wallet`). In a pool the record
    is the pool's, and `proof` says which of its addresses is the wallet's."""

    id: str
    user: str
    network: str
    profile: str
    status: str
    address: str | None
    record_bytes: bytes | None
    attestations: dict[str, bytes]
    external_id: str | None
    metadata: dict[str, str]
    created_at_ms: int
    kind: str = "segregated"
    user_key: str = ""
    pool: str | None = None
    proof: ProofAnswer | None = None


class Marks(Answer, frozen=True):
    high: Units
    low: Units
    target: Units
    harbor: str | None


class PoolHolding(Answer, frozen=True):
    """One asset of a pool."""

    asset: str
    marks: Marks
    users: str
    own: str
    booked: str
    on_chain: Units
    cold: Units
    fees: Units
    exposed_thousandths: int


class PoolAnswer(PoolHolding, frozen=True, kw_only=True):
    """A pool as App tells it: its record is not believed yet. What is said of an asset is said of the
    network's coin, and of the others in `tokens`."""

    wallet: WalletAnswer
    tokens: list[PoolHolding] = []
    members: int
    addresses_in_stock: int
    waiting_for_signing_window: int


class Balance(Answer, frozen=True):
    asset: str
    symbol: str
    decimals: int | None
    available: Units
    held: Units
    total: Units
    short: Units


class Deposit(Answer, frozen=True):
    id: str
    wallet: str
    asset: str
    symbol: str
    amount: Units
    credited: Units
    transaction: str | None
    block_number: int | None  # None while it is in no block yet
    state: str


class Quote(Answer, frozen=True):
    """What the purse is expected to pay, and the most it may, in the network's native asset."""

    fee_asset: str
    fee_expected: Units
    fee_max: Units


class Verdict(Answer, frozen=True):
    signer: str
    rule: str
    outcome: str
    reason: str


class SignedBy(Answer, frozen=True):
    kind: str
    key: str


class Review(Answer, frozen=True):
    """What signers are asked for, what they still want (`missing`, by signer), and what people have signed.
    `signed_before`: another intent of this withdrawal was signed, which no longer counts."""

    intent_bytes: bytes
    intent_hash: str
    drafts: list[bytes]
    expires_at_s: int
    user_key: str
    missing: dict[str, list[str]]
    until_s: int
    evidence: list[SignedBy]
    signed_before: bool


class Withdrawal(Answer, frozen=True):
    """A withdrawal, transfer or top-up. `review`: while signatures are asked for, of one asked for by id."""

    id: str
    kind: str
    wallet: str
    to_wallet: str | None
    asset: str
    amount: Units
    to: str
    state: str
    reason: str
    verdicts: list[Verdict]
    transaction: str | None
    transactions: list[str]
    fee_max: Units
    fee_paid: Units | None
    external_id: str | None
    metadata: dict[str, str]
    created_at_ms: int
    updated_at_ms: int
    review: Review | None = None
    batch: str | None = None


class Entry(Answer, frozen=True):
    """One line of the ledger; `balance` is the account's after it."""

    id: int
    posting: int
    kind: str
    wallet: str | None
    account: str
    asset: str
    side: str
    amount: Units
    balance: Units
    at_ms: int


class Purse(Answer, frozen=True):
    network: str
    address: str
    asset: str
    booked: Units
    on_chain: Units | None
    fees_paid: Units
    accounts: list[str] = []


class Asset(Answer, frozen=True):
    asset: str
    network: str
    symbol: str
    decimals: int
    deposit_min: Units
    withdrawal_min: Units = "1"
    withdrawal_max: Units | None = None
    suspended: str | None = None


class Network(Answer, frozen=True):
    network: str
    name: str
    family: str
    profile: str
    suspended: str | None = None


class Found(Answer, frozen=True):
    """What App knows of a transaction or an address."""

    wallets: list[WalletAnswer]
    deposits: list[Deposit]
    withdrawals: list[Withdrawal]


class Books(Answer, frozen=True):
    balanced: bool
