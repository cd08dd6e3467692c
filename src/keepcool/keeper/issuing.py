"""Issuing wallets: a hot key for each, sealed twice; the address derived here; the record attested.

Laws: one wallet id is one record for ever, so an interrupted request is simply repeated; a hot key exists
in clear only between being made and being sealed; a record counts once Cooler's attestation is registered.
Where wallets take their keys from one row of accounts, each gets the next number, and no number is given
twice; a pool has none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keepcool.chains.accounts import NO_ACCOUNTS, WHOLE, AccountPins
from keepcool.chains.family import FamilyName, terms_of
from keepcool.core import ids, registry
from keepcool.core.errors import Conflict, KeepcoolError, Malformed, Refused
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.parties import Service
from keepcool.core.personkeys import parse_person_key
from keepcool.core.registry import OwnerKey, Role, Standing, WalletRecord, parse_record
from keepcool.core.secret import Secret
from keepcool.cosigner.answering import attested_row, body_of
from keepcool.cosigner.attest import attest, verify_by_any
from keepcool.cosigner.cases import failure
from keepcool.cosigner.journal import Asked
from keepcool.cosigner.keyring import NewKey, brought, sealed, wipe, wiped_after
from keepcool.cosigner.keyring import RequestKeys as Brought
from keepcool.cosigner.service import Signer
from keepcool.cosigner.underway import Hands
from keepcool.hazmat import coinkeys, hotseeds
from keepcool.keeper.number_memory import NUMBERED, POOLS_MAX, NumberMemory, NumberRow
from keepcool.keeper.request_keys import RequestKeys
from keepcool.policy.terms import NetworkRules
from keepcool.ports.keystore import Bound
from keepcool.ports.signer_store import RecordRow, SealedKey
from keepcool.wire.envelope import Opened
from keepcool.wire.messages import (
    ITEMS_MAX,
    Attested,
    CreateWallets,
    Failure,
    Message,
    NewWallet,
    RegisterWallets,
    WalletsAnswer,
)

_TEXT_MAX = 128


@dataclass(frozen=True, slots=True)
class PaperKeys:
    """The pinned cool and cold public keys (compressed, hex), and their accounts."""

    cool: OwnerKey
    cold: OwnerKey
    accounts: AccountPins = NO_ACCOUNTS


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A wallet about to be: its record, and its hot key still in clear. `place` is where it stands among the
    wallets of one row of accounts."""

    record: WalletRecord
    key: NewKey
    place: NumberRow | None = None
    check: SealedKey | None = None


class Issuing:
    """Keeper's part in making wallets. `numbers` is a memory of the signer's journal, `keys` seals what some
    hot keys are sealed with besides."""

    def __init__(
        self,
        signer: Signer,
        paper: PaperKeys,
        numbers: NumberMemory,
        keys: RequestKeys,
    ) -> None:
        self._signer, self._paper = signer, paper
        self._numbers, self._keys = numbers, keys
        self._one_at_a_time = asyncio.Lock()

    async def create(self, opened: Opened) -> Message:
        """`wallets.create.v1`: one outcome per wallet, in order."""
        request = body_of(opened, CreateWallets)
        bounded(request.wallets)
        async with self._one_at_a_time:
            with brought(request.keys) as keys:
                plan = self._plans(request.wallets, keys)
            fresh = [one for one in plan if isinstance(one, _Fresh)]
            with self._signer.foundation.underway.one() as hands:
                with wiped_after([one.key.secret for one in fresh]):
                    rows = await self._sealed([one.key for one in fresh], hands)
                rows += [one.check for one in fresh if one.check is not None]
                await self._stored(fresh, rows, self._signer.asked(opened))
        items = [self._outcome(one) for one in plan]
        return WalletsAnswer(items=items, head=self._signer.witness.stated())

    async def register(self, opened: Opened) -> Message:
        """`wallets.register.v1`: Cooler's attestation joins Keeper's own copy."""
        wanted = body_of(opened, RegisterWallets).records
        bounded(wanted)
        items: list[Attested | Failure] = []
        with self._signer.journal.batch(self._signer.asked(opened)) as batch:
            for one in wanted:
                try:
                    batch.records.append(self._registered(one))
                    items.append(one)
                except KeepcoolError as error:
                    items.append(failure(error))
        await batch.settled()
        self._signer.registry.foresee([row.wallet for row in batch.records])
        return WalletsAnswer(items=items, head=self._signer.witness.stated())

    def _plans(self, wanted: Sequence[NewWallet], keys: Brought) -> list[_Fresh | WalletId | Failure]:
        """In order. Whatever breaks, no hot key stays in clear."""
        fresh: dict[WalletId, _Fresh] = {}
        try:
            return [self._planned(one, fresh, keys.get(one.wallet)) for one in wanted]
        except BaseException:
            wipe([one.key.secret for one in fresh.values()])
            raise

    def _planned(
        self, wanted: NewWallet, fresh: dict[WalletId, _Fresh], key: Secret | None
    ) -> _Fresh | WalletId | Failure:
        """A wallet to make, which joins `fresh`, the id of one that is there already or was asked for in the
        same request, or why neither."""
        try:
            wallet, rules = ids.wallet_id(wanted.wallet), self._rules(wanted)
            row = self._signer.foundation.store.record(wallet)
            if row is None and wallet not in fresh:
                fresh[wallet] = self._made(wanted, rules, list(fresh.values()), key)
                return fresh[wallet]
            record = fresh[wallet].record if row is None else parse_record(row.record)
            if _terms(record) != _wanted_terms(wanted):
                raise Conflict("wallet.other", f"wallet {wallet} exists on other terms; choose another id")
        except KeepcoolError as error:
            return failure(error)
        return wallet

    def _rules(self, wanted: NewWallet) -> NetworkRules:
        rules = self._signer.policy.networks.get(NetworkId(wanted.network))
        if rules is None:
            raise Refused("wallet.network", f"the policy names no network {wanted.network[:64]}")
        if wanted.profile not in (rules.profile, rules.pool_profile):
            pools = "" if rules.pool_profile is None else f", pools {rules.pool_profile}"
            raise Refused(
                "wallet.profile", f"new wallets of {rules.network} have the profile {rules.profile}{pools}"
            )
        if rules.family == FamilyName.MINTER:
            raise Refused("wallet.reserve", "wallets there are reserved first: ask for wallets.reserve.v1")
        checked_texts(wanted.owner, wanted.user_key, wanted.policy_class)
        if wanted.user_key and wanted.profile == rules.pool_profile:
            raise Refused("wallet.user_key", "a pool belongs to no single user and has no user key")
        return rules

    def _made(
        self, wanted: NewWallet, rules: NetworkRules, before: Sequence[_Fresh], key: Secret | None
    ) -> _Fresh:
        """`before`: what the same request makes already. `key`: what came for its hot key."""
        if rules.family not in WHOLE:
            secret, public = coinkeys.new_key(self._signer.foundation.entropy)
            owners = (OwnerKey(Role.HOT, public.hex()), self._paper.cool, self._paper.cold)
            return self._fresh(wanted, rules, owners, secret, key)
        place = self._place(wanted, rules, [one.place for one in before if one.place is not None])
        cool, cold = self._paper.accounts.owner_keys(rules.family, place.number)
        secret, hot = hotseeds.new_seed(self._signer.foundation.entropy, rules.family, place.number)
        return replace(self._fresh(wanted, rules, (hot, cool, cold), secret, key), place=place)

    def _fresh(
        self,
        wanted: NewWallet,
        rules: NetworkRules,
        owners: tuple[OwnerKey, OwnerKey, OwnerKey],
        secret: Secret,
        key: Secret | None,
    ) -> _Fresh:
        """Takes over the secret."""
        hot = owners[0]
        try:
            blank = WalletRecord(
                wallet=WalletId(wanted.wallet),
                revision=1,
                previous=registry.NO_PREVIOUS,
                family=rules.family,
                network=rules.network,
                profile=wanted.profile,
                threshold=2,
                owners=owners,
                address="",
                owner=wanted.owner,
                user_key=wanted.user_key,
                policy_class=wanted.policy_class,
                standing=Standing.PROVEN,
                made_at_s=self._signer.foundation.clock.now_ms() // 1000,
            )
            family = self._signer.foundation.families.named(rules.family)
            record = replace(blank, address=family.derive_address(terms_of(blank)))
            bound = Bound(Service.KEEPER.value, record.wallet, record.network, Role.HOT.value)
            bound, secret, check = self._keys.kept(record, bound, secret, key)
        except BaseException:
            secret.wipe()
            raise
        return _Fresh(record, NewKey(bound, secret, bytes.fromhex(hot.public_key), hot.origin), check=check)

    def _place(self, wanted: NewWallet, rules: NetworkRules, before: Sequence[NumberRow]) -> NumberRow:
        """The next number of the family; none for a pool. Raises Refused when there are pools enough."""
        number: int | None = None
        if wanted.profile == rules.pool_profile:
            here = sum(one.number is None and one.network == rules.network for one in before)
            if self._numbers.pools(rules.network) + here >= POOLS_MAX:
                raise Refused("wallet.pools", f"{rules.network} has {POOLS_MAX} pools already")
        else:
            taken = [one.number for one in before if one.family == rules.family and one.number is not None]
            number = max([self._numbers.next_number(rules.family), *(one + 1 for one in taken)])
        signer = self._signer
        return NumberRow(
            at_s=signer.journal.now_ms(signer.foundation.clock.now_ms()) // 1000,
            kind=NUMBERED,
            family=rules.family,
            network=rules.network,
            number=number,
            wallet=wanted.wallet,
        )

    async def _sealed(self, keys: Sequence[NewKey], hands: Hands) -> list[SealedKey]:
        found = self._signer.foundation
        return await sealed(keys, found.keystore, found.inner, found.entropy, hands) if keys else []

    async def _stored(self, fresh: Sequence[_Fresh], keys: Sequence[SealedKey], asked: Asked) -> None:
        signer = self._signer
        with signer.journal.batch(asked) as batch:
            at_s = signer.journal.now_ms(signer.foundation.clock.now_ms()) // 1000
            for one in fresh:
                record, signature = one.record, attest(signer.foundation.identity, one.record)
                if one.place is not None:
                    batch.add(one.place)
                batch.add(attested_row(record, at_s))
                encoded = record.encoded()
                batch.records.append(RecordRow(record.wallet, 1, encoded, {Service.KEEPER: signature}))
            batch.keys.extend(keys)
        await batch.settled()

    def _outcome(self, plan: _Fresh | WalletId | Failure) -> Attested | Failure:
        if isinstance(plan, Failure):
            return plan
        wallet = plan.record.wallet if isinstance(plan, _Fresh) else plan
        row = self._signer.foundation.store.record(wallet)
        if row is None:
            return failure(Conflict("wallet.missing", f"wallet {wallet} was not stored; ask again"))
        attestations = {service.value: signature for service, signature in row.attestations.items()}
        return Attested(record=row.record, attestations=attestations)

    def _registered(self, wanted: Attested) -> RecordRow:
        record = parse_record(wanted.record)
        row = self._signer.foundation.store.record(record.wallet)
        if row is None or row.record != wanted.record:
            raise Refused("wallet.unknown", f"this is not the record Keeper attested for {record.wallet}")
        signature = wanted.attestations.get(Service.COOLER.value, b"")
        verify_by_any(self._signer.attesters()[Service.COOLER], wanted.record, signature)
        return replace(row, attestations={**row.attestations, Service.COOLER: signature})


def bounded(items: Sequence[object]) -> None:
    """Raises Malformed on none and on too many."""
    if not 1 <= len(items) <= ITEMS_MAX:
        raise Malformed("wallet.batch", f"ask for 1 to {ITEMS_MAX} wallets at once")


def checked_texts(owner: str, user_key: str, policy_class: str) -> None:
    """Raises Malformed on what App calls an owner that no record may hold."""
    for text in (owner, user_key, policy_class):
        if len(text) > _TEXT_MAX or not text.isascii():
            raise Malformed("wallet.text", f"owner, user key and class are ASCII, up to {_TEXT_MAX} long")
    if user_key:
        parse_person_key(user_key)


def _terms(record: WalletRecord) -> tuple[str, str, str, str, str]:
    return (record.network, record.profile, record.owner, record.user_key, record.policy_class)


def _wanted_terms(wanted: NewWallet) -> tuple[str, str, str, str, str]:
    return (wanted.network, wanted.profile, wanted.owner, wanted.user_key, wanted.policy_class)
