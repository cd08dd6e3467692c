"""People's signatures: every check refuses on its own, and no statement passes for one of another kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import msgspec
import pytest

from keepcool.core import approvals, merkle
from keepcool.core.approvals import Approval, Decision
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.core.personkeys import PersonKey, Scheme, parse_person_key
from keepcool.wire import proofs
from keepcool.wire.proofs import Ed25519Proof, PasskeyProof, Proof
from keepcool.wire.webauthn import BYTES_MAX, Assertion, Site, verify_assertion
from tests.fixtures.softkey import (
    DESK,
    ORIGIN,
    RP_ID,
    USERS,
    SoftEd25519,
    SoftPasskey,
    Touch,
    approved,
    client_data,
    other_s,
    user_passkey,
)

KEY, OTHER, DEVICE = SoftPasskey("one"), SoftPasskey("other"), SoftEd25519("device")
CHALLENGE = bytes(range(32))


def assertion(touch: Touch | None = None, key: SoftPasskey = KEY, challenge: bytes = CHALLENGE) -> Assertion:
    proof = key.proof(challenge, touch or Touch())
    return Assertion(proof.authenticator_data, proof.client_data, proof.signature)


def resigned(authenticator: bytes, client: bytes) -> Assertion:
    """Whatever these bytes say, the key signed them."""
    return Assertion(authenticator, client, KEY.signed(authenticator, client))


def refusal(one: Assertion, *, key: bytes = KEY.public, site: Site = DESK) -> str:
    with pytest.raises(KeepcoolError) as caught:
        verify_assertion(key, CHALLENGE, one, site)
    return f"{caught.value.kind} {caught.value.code}"


def test_an_assertion_for_this_challenge_at_this_site_verifies() -> None:
    """What a browser gets from a key verifies: with and without crossOrigin, with more flags, with more data,
    of any of the site's origins, and with the signature's other s, which ES256 does not forbid."""
    good = assertion()
    for one in (
        good,
        assertion(Touch(extra={})),
        assertion(Touch(extra={"crossOrigin": False, "other": [1]})),
        assertion(Touch(flags=0x1D)),
        replace(good, signature=other_s(good.signature)),
        resigned(good.authenticator_data + b"extension", good.client_data),
    ):
        verify_assertion(KEY.public, CHALLENGE, one, DESK)
    two = Site(RP_ID, frozenset({"https://elsewhere.example", ORIGIN}))
    verify_assertion(KEY.public, CHALLENGE, good, two)


@pytest.mark.parametrize(
    ("touch", "said"),
    [
        (Touch(typ="webauthn.create"), "refused proof.type"),
        (Touch(typ=""), "refused proof.type"),
        (Touch(origin="https://desk.example.evil"), "refused proof.origin"),
        (Touch(origin="http://desk.example"), "refused proof.origin"),
        (Touch(extra={"crossOrigin": True}), "refused proof.origin"),
        (Touch(extra={"crossOrigin": None}), "refused proof.origin"),
        (Touch(extra={"crossOrigin": 0}), "refused proof.origin"),
        (Touch(rp_id="evil.example"), "refused proof.rp_id"),
        (Touch(flags=0x04), "refused proof.presence"),
        (Touch(flags=0x01), "refused proof.presence"),
        (Touch(flags=0x00), "refused proof.presence"),
    ],
)
def test_each_thing_a_page_or_key_may_say_otherwise_is_refused(touch: Touch, said: str) -> None:
    """One wrong field, though the key itself signed it, and the assertion is refused for that field."""
    assert refusal(assertion(touch)) == said


def test_another_challenge_is_refused() -> None:
    """A touch for other bytes, a longer spelling of the same bytes, or none at all, is no touch for these."""
    assert refusal(assertion(challenge=bytes(32))) == "refused proof.challenge"
    good = assertion()
    plain = json.loads(good.client_data)
    for spelling in (plain["challenge"] + "=", plain["challenge"].lower(), None, 7):
        client = json.dumps({**plain, "challenge": spelling}).encode()
        assert refusal(resigned(good.authenticator_data, client)) == "refused proof.challenge"


@pytest.mark.parametrize("origin", [[], {}, [ORIGIN], 1, None])
def test_an_origin_that_is_no_text_is_refused_like_any_other(origin: object) -> None:
    """Whoever holds a key may have it sign client data of his own making: an origin of a kind that no set can
    hold is an origin of another site, not a fault of whoever verifies it."""
    good = assertion()
    client = json.dumps({**json.loads(good.client_data), "origin": origin}).encode()
    assert refusal(resigned(good.authenticator_data, client)) == "refused proof.origin"


def test_what_is_no_assertion_is_malformed_or_refused() -> None:
    """Bytes that are no JSON, no object, too long or too short are told from a decision of somebody."""
    good = assertion()
    data = good.authenticator_data
    for client in (b"", b"\xff", b"{", b"[" * 100_000, b" " * (BYTES_MAX + 1)):
        assert refusal(resigned(data, client)) == "malformed proof.client_data"
    for client in (b"[]", b'"webauthn.get"', b"{}"):
        assert refusal(resigned(data, client)) == "refused proof.type"
    for authenticator in (data[:36], b"", data + bytes(BYTES_MAX)):
        assert refusal(resigned(authenticator, good.client_data)) == "malformed proof.authenticator_data"
    longest = good.client_data[:-1] + b" " * (BYTES_MAX - len(good.client_data)) + b"}"
    verify_assertion(KEY.public, CHALLENGE, resigned(data, longest), DESK)
    verify_assertion(KEY.public, CHALLENGE, resigned(data.ljust(BYTES_MAX, b"\0"), good.client_data), DESK)


def test_another_keys_signature_and_changed_bytes_are_refused() -> None:
    """Neither somebody else's touch, nor a signature over other data, nor broken DER, nor a point that is
    none, verifies."""
    good = assertion()
    said = "refused proof.signature"
    assert refusal(assertion(key=OTHER)) == said
    assert refusal(good, key=OTHER.public) == said
    assert refusal(replace(good, authenticator_data=good.authenticator_data + b"\0")) == said
    counted = replace(good, authenticator_data=good.authenticator_data[:33] + b"\0\0\0\1")
    assert refusal(counted) == said
    assert refusal(replace(good, client_data=good.client_data + b" ")) == said
    for broken in (b"", b"\x30", good.signature[:-1], good.signature + b"\0", bytes(64), good.signature[2:]):
        assert refusal(replace(good, signature=broken)) == said
    assert refusal(good, key=b"\x02" + b"\xff" * 32) == said
    assert refusal(good, key=b"") == said


def said_by(deed: Callable[[], object]) -> str:
    with pytest.raises(KeepcoolError) as caught:
        deed()
    return caught.value.code


def test_a_proof_is_of_the_scheme_of_its_key() -> None:
    """A passkey's proof verifies under no Ed25519 key and the other way round, and without a site no passkey
    is accepted at all."""
    touch, plain = KEY.proof(CHALLENGE), DEVICE.proof(CHALLENGE)
    proofs.verify(KEY.key, CHALLENGE, touch, DESK)
    proofs.verify(DEVICE.key, CHALLENGE, plain, None)
    assert said_by(lambda: proofs.verify(DEVICE.key, CHALLENGE, touch, DESK)) == "proof.scheme"
    assert said_by(lambda: proofs.verify(KEY.key, CHALLENGE, plain, DESK)) == "proof.scheme"
    assert said_by(lambda: proofs.verify(KEY.key, CHALLENGE, touch, None)) == "proof.site"
    assert said_by(lambda: proofs.verify(KEY.key, CHALLENGE, touch, USERS)) == "proof.origin"
    proofs.verify(KEY.key, CHALLENGE, user_passkey("one").proof(CHALLENGE), USERS)


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_ed25519_signatures_of_others_are_refused(signature: bytes) -> None:
    """Of another length, of nobody, of another key, or over other bytes."""
    wrong = Ed25519Proof(signature=signature)
    assert said_by(lambda: proofs.verify(DEVICE.key, CHALLENGE, wrong, None)) == "proof.signature"
    other = SoftEd25519("else").proof(CHALLENGE)
    assert said_by(lambda: proofs.verify(DEVICE.key, CHALLENGE, other, None)) == "proof.signature"
    good = DEVICE.proof(CHALLENGE)
    assert said_by(lambda: proofs.verify(DEVICE.key, bytes(32), good, None)) == "proof.signature"


def test_proofs_travel_in_one_form() -> None:
    """Both kinds are read back as they were made; unknown fields, kinds and overlong bytes are malformed."""
    kinds: tuple[Proof, ...] = (KEY.proof(CHALLENGE), DEVICE.proof(CHALLENGE))
    for one in kinds:
        assert proofs.parse_proof(proofs.encode(one)) == one
    [signed] = approved(DEVICE, a_decision())
    assert proofs.parse_signed_approval(proofs.encode(signed)) == signed
    long = PasskeyProof(authenticator_data=bytes(13_000), client_data=b"", signature=b"")
    for raw in (b"", b"{}", b"[]", b"\xff", b'{"type":"rsa","signature":""}', proofs.encode(long),
                proofs.encode(kinds[1])[:-1] + b',"more":1}'):  # fmt: skip
        assert said_by(partial(proofs.parse_proof, raw)) == "proof.form"
        assert said_by(partial(proofs.parse_signed_approval, raw)) == "proof.form"
    exact = proofs.encode(Ed25519Proof(signature=bytes(64)))
    padded = exact + b" " * (proofs.PROOF_BYTES_MAX - len(exact))
    assert proofs.parse_proof(padded) == Ed25519Proof(signature=bytes(64))
    assert said_by(lambda: proofs.parse_proof(padded + b" ")) == "proof.form"


def a_decision(number: int = 0, decision: Decision = Decision.APPROVE) -> Approval:
    return Approval(decision, f"{number:064x}", "ef" * 32, 5, ("aa" * 32, "bb" * 32), "alice", "да", 99)


def test_a_decision_verifies_alone_and_in_a_list() -> None:
    """One touch over many decisions proves each of them and gives it back as it was made."""
    many = [a_decision(number) for number in range(7)]
    for key, site in ((KEY, DESK), (DEVICE, None)):
        for made, signed in zip(many, approved(key, *many), strict=True):
            assert proofs.verify_approval(key.key, signed, site) == made
            assert proofs.stated(signed) == made
        [alone] = approved(key, many[0])
        assert (alone.place, alone.count, alone.way) == (0, 1, [])
        assert proofs.verify_approval(key.key, alone, site) == many[0]


def test_place_way_and_statement_of_a_list_are_proven() -> None:
    """Another place, length or way, somebody else's decision in its place, or one more, is not what was
    signed."""
    many = [a_decision(number) for number in range(5)]
    signed = approved(DEVICE, *many)[2]

    def code_of(**changes: object) -> str:
        bent = msgspec.structs.replace(signed, **changes)
        return said_by(lambda: proofs.verify_approval(DEVICE.key, bent, None))

    assert code_of(place=1) == "proof.signature"
    assert code_of(place=3) == "proof.signature"
    assert code_of(place=5) == "merkle.place"
    assert code_of(place=-1) == "merkle.place"
    assert code_of(count=3) == "merkle.path"
    assert code_of(way=signed.way[:-1]) == "merkle.path"
    assert code_of(way=[*signed.way, bytes(32)]) == "merkle.path"
    assert code_of(way=[bytes(32), *signed.way[1:]]) == "proof.signature"
    assert code_of(way=[b"short", *signed.way[1:]]) == "merkle.path"
    assert code_of(statement=a_decision(9).encoded()) == "proof.signature"
    assert code_of(count=0) == "approval.count"
    assert code_of(count=approvals.DECISIONS_MAX + 1) == "approval.count"
    assert code_of(statement=b"{}") == "approval.form"


def test_as_many_decisions_as_allowed_are_signed_at_once() -> None:
    """A hundred decisions fit one touch, and the last of them verifies."""
    many = [a_decision(number) for number in range(approvals.DECISIONS_MAX)]
    assert proofs.verify_approval(DEVICE.key, approved(DEVICE, *many)[-1], None) == many[-1]


def test_a_statement_of_one_kind_is_never_one_of_another() -> None:
    """The same bytes under the five contexts give five challenges, so a signature of one kind, even over the
    very same bytes, verifies as no other."""
    raw = a_decision().encoded()
    challenges = {
        approvals.user_challenge(raw),
        approvals.order_challenge(raw),
        approvals.rekey_challenge(raw),
        approvals.approvals_challenge([raw]),
        approvals.approvals_root_challenge(raw),
    }
    assert len(challenges) == 5
    for one in challenges:
        for other in challenges - {one}:
            proof = DEVICE.proof(one)
            assert said_by(partial(proofs.verify, DEVICE.key, other, proof, None)) == "proof.signature"
    assert approvals.approvals_challenge([raw]) == approvals.approvals_root_challenge(merkle.root([raw]))


@pytest.mark.parametrize(
    "bent",
    [
        {"approver": "x", "version": 2},
        {"fee_units_max": "-1"},
        {"fee_units_max": "05"},
        {"decision": "perhaps"},
        {"policies": "aa"},
        {"reason": "r" * 201},
        {"more": 1},
        {"expires_at_s": "99"},
    ],
)
def test_a_decision_has_one_form(bent: dict[str, object]) -> None:
    """Unknown fields, versions, decisions, negative fees and long reasons are malformed."""
    plain = {**json.loads(a_decision().encoded()), **bent}
    raw = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(Malformed, match=r"approval\.form"):
        approvals.parse_approval(raw)


@pytest.mark.parametrize(
    "text",
    ["", "ed25519", "ed25519:", "ed25519:" + "0" * 63, "ed25519:" + "0" * 66, "ED25519:" + "0" * 64,
     "ed25519:" + "AA" * 32, "passkey:" + "04" + "0" * 64, "passkey:" + "02" + "0" * 62, "rsa:" + "0" * 64,
     "ed25519: " + "0" * 63, "passkey:" + "00" + "0" * 64],
)  # fmt: skip
def test_a_persons_key_has_one_spelling(text: str) -> None:
    """Whatever is not scheme, colon and so many lowercase digits is malformed."""
    with pytest.raises(Malformed, match=r"person\.key"):
        parse_person_key(text)


def test_keys_are_read_as_they_are_written() -> None:
    """Both kinds come back, each of its own length."""
    for key in (KEY.key, DEVICE.key, PersonKey(Scheme.PASSKEY, b"\x03" + bytes(32))):
        assert parse_person_key(key.text()) == key


def test_client_data_is_what_was_touched_for() -> None:
    """The fixture's client data carries the challenge without padding, as browsers write it."""
    said = json.loads(client_data(Touch(), CHALLENGE))
    assert said["challenge"] == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert isinstance(proofs.parse_proof(proofs.encode(KEY.proof(CHALLENGE))), PasskeyProof)
    with pytest.raises(Refused, match=r"proof\.origin"):
        proofs.verify(KEY.key, CHALLENGE, KEY.proof(CHALLENGE), USERS)
