"""A client follows attestation keys by the root key's word alone, whatever App says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
from nacl.signing import SigningKey

from keepcool.client.attested import Pins, believed
from keepcool.client.following import Following
from keepcool.client.http import Api
from keepcool.client.models import AttestationKeyList, AttestationKeys
from keepcool.client.successions import Followed
from keepcool.core.errors import Breach, Malformed, Unavailable
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.parties import Service
from keepcool.core.registry import (
    NO_PREVIOUS,
    OwnerKey,
    Role,
    Standing,
    WalletRecord,
    attested_bytes,
)
from keepcool.core.succession import KeyTerm, Succession, parse_succession, signed_bytes
from keepcool.wire.successions import SignedSuccession

ROOT, OLD, NEW, COOLER, THIEF = (SigningKey(bytes([number] * 32)) for number in range(1, 6))
NOW_S = 1_800_000_000


def public(key: SigningKey) -> bytes:
    return bytes(key.verify_key)


def record() -> WalletRecord:
    hot, cool, cold = (OwnerKey(role, f"02{place:064x}") for place, role in enumerate(Role, 1))
    return WalletRecord(
        wallet=WalletId("w1"),
        revision=1,
        previous=NO_PREVIOUS,
        family="evm",
        network=NetworkId("eip155:1"),
        profile="safe-1.5.0-l1",
        threshold=2,
        owners=(hot, cool, cold),
        address="0x" + "11" * 20,
        owner="u1",
        user_key="",
        policy_class="default",
        standing=Standing.PROVEN,
        made_at_s=1,
    )


def attested(keeper: SigningKey) -> dict[str, bytes]:
    message = attested_bytes(record().encoded())
    return {"keeper": keeper.sign(message).signature, "cooler": COOLER.sign(message).signature}


def listed(
    number: int, *terms: KeyTerm, root: SigningKey = ROOT, named: SigningKey = ROOT
) -> SignedSuccession:
    statement = Succession(public(named), Service.KEEPER, number, terms).encoded()
    return SignedSuccession(statement, root.sign(signed_bytes(statement)).signature)


def rotated(number: int = 2, until_s: int = NOW_S + 100) -> SignedSuccession:
    return listed(number, KeyTerm(public(OLD), until_s), KeyTerm(public(NEW)))


def followed(file: Path | None = None, now_s: int = NOW_S, root: SigningKey = ROOT) -> Followed:
    pinned = {Service.KEEPER: public(OLD), Service.COOLER: public(COOLER)}
    return Followed(public(root), pinned, file, lambda: now_s)


def pins(known: Followed | None) -> Pins:
    return Pins(public(OLD), public(COOLER), known)


def test_records_of_both_keys_are_believed_while_both_count() -> None:
    """A client pinned to the old key follows the list: records under either are believed until the old one's
    end, then under the new one alone."""
    known = followed()
    with pytest.raises(Breach):
        believed(pins(known), record().encoded(), attested(NEW))
    assert known.offer(rotated())
    for key in (OLD, NEW):
        assert believed(pins(known), record().encoded(), attested(key)) == record()
    later = followed(now_s=NOW_S + 100)
    later.offer(rotated())
    assert believed(pins(later), record().encoded(), attested(NEW)) == record()
    with pytest.raises(Breach):
        believed(pins(later), record().encoded(), attested(OLD))


def test_a_stolen_key_that_was_ended_attests_nothing_more() -> None:
    """Once the root key says so the thief's new record is refused; the twin whose client has not heard of it
    believes it."""
    known = followed()
    assert believed(pins(known), record().encoded(), attested(OLD))  # the twin
    known.offer(rotated(until_s=1))
    with pytest.raises(Breach):
        believed(pins(known), record().encoded(), attested(OLD))


@pytest.mark.parametrize(
    "forged",
    [
        listed(9, KeyTerm(public(OLD), 1), KeyTerm(public(THIEF)), root=THIEF),
        listed(9, KeyTerm(public(OLD), 1), KeyTerm(public(THIEF)), root=OLD),
        listed(9, KeyTerm(public(OLD), 1), KeyTerm(public(THIEF)), root=THIEF, named=THIEF),
        listed(9, KeyTerm(public(NEW), 1), KeyTerm(public(THIEF))),
        SignedSuccession(rotated().statement.replace(b":2", b":3"), rotated().signature),
    ],
    ids=["thief", "old-key", "other-root", "not-the-pinned-signer", "altered"],
)
def test_app_offers_a_forged_successor(forged: SignedSuccession) -> None:
    """Signed by anybody but the pinned root key, altered, or of a signer that was not pinned: refused, and
    nothing under the forged key is believed."""
    known = followed()
    with pytest.raises(Malformed):
        known.offer(forged)
    with pytest.raises(Breach):
        believed(pins(known), record().encoded(), attested(THIEF))


def test_twin_whoever_holds_the_pinned_root_key_names_the_keys() -> None:
    """With the thief's root key pinned instead, the same list is believed: the root key is the control."""
    known = followed(root=THIEF)
    known.offer(listed(9, KeyTerm(public(OLD), 1), KeyTerm(public(THIEF)), root=THIEF, named=THIEF))
    assert believed(pins(known), record().encoded(), attested(THIEF))


def test_an_older_list_never_comes_back(tmp_path: Path) -> None:
    """App serves yesterday's list, in which the stolen key counted: refused, also by the next client, which
    finds in its file what this one had learnt."""
    file = tmp_path / "attestation-keys.json"
    known = followed(file)
    assert known.offer(rotated(3, until_s=1))
    assert not known.offer(rotated(2))
    again = followed(file)
    assert not again.offer(rotated(2))
    with pytest.raises(Breach):
        believed(pins(again), record().encoded(), attested(OLD))
    assert believed(pins(again), record().encoded(), attested(NEW))


@dataclass
class App:
    """App as far as it is used here: what it serves, whether it answers, and how often it was asked."""

    lists: list[SignedSuccession] = field(default_factory=list)
    silent: bool = False
    asked: int = 0

    def get(self, path: str, kind: type[AttestationKeys]) -> AttestationKeys:
        assert path == "/v1/attestation-keys"
        self.asked += 1
        if self.silent:
            raise Unavailable("client.unreachable", "no answer")
        return kind([AttestationKeyList("keeper", one.statement, one.signature) for one in self.lists])


def test_a_client_that_runs_for_long_hears_of_a_stolen_keys_end() -> None:
    """Asked at first, the App had none; an hour later it has the one that ends the key: the thief's record,
    which verifies, is believed before and refused after. An App that does not answer is asked again soon."""
    app, known, now_s = App(silent=True), followed(), [0.0]
    following = Following(cast(Api, app), pins(known), lambda: now_s[0])
    following.begin()
    app.silent = False
    now_s[0] = 61
    following.begin()
    following.begin()
    assert app.asked == 2
    app.lists = [rotated(until_s=1)]
    assert believed(pins(known), record().encoded(), attested(OLD))  # the twin
    now_s[0] = 61 + 3600
    following.begin()
    with pytest.raises(Breach):
        believed(pins(known), record().encoded(), attested(OLD))


@pytest.mark.parametrize(
    "terms",
    [
        (),
        (KeyTerm(public(OLD)), KeyTerm(public(NEW))),
        (KeyTerm(public(OLD), 5), KeyTerm(public(NEW), 5)),
        (KeyTerm(public(OLD), 5), KeyTerm(public(OLD))),
        (KeyTerm(b"short"),),
    ],
)
def test_a_list_that_is_none_is_refused(terms: tuple[KeyTerm, ...]) -> None:
    """No key, two in use, none in use, one twice, one too short."""
    with pytest.raises(Malformed):
        Succession(public(ROOT), Service.KEEPER, 1, terms)


def test_a_list_has_one_form() -> None:
    """Its bytes read back as the same list; any other bytes are refused."""
    statement = rotated().statement
    assert parse_succession(statement).encoded() == statement
    for other in (statement + b" ", statement.replace(b"keeper", b"app"), b"{}"):
        with pytest.raises(Malformed):
            parse_succession(other)
    assert replace(parse_succession(statement), number=7).number == 7
