"""Every lying PSBT is refused whole, each with the code of its own lie."""

from __future__ import annotations

import pytest

from keepcool.chains.bitcoin.psbt import encode_psbt
from keepcool.core.errors import Malformed
from tests.unit.chains.bitcoin.psbt import lies_about_form, lies_about_money
from tests.unit.chains.bitcoin.psbt.lying import Lie
from tests.unit.chains.bitcoin.psbt.samples import WALLETS, Wallet, honest, with_input

LIES = [*lies_about_money.all_of_them(), *lies_about_form.all_of_them()]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.id)
def test_refuses_a_lie(lie: Lie) -> None:
    """Nothing is proven, so nothing is signed; the code says which lie it was."""
    with pytest.raises(Malformed) as refusal:
        lie.wallet.proven(lie.raw, lie.limits)
    assert refusal.value.code == lie.code


def test_the_corpus_is_large_and_without_repetition() -> None:
    """Hundreds of lies, all different bytes, none of them an honest draft, dozens of reasons."""
    drafts = {lie.raw for lie in LIES}
    assert len(drafts) >= len(LIES) - 10
    assert not drafts & {encode_psbt(honest(wallet)) for wallet in WALLETS}
    assert len(LIES) > 600
    assert len({lie.code for lie in LIES}) > 50


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: wallet.kind)
def test_of_all_sighash_types_one_is_signed(wallet: Wallet) -> None:
    """Of the 256 values of the byte, ALL passes, and so does saying nothing."""
    codes = {kind: _refusal(wallet, kind) for kind in (None, *range(256))}
    assert [kind for kind, code in codes.items() if code == ""] == [None, 1]
    assert set(codes.values()) == {"", "psbt.sighash"}


def _refusal(wallet: Wallet, kind: int | None) -> str:
    try:
        wallet.proven(encode_psbt(with_input(honest(wallet), sighash=kind)))
    except Malformed as refusal:
        return refusal.code
    return ""
