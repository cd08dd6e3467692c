"""/v1/wallets and what belongs to a user's wallets. Every address shown was verified a moment before."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from keepcool.app.books import people, registry
from keepcool.app.books.registry import Asked, Stage, Stored
from keepcool.app.config import AppSettings
from keepcool.app.controls import suspensions
from keepcool.app.http import idempotency, paging, problems
from keepcool.app.http.fields import ExternalId, Id, In, Metadata, Network, Out, PersonKeyText, Time
from keepcool.app.http.parts import Given, Parts, Reader, WalletMaker
from keepcool.app.keys import ApiKey
from keepcool.app.pools.proofs import Proof
from keepcool.app.rekeying import Rekey, rekey
from keepcool.app.wallets import PINNED, Attesters, Outcome, Wallet
from keepcool.core.errors import KeepcoolError, Malformed
from keepcool.core.ids import NetworkId, UserId, WalletId
from keepcool.wire.messages import ITEMS_MAX

router = APIRouter(prefix="/v1", tags=["wallets"])
WalletPath = Annotated[str, Path(max_length=64)]
UserPath = Annotated[str, Path(max_length=64)]


class WalletIn(In):
    network: Network
    external_id: ExternalId | None = None
    metadata: Metadata = Field(default_factory=dict)
    user_key: Annotated[
        PersonKeyText,
        Field(description="The owner's key: what leaves the wallet needs his signature. Attested by both."),
    ] = ""
    policy_class: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{0,32}$")] = ""
    kind: Annotated[
        Literal["segregated", "pooled"] | None,
        Field(description="Keys of its own, or an address of a pool; as configured when left out."),
    ] = None
    pool: Annotated[Id | None, Field(description="The pool it shall lie in; else the oldest.")] = None


class WalletOfUserIn(WalletIn):
    user: Id


class WalletsIn(In):
    wallets: Annotated[list[WalletOfUserIn], Field(min_length=1, max_length=ITEMS_MAX)]


class RekeyIn(In):
    """`proof`: base64 of the JSON of a proof by the old key (see the evidence of withdrawals); left out where
    administrators ordered the change."""

    user_key: Annotated[PersonKeyText, Field(min_length=1)]
    proof: Annotated[str, StringConstraints(max_length=32_768)] = ""


class ProofOut(Out):
    """Why an address is one of a record's: both signers signed `statement` (canonical bytes, base64), which
    names the record and the Merkle root of a range of its addresses; `path` leads from this one to the root
    (RFC 9162, 2.1.3; base64)."""

    index: int
    statement: str
    signatures: Annotated[dict[str, str], Field(description="keeper and cooler: Ed25519, base64.")]
    path: list[str]


class WalletOut(Out):
    """`address` is null until both signers have attested it. `record_bytes` are what they signed; of a wallet
    in a pool they are the pool's, and `proof` says that `address` is one of its addresses."""

    id: str
    user: str
    network: str
    profile: str
    user_key: Annotated[str, Field(description="The owner's key in the attested record; empty for none.")]
    kind: Annotated[str, Field(description="segregated | pooled")]
    status: Annotated[str, Field(description="issuing | ready")]
    address: str | None
    record: dict[str, Any] | None
    record_bytes: Annotated[str | None, Field(description="Canonical record, base64.")]
    attestations: Annotated[dict[str, str], Field(description="keeper and cooler: Ed25519, base64.")]
    pool: str | None
    proof: ProofOut | None
    external_id: str | None
    metadata: dict[str, str]
    created_at_ms: Time


class WalletsOut(Out):
    items: list[WalletOut]
    next: str | None


class BatchItemOut(Out):
    """Either the wallet, or the problem that stands in its way."""

    wallet: WalletOut | None = None
    problem: dict[str, Any] | None = None


class BatchOut(Out):
    items: list[BatchItemOut]


class WalletFilter(paging.Page):
    user: Id | None = None
    network: Network | None = None
    external_id: ExternalId | None = None


def shown(tx: Connection, attesters: Attesters, stored: Stored) -> WalletOut:
    """Raises Breach rather than show a row that is not what both signers attested."""
    if stored.stage is not Stage.REGISTERED:
        return _out(stored, None)
    return told(attesters.shown(tx, stored))


def told(wallet: Wallet | Stored) -> WalletOut:
    return _out(wallet.stored, wallet) if isinstance(wallet, Wallet) else _out(wallet, None)


def _out(stored: Stored, wallet: Wallet | None) -> WalletOut:
    asked, record = stored.asked, wallet.record.encoded() if wallet else None
    attested = wallet.attestations if wallet else {}
    proof = wallet.proof if wallet else None
    return WalletOut(
        id=asked.id,
        user=asked.user,
        network=asked.network,
        profile=asked.profile,
        user_key=wallet.record.user_key if wallet else asked.user_key,
        kind="pooled" if proof else "segregated",
        status="ready" if wallet else "issuing",
        address=wallet.address if wallet else None,
        record=json.loads(record) if record else None,
        record_bytes=base64_of(record) if record else None,
        attestations={by.value: base64_of(attested[by.value]) for by in PINNED if by.value in attested},
        pool=wallet.record.wallet if wallet and proof else None,
        proof=proof_out(proof) if proof else None,
        external_id=asked.external_id,
        metadata=dict(asked.metadata),
        created_at_ms=stored.created_at_ms,
    )


def proof_out(proof: Proof) -> ProofOut:
    return ProofOut(
        index=proof.index,
        statement=base64_of(proof.statement),
        signatures={by.value: base64_of(signature) for by, signature in proof.signatures.items()},
        path=[base64_of(step) for step in proof.way],
    )


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@router.post("/users/{user}/wallets", status_code=201, summary="Make a wallet")
async def make_wallet(
    *,
    request: Request,
    response: Response,
    given: Given,
    caller: WalletMaker,
    user: UserPath,
    body: WalletIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> WalletOut:
    """A 2-of-3 wallet whose address both signers attested. Asking again with the same external_id (or
    Idempotency-Key) completes an interrupted one and gives the same wallet. 202 and no address where a
    transaction makes it first: ask for the wallet until it is `ready`."""
    wanted = [WalletOfUserIn(user=user, **body.model_dump())]
    (outcome,) = await _issued(request, given, caller, wanted, idempotency_key)
    if isinstance(outcome, KeepcoolError):
        raise outcome
    response.status_code = 201 if isinstance(outcome, Wallet) else 202
    return told(outcome)


@router.post("/wallets", summary="Make up to 100 wallets")
async def make_wallets(
    *,
    request: Request,
    given: Given,
    caller: WalletMaker,
    body: WalletsIn,
    idempotency_key: idempotency.KeyHeader = None,
) -> BatchOut:
    """One outcome per wallet, in order. Ask again with the same external ids to complete what failed."""
    outcomes = await _issued(request, given, caller, body.wallets, idempotency_key)
    return BatchOut(items=[_item(outcome) for outcome in outcomes])


@router.get("/wallets", summary="List wallets")
async def list_wallets(given: Given, _: Reader, page: Annotated[WalletFilter, Query()]) -> WalletsOut:
    after = paging.decode_number("wallets", page.cursor) or 0

    def work(tx: Connection) -> WalletsOut:
        rows = registry.list_wallets(
            tx,
            limit=page.limit + 1,
            after=after,
            user=page.user,
            network=page.network,
            external_id=page.external_id,
        )
        cut, following = paging.cut("wallets", rows, page.limit, lambda row: str(row.number))
        return WalletsOut(items=[shown(tx, given.attesters, row) for row in cut], next=following)

    return await given.store.read(work)


@router.get("/users/{user}/wallets", summary="A user's wallets")
async def list_wallets_of_user(
    given: Given, caller: Reader, user: UserPath, page: Annotated[paging.Page, Query()]
) -> WalletsOut:
    await given.store.read(lambda tx: people.get_user(tx, user))
    return await list_wallets(given, caller, WalletFilter(user=user, limit=page.limit, cursor=page.cursor))


@router.get("/wallets/{wallet}", summary="One wallet: record, address, both attestations")
async def get_wallet(given: Given, _: Reader, wallet: WalletPath) -> WalletOut:
    return await given.store.read(lambda tx: shown(tx, given.attesters, registry.get_wallet(tx, wallet)))


@router.post("/wallets/{wallet}/rekey", summary="Another key of a wallet's owner")
async def rekey_wallet(given: Given, _: WalletMaker, wallet: WalletPath, body: RekeyIn) -> WalletOut:
    """Both signers verify the old key's signature, or that administrators ordered it, and attest the record's
    next revision. Asked again, it goes on where it was."""
    try:
        proof = base64.b64decode(body.proof, validate=True)
    except ValueError as error:
        raise Malformed("rekey.proof", "proof is base64 of a proof's JSON") from error
    wanted = Rekey(wallet, body.user_key, proof)
    return told(await rekey(given.issuer, given.attesters, given.store, wanted))


async def _issued(
    request: Request, given: Parts, caller: ApiKey, wanted: Sequence[WalletOfUserIn], key: str | None
) -> list[Outcome]:
    attempt = await idempotency.attempt(request, caller, key) if key else None
    ids = [
        WalletId(idempotency.steady_id("wal", attempt, given.entropy(16), index))
        for index in range(len(wanted))
    ]
    pooled = [given.pools.is_pooled(one.network, one.kind) for one in wanted]
    _refuse_keys_in_pools(wanted, pooled)
    own = [
        _asked(given.settings, one, wallet)
        for one, wallet, in_pool in zip(wanted, ids, pooled, strict=True)
        if not in_pool
    ]
    shared = [
        (replace(_asked(given.settings, one, wallet), profile=given.pools.profile(one.network)), one.pool)
        for one, wallet, in_pool in zip(wanted, ids, pooled, strict=True)
        if in_pool
    ]
    users = sorted({one.user for one in wanted})
    await given.store.run(lambda tx: _check_owners(tx, users))
    for network in sorted({one.network for one in wanted}):
        await given.onboarded(network)  # no address before its chain is known to be able to spend from it
    made = iter(await given.pools.wallets(shared) if shared else [])
    issued = iter(await given.issuer.issue(own) if own else [])
    return [next(made if in_pool else issued) for in_pool in pooled]


def _check_owners(tx: Connection, users: Sequence[str]) -> None:
    """Raises Conflict `user.not_found` or `user.suspended`."""
    for user in users:
        people.get_user(tx, user)
        suspensions.refuse_user(tx, user)


def _refuse_keys_in_pools(wanted: Sequence[WalletOfUserIn], pooled: Sequence[bool]) -> None:
    if any(one.user_key and in_pool for one, in_pool in zip(wanted, pooled, strict=True)):
        text = "whose coins of a pool are whose, no signer knows: ask for kind segregated, or no user_key"
        raise Malformed("wallet.user_key", text)


def _asked(settings: AppSettings, wanted: WalletOfUserIn, wallet: WalletId) -> Asked:
    network = settings.networks.get(wanted.network)
    if network is None:
        raise Malformed("network.unknown", f"network {wanted.network} is not configured here")
    return Asked(
        id=wallet,
        user=UserId(wanted.user),
        network=NetworkId(wanted.network),
        profile=network.profile,
        external_id=wanted.external_id,
        metadata=wanted.metadata,
        user_key=wanted.user_key,
        policy_class=wanted.policy_class,
    )


def _item(outcome: Outcome) -> BatchItemOut:
    if isinstance(outcome, KeepcoolError):
        return BatchItemOut(problem=json.loads(problems.told(outcome)[1]))
    return BatchItemOut(wallet=told(outcome))
