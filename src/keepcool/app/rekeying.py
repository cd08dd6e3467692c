"""Another key of a wallet's owner: both signers verify who wants it and attest the record's next revision.

Laws: App decides nothing here, it carries; what the signers answer must be the record as it was with this one
key and as the next revision; asked again after whatever went wrong, it goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from keepcool.app.books import registry
from keepcool.app.payouts import store as payouts
from keepcool.app.store import Store
from keepcool.app.wallets import PINNED, Attesters, Issuer, Wallet
from keepcool.core.errors import Breach, Conflict, Malformed, rebuild
from keepcool.core.parties import Service
from keepcool.core.registry import WalletRecord, parse_record
from keepcool.wire.messages import Attested, Failure, RegisterWallets, RekeyItem, RekeyWallets


@dataclass(frozen=True, slots=True)
class Rekey:
    """`proof`: of the old key over `core.approvals.rekey_challenge`, a `wire.proofs.Proof` encoded; empty
    where administrators ordered the change."""

    wallet: str
    key: str
    proof: bytes = b""


async def rekey(issuer: Issuer, attesters: Attesters, store: Store, wanted: Rekey) -> Wallet:
    """The wallet with its new key. Raises what a signer refuses, Conflict `wallet.busy` while payments out of
    it wait for signatures of the old key."""
    before = await store.run(lambda tx: _idle(tx, attesters, wanted.wallet))
    if before.record.user_key == wanted.key:
        return before
    attestations: dict[str, bytes] = {}
    record = b""
    for service in PINNED:
        item = RekeyItem(wallet=wanted.wallet, key=wanted.key, proof=wanted.proof, attestations=attestations)
        told = _only(await issuer.ask(service, "wallets.rekey.v1", RekeyWallets(items=[item])))
        record = _next(before.record, told, wanted.key)
        attesters.verify(record, told.attestations, (service,))
        attestations = {**attestations, service.value: told.attestations[service.value]}
    both = Attested(record=record, attestations=attestations)
    _only(await issuer.ask(Service.KEEPER, "wallets.register.v1", RegisterWallets(records=[both])))

    def keep(tx: Connection) -> Wallet:
        keeper, cooler = (attestations[service.value] for service in PINNED)
        registry.next_revision(tx, before.id, record=record, keeper=keeper, cooler=cooler, key=wanted.key)
        return attesters.wallet(tx, before.id)

    return await store.run(keep)


def _idle(tx: Connection, attesters: Attesters, wallet: str) -> Wallet:
    found = attesters.wallet(tx, wallet)
    if found.proof is not None:
        raise Conflict("wallet.user_key", "a wallet of a pool has no user key of its own")
    if payouts.open_of_wallet(tx, found.id):
        text = "payments out of this wallet are under way: let them end, or cancel them, and ask again"
        raise Conflict("wallet.busy", text)
    return found


def _only(items: list[Attested | Failure]) -> Attested:
    """Raises what the signer said instead."""
    (item,) = items if len(items) == 1 else (None,)
    if item is None:
        raise Malformed("wallet.answer", "a signer did not answer what it was asked")
    if isinstance(item, Failure):
        problem = item.problem
        raise rebuild(problem.kind, problem.code, problem.text)
    return item


def _next(before: WalletRecord, told: Attested, key: str) -> bytes:
    """The attested bytes. Raises Breach when they are more than another key of the same wallet."""
    record = parse_record(told.record)
    wanted = replace(before, revision=before.revision + 1, previous=before.hash(), user_key=key)
    if record != wanted:
        text = f"the signers attested another change of {before.wallet} than was asked for; it is not stored"
        raise Breach("wallet.other_record", text)
    return told.record
