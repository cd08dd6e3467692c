"""Making the cool key: once, on paper and sealed in Cooler's database, its accounts beside it.

Laws: the words are written to one file that only its owner can read; print it, prove it, destroy it. An
account is sealed as a secret of its own, so that opening it opens nothing of another family.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keepcool.chains.accounts import AccountPin, AccountPins
from keepcool.core.errors import Conflict, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.core.secret import Secret
from keepcool.cosigner.keyring import NewKey, account_place, sealed
from keepcool.cosigner.underway import Underway
from keepcool.hazmat import papers, sheet
from keepcool.hazmat.accounts import Account
from keepcool.hazmat.innerseal import InnerKey
from keepcool.hazmat.papers import Paper
from keepcool.ports.keystore import Bound, Keystore
from keepcool.ports.signer_store import Change, SealedKey, SignerStore
from keepcool.ports.system import Entropy

COOL_PLACE = Bound(Service.COOLER.value, "*", "*", Role.COOL.value)


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to seal a key and keep it."""

    store: SignerStore
    keystore: Keystore
    inner: InnerKey
    entropy: Entropy


@dataclass(frozen=True, slots=True)
class MadeKey:
    """The sheet's text (a secret), the public key (compressed, hex) and the accounts to be pinned."""

    text: Secret
    public_key: str
    accounts: tuple[AccountPin, ...]


async def new_key(desk: Desk, made_on: str) -> MadeKey:
    """Raises Conflict when there is a cool key already: it is never replaced."""
    if _row(desk.store, COOL_PLACE) is not None:
        raise Conflict("cooler.key_exists", "this Cooler has its key already; a key is never replaced")
    text, paper = sheet.new_sheet(Role.COOL, made_on, desk.entropy)
    with _wiped(paper):
        keys = [NewKey(COOL_PLACE, paper.leaf, paper.public), *map(_new_account, paper.accounts)]
        await _store(desk, keys)
    return MadeKey(text, paper.public.hex(), tuple(account.pin for account in paper.accounts))


async def add_accounts(desk: Desk, words: str) -> tuple[AccountPin, ...]:
    """Every account of the cool key, sealed where it was missing: for a Cooler whose key is older than a
    family. Raises Refused when the words are another key's, Malformed when they are nobody's."""
    with _wiped(papers.opened(words, Role.COOL)) as paper:
        held = _row(desk.store, COOL_PLACE)
        if held is None or held.public_key != paper.public.hex():
            raise Refused("cooler.other_words", "these words do not give the cool key that is sealed here")
        missing = [one for one in map(_new_account, paper.accounts) if _row(desk.store, one.bound) is None]
        if missing:
            await _store(desk, missing)
    return tuple(account.pin for account in paper.accounts)


def check_sealed(store: SignerStore, public_key: str, pins: AccountPins) -> None:
    """Raises Refused unless what is pinned is what lies sealed here."""
    held = _row(store, COOL_PLACE)
    if held is None:
        raise Refused("cooler.no_key", "there is no cool key yet: run `keepcool cooler new-key`")
    if held.public_key != public_key:
        raise Refused("cooler.other_key", f"the key sealed here is {held.public_key}: pin that")
    for family, pin in pins.cool.items():
        account = _row(store, account_place(Service.COOLER, Role.COOL, family))
        if account is None:
            raise Refused("cooler.no_account", f"no {family} account: run `keepcool cooler add-accounts`")
        if account.public_key != pin.expression:
            raise Refused(
                "cooler.other_account", f"the account sealed here is {account.public_key}: pin that"
            )


def paper_file(folder: Path) -> Path:
    """Where the sheet goes. Raises Conflict when one lies there: nothing is overwritten."""
    file = folder / "cool.paper.txt"
    if file.exists():
        raise Conflict("cooler.paper_exists", f"{file} exists already; choose another folder")
    return file


async def _store(desk: Desk, keys: Sequence[NewKey]) -> None:
    with Underway().one() as hands:  # the service is stopped, and nobody else has the store open
        rows = await sealed(keys, desk.keystore, desk.inner, desk.entropy, hands)
        await asyncio.shield(desk.store.commit(Change(keys=tuple(rows))))


def _new_account(account: Account) -> NewKey:
    pin = account.pin
    place = account_place(Service.COOLER, pin.role, pin.family)
    return NewKey(place, account.secret, pin.key.public_key, pin.expression)


def _row(store: SignerStore, place: Bound) -> SealedKey | None:
    return store.keys([(place.wallet, place.network, place.purpose)])[0]


@contextmanager
def _wiped(paper: Paper) -> Iterator[Paper]:
    try:
        yield paper
    finally:
        paper.wipe()
