"""Drafts changed in any way are refused by the family, or something else is signed, under other digests."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.chains.bitcoin.script import ScriptKind
from keepcool.chains.bitcoin.wallets import wallet_from, wallet_of
from keepcool.chains.families import family_of
from keepcool.chains.family import terms_of
from keepcool.core.effects import Effects
from keepcool.core.errors import Malformed
from keepcool.core.registry import Role, WalletRecord
from tests.fixtures.effort import examples
from tests.unit.chains.bitcoin.psbt.samples import WALLETS, honest
from tests.unit.chains.bitcoin.records import record_of

pytestmark = pytest.mark.slow

DRAFTS = [(encode_psbt(honest(wallet)), record_of(wallet.kind)) for wallet in WALLETS]
CUTS = st.integers(0, 2**16)


def seen(draft: bytes, record: WalletRecord) -> Effects | None:
    """None when it was refused; any other error than a refusal is raised."""
    try:
        return family_of(record.network).decode(draft, record)
    except Malformed:
        return None


def told_apart(draft: bytes, other: bytes, record: WalletRecord) -> None:
    """Other bytes are refused, or another transaction with digests of its own, or the very same one: what no
    signature covers (a previous transaction's witness) changes nothing of what is judged."""
    before, after = seen(draft, record), seen(other, record)
    assert before is not None
    if after is not None:
        assert after == before or set(after.digests).isdisjoint(before.digests)


@settings(max_examples=examples(250), deadline=None)
@given(st.sampled_from(DRAFTS), CUTS, st.integers(0, 255))
def test_every_byte_of_a_draft_counts(drawn: tuple[bytes, WalletRecord], at: int, byte: int) -> None:
    """Any byte put anywhere."""
    draft, record = drawn
    at %= len(draft)
    told_apart(draft, draft[:at] + bytes((byte,)) + draft[at + 1 :], record)


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(DRAFTS), CUTS, CUTS, CUTS, st.binary(max_size=40))
def test_parts_moved_cut_and_put_in_are_noticed(
    drawn: tuple[bytes, WalletRecord], one: int, two: int, to: int, put: bytes
) -> None:
    """A piece taken out, put elsewhere, doubled, or bytes put in."""
    draft, record = drawn
    start, end = sorted((one % len(draft), two % len(draft)))
    piece, rest = draft[start:end], draft[:start] + draft[end:]
    place = to % (len(rest) + 1)
    for other in (
        rest,
        rest[:place] + piece + rest[place:],
        draft[:end] + piece + draft[end:],
        draft[:start] + put + draft[start:],
        draft[:start] + put + draft[end:],
    ):
        told_apart(draft, other, record)


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(DRAFTS), st.binary(max_size=300))
def test_any_bytes_are_refused(drawn: tuple[bytes, WalletRecord], raw: bytes) -> None:
    """Nothing but a draft is one, with the magic before it or not."""
    _, record = drawn
    assert seen(raw, record) is None
    assert seen(b"psbt\xff" + raw, record) is None


@settings(max_examples=examples(40), deadline=None)
@given(
    st.sampled_from(ScriptKind),
    st.none() | st.integers(0, 2**31 - 1),
    st.integers(0, 1),
    st.integers(0, 2**31 - 1),
)
def test_a_place_is_own_wherever_it_lies(
    kind: ScriptKind, number: int | None, change: int, index: int
) -> None:
    """Of any wallet, at any index: what is owned there is found again by its origins, and its leaf leads each
    owner to a key of the script."""
    record = record_of(kind, number=number)
    wallet = wallet_of(record)
    assert wallet is wallet_from(terms_of(record))
    owned = wallet.owned(wallet.place(change, index))
    assert wallet.own()(owned.locking.script_pubkey, owned.keypaths) == owned
    leaf = owned.keypaths[0].path[-3:]
    assert leaf == (wallet.hot_branch, change, index)
    assert {wallet.leaf_key(role, leaf) for role in Role} == {one.public_key for one in owned.keypaths}
