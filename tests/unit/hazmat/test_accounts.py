"""Accounts in secret form: children equal the public ones, or nothing is handed out."""

from __future__ import annotations

import pytest

from keepcool.chains.accounts import child_key
from keepcool.core.errors import Breach
from keepcool.core.registry import Role
from keepcool.core.secret import Secret
from keepcool.hazmat import accounts, coinkeys, derivation, papers
from keepcool.hazmat.accounts import Account
from tests.unit.hazmat.test_papers import ABANDON_ART, LETTERS


def account(words: str = ABANDON_ART) -> Account:
    return papers.opened(words, Role.COOL).accounts[0]


def wanted(of: Account, *numbers: int) -> list[tuple[tuple[int, ...], bytes]]:
    return [((0, number), bytes.fromhex(child_key(of.pin, number).public_key)) for number in numbers]


def test_children_in_secret_are_the_children_in_public() -> None:
    """For a hundred wallets, the key taken from the account has the public key taken from the xpub."""
    of = account()
    asked = wanted(of, *range(100))
    made = accounts.children(of.secret, asked)
    assert [coinkeys.public_key(secret) for secret in made] == [public for _, public in asked]


def test_an_account_is_key_and_chain_code_alone() -> None:
    """What is sealed holds 64 bytes: those of the node at m/44h/60h/1h, and nothing of the path above."""
    of = account()
    with of.secret.opened() as raw:
        assert len(raw) == 64
        key, chain_code = bytes(raw[:32]), bytes(raw[32:])
    assert coinkeys.public_key(Secret(bytearray(key))) == of.pin.key.public_key
    assert chain_code == of.pin.key.chain_code


def test_hands_out_nothing_when_one_child_is_another_wallets() -> None:
    """One wallet's number with another's key spoils the whole batch; each with its own key is fine."""
    of = account()
    right = wanted(of, 1, 2)
    swapped = [((0, 1), right[1][1]), ((0, 2), right[0][1])]
    assert len(accounts.children(of.secret, right)) == 2
    for wrong in (swapped, [right[0], ((0, 3), right[1][1])]):
        with pytest.raises(Breach, match=r"hazmat\.wrong_child"):
            accounts.children(of.secret, wrong)


@pytest.mark.parametrize("altered", range(0, 64, 9))
def test_hands_out_nothing_of_an_altered_account(altered: int) -> None:
    """A changed byte of the key or of the chain code gives other children, and so none."""
    of = account()
    with of.secret.opened() as raw:
        other = bytearray(raw)
    other[altered] ^= 1
    with pytest.raises(Breach, match=r"hazmat\.wrong_child"):
        accounts.children(Secret(other), wanted(of, 5))
    with pytest.raises(Breach, match=r"hazmat\.account"):
        accounts.children(Secret(other[:32]), wanted(of, 5))


def test_hands_out_nothing_of_anothers_account() -> None:
    """The account of other words has no child of ours."""
    with pytest.raises(Breach, match=r"hazmat\.wrong_child"):
        accounts.children(account(LETTERS).secret, wanted(account(), 0))


def test_refused_children_are_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the second of two children is wrong, the first does not stay behind, nor does the branch."""
    of, made = account(), []
    child = derivation.child

    def watched(parent: derivation.Node, number: int) -> derivation.Node:
        made.append(child(parent, number))
        return made[-1]

    monkeypatch.setattr(derivation, "child", watched)
    right = wanted(of, 1, 2)
    with pytest.raises(Breach):
        accounts.children(of.secret, [right[0], ((0, 2), right[0][1])])
    assert len(made) == 3
    for node in made:
        with pytest.raises(ValueError, match="wiped"), node.secret.opened():
            pass


def test_a_paper_is_wiped_whole() -> None:
    """After wipe() neither the leaf key nor any account is left."""
    paper = papers.opened(ABANDON_ART, Role.COLD)
    paper.wipe()
    for secret in (paper.leaf, *(one.secret for one in paper.accounts)):
        with pytest.raises(ValueError, match="wiped"), secret.opened():
            pass
