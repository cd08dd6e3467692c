"""Public halves of paper keys: what an installation takes from them, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.adapters.toml import load
from keepcool.chains import accounts
from keepcool.chains.accounts import AccountPins
from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.cosigner import accountpins
from keepcool.cosigner.accountpins import pinned_accounts
from keepcool.hazmat import papers
from keepcool.keeper.config import KeeperSettings
from keepcool.local import configs, paperkeys, start
from keepcool.local.configs import PaperPublic, PublicParts
from keepcool.local.plan import Plan, Ports
from tests.unit.hazmat.test_papers import ABANDON_ART, LETTERS


def half(words: str, role: Role) -> PaperPublic:
    paper = papers.opened(words, role)
    return PaperPublic(paper.public.hex(), tuple(one.pin for one in paper.accounts))


COOL, COLD = half(ABANDON_ART, Role.COOL), half(LETTERS, Role.COLD)


def told(public: PaperPublic) -> dict[str, object]:
    return {
        "accounts": [accounts.plain(pin) for pin in public.accounts],
        "public_key": public.public_key,
        "role": "cold",
    }


def pins_after(tmp_path: Path, *, cool: PaperPublic, cold: PaperPublic) -> AccountPins:
    """What Keeper pins once an installation has written its TOML."""
    text = configs.signer_toml(
        Service.KEEPER, (), Ports(1, 2, 3, 4, 5, 6), PublicParts({}, bytes(32), cold, cool)
    )
    file = tmp_path / "keeper.toml"
    file.write_text(text, encoding="utf-8")
    return pinned_accounts(load(file, KeeperSettings))


def test_a_half_is_read_as_it_was_told(tmp_path: Path) -> None:
    """Public key and accounts come back whole; a half of an older release has no accounts."""
    file = tmp_path / "cold.pub.json"
    file.write_text(json.dumps(told(COLD)), encoding="ascii")
    assert paperkeys.read(file) == COLD
    old = {"origin": "44h/60h/0h/0/0", "public_key": COLD.public_key, "role": "cold"}
    file.write_text(json.dumps(old), encoding="ascii")
    assert paperkeys.read(file) == PaperPublic(COLD.public_key)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"public_key": "02" + "00" * 32}, "not a point"),
        ({"public_key": 5}, "public_key"),
        ({"accounts": [{"family": "minter"}]}, "origin"),
        ({"accounts": [accounts.plain(COLD.accounts[0]) | {"xpub": "xpub"}]}, "extended public key"),
        ({"accounts": [accounts.plain(COLD.accounts[0]) | {"family": "doge"}]}, "doge"),
    ],
)
def test_refuses_a_half_that_is_none(tmp_path: Path, changed: dict[str, object], why: str) -> None:
    """A wrong point, a missing field or an altered account names the file and what is wrong."""
    file = tmp_path / "cold.pub.json"
    file.write_text(json.dumps(told(COLD) | changed), encoding="ascii")
    with pytest.raises(Malformed, match=rf"init\.cold.*cold\.pub\.json.*{why}"):
        paperkeys.read(file)


def test_refuses_one_secret_as_cool_and_cold() -> None:
    """The same words twice are one key, also when only the accounts show it."""
    with pytest.raises(Refused, match=r"init\.same_key"):
        paperkeys.refuse_one_key(COOL, half(ABANDON_ART, Role.COLD))
    hidden = replace(half(ABANDON_ART, Role.COLD), public_key=COLD.public_key)
    with pytest.raises(Malformed, match=r"account\.same"):
        paperkeys.refuse_one_key(COOL, hidden)
    paperkeys.refuse_one_key(COOL, COLD)


def test_signers_pin_what_the_papers_told(tmp_path: Path) -> None:
    """The TOML an installation writes gives both accounts back; without them Keeper still reads it, and
    has none."""
    pins = pins_after(tmp_path, cool=COOL, cold=COLD)
    assert (pins.cool["minter"], pins.cold["minter"]) == (COOL.accounts[0], COLD.accounts[0])
    old = pins_after(tmp_path, cool=PaperPublic(COOL.public_key), cold=PaperPublic(COLD.public_key))
    with pytest.raises(Refused, match=r"account\.unpinned"):
        old.owner_keys("minter", 0)


def test_a_signer_says_where_its_wallets_keys_come_from(tmp_path: Path) -> None:
    """check-config names both accounts, or says what is lacking for want of one."""
    told = accountpins.sentences(pins_after(tmp_path, cool=COOL, cold=COLD))
    for sentence, cool, cold in zip(told, COOL.accounts, COLD.accounts, strict=True):
        assert cool.expression in sentence
        assert cold.expression in sentence
    for lacking in accountpins.sentences(pins_after(tmp_path, cool=COOL, cold=PaperPublic(COLD.public_key))):
        assert "lacks a cool or a cold account of" in lacking


def test_a_pin_that_was_altered_keeps_a_signer_from_starting(tmp_path: Path) -> None:
    """An xpub that does not lie where the layout says is refused at reading, before anything is served."""
    broken = replace(COLD.accounts[0], key=replace(COLD.accounts[0].key, depth=4))
    with pytest.raises(Malformed, match=r"account\.place"):
        pins_after(tmp_path, cool=COOL, cold=replace(COLD, accounts=(broken,)))


def test_a_file_that_is_not_there_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    """No half of a cold key, no errno: what to do, and nothing is made."""
    wanted = Plan(tmp_path / "kc", (), Ports.following(0), cold=tmp_path / "cold.pub.json")
    with pytest.raises(Malformed) as refused:
        start.install_here(wanted, lambda _: None)
    assert (refused.value.code, list(tmp_path.iterdir())) == ("init.cold", [])
    assert "keepcool cold new" in refused.value.public
    assert "Errno" not in refused.value.public
