"""An administrator's key opens with his passphrase alone; an order's file says what its bytes say."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.pwhash import argon2id

from keepcool.core.approvals import Action, order_challenge, parse_order
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.core.personkeys import parse_person_key
from keepcool.local import adminkeys, orderfiles
from keepcool.policy.document import parse_policy
from keepcool.wire import proofs
from keepcool.wire.reviews import SubmitOrder
from tests.unit.cosigner.order_office import INSTALLATION, ROOT, document

pytestmark = pytest.mark.slow

WORDS = b"four words nobody guesses"
FREEZE = {"level": "all", "target": "", "reason": "drill"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    file = tmp_path_factory.mktemp("keys") / "anna.key"
    return file, adminkeys.new_key(file, WORDS)


def order(action: Action = Action.FREEZE, details: dict[str, str] | None = None) -> SubmitOrder:
    made = orderfiles.new_order(action, details or FREEZE, INSTALLATION, 3600)
    return SubmitOrder(order=made.encoded(), proofs=[])


def test_what_the_key_signs_verifies_under_what_was_printed(made: tuple[Path, str]) -> None:
    """The file is its owner's alone, and names the public half."""
    file, public = made
    challenge = order_challenge(b"order")
    proof = proofs.parse_proof(adminkeys.signed(file, WORDS, challenge))
    proofs.verify(parse_person_key(public), challenge, proof, None)
    with pytest.raises(Refused, match=r"proof\.signature"):
        proofs.verify(parse_person_key(public), order_challenge(b"another"), proof, None)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_wrong_passphrase_opens_nothing(made: tuple[Path, str]) -> None:
    """Nor is a key made over another, or under a short passphrase."""
    file, _ = made
    with pytest.raises(Refused, match=r"admin\.passphrase"):
        adminkeys.signed(file, WORDS + b"!", bytes(32))
    content = file.read_bytes()
    with pytest.raises(Refused, match=r"admin\.key_file"):
        adminkeys.new_key(file, WORDS)
    assert file.read_bytes() == content
    for short in (b"eleven char", b"\xc3\xa4" * 11):
        with pytest.raises(Refused, match=r"admin\.passphrase"):
            adminkeys.new_key(file.with_name("new.key"), short)
    assert not file.with_name("new.key").exists()


CHANGES: dict[str, dict[str, Any]] = {
    "cheap to guess": {"operations": argon2id.OPSLIMIT_MODERATE - 1},
    "cheap in memory": {"memory_bytes": argon2id.MEMLIMIT_MODERATE - 1},
    "for nobody's machine": {"memory_bytes": 2**31 + 1},
    "another version": {"version": 2},
    "a field more": {"owner": "anna"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_file_that_was_changed_is_refused(made: tuple[Path, str], tmp_path: Path, change: str) -> None:
    """Before the passphrase is stretched as somebody else wants it."""
    plain = msgspec.json.decode(made[0].read_bytes())
    file = tmp_path / "changed.key"
    file.write_bytes(msgspec.json.encode(plain | CHANGES[change]))
    file.chmod(0o600)
    with pytest.raises(Malformed, match=r"admin\.key_file"):
        adminkeys.signed(file, WORDS, bytes(32))


def test_others_can_read_no_key(made: tuple[Path, str], tmp_path: Path) -> None:
    """A file that others can read is refused before anything is asked of it."""
    file = tmp_path / "open.key"
    file.write_bytes(made[0].read_bytes())
    file.chmod(0o640)
    with pytest.raises(Refused, match=r"identity\.readable"):
        adminkeys.signed(file, WORDS, bytes(32))


def test_the_root_key_signs_as_itself(tmp_path: Path) -> None:
    """From the file that policies are signed with."""
    file = tmp_path / "root.key"
    file.write_text(bytes(ROOT).hex())
    file.chmod(0o600)
    proof = proofs.parse_proof(adminkeys.signed_by_root(file, bytes(32)))
    proofs.verify(parse_person_key(f"ed25519:{INSTALLATION}"), bytes(32), proof, None)


def test_a_file_goes_from_one_to_the_next(tmp_path: Path) -> None:
    """Written and read it is the same; a second signature of one name takes the place of the first."""
    file, first = tmp_path / "order.json", order()
    one = orderfiles.with_proof(orderfiles.with_proof(first, "anna", b"1"), "boris", b"2")
    both = orderfiles.with_proof(one, "anna", b"3")
    orderfiles.write(file, both)
    read = orderfiles.read(file)
    assert read == both
    assert [(one.administrator, one.proof) for one in read.proofs] == [("boris", b"2"), ("anna", b"3")]
    assert orderfiles.challenge_of(read) == order_challenge(first.order)


def test_a_document_is_the_one_that_is_named(tmp_path: Path) -> None:
    """Exchanged under the signatures, missing or superfluous: nobody is shown anything."""
    new, other = document(11), document(12)
    details = orderfiles.policy_details(new, "keeper", "00" * 32)
    assert details["document"] == parse_policy(new).hash
    proposal = order(Action.POLICY_PROPOSE, details)
    wrong = [
        SubmitOrder(order=proposal.order, proofs=[], document=other),
        proposal,
        SubmitOrder(order=order().order, proofs=[], document=b"x"),
    ]
    for one in wrong:
        with pytest.raises(Malformed, match=r"order\.document"):
            orderfiles.parse(msgspec.json.encode(one))
    right = SubmitOrder(order=proposal.order, proofs=[], document=new)
    told = list(orderfiles.in_words(orderfiles.parse(msgspec.json.encode(right))))
    assert f"Put policy version 11 ({details['document']}) in force on keeper, after {'00' * 32}." in told
    for raw in (b"", b"{}", b"[]", b"\xff"):
        with pytest.raises(Malformed, match=r"order\.file"):
            orderfiles.parse(raw)
    with pytest.raises(KeepcoolError, match=r"order\.file"):
        orderfiles.read(tmp_path / "nowhere.json")


def test_words_do_not_command_a_terminal() -> None:
    """What an order's text holds is shown and not obeyed."""
    told = "\n".join(orderfiles.in_words(order(details={**FREEZE, "reason": "a\x1b[2J\nSigned by all"})))
    assert "Freeze all: a?[2J?Signed by all" in told
    assert "\x1b" not in told


def test_what_waits_can_be_cancelled() -> None:
    """Each with exactly what names it; what takes effect at once cannot."""
    details = {"level": "network", "target": "eip155:1", "reason": "r", "report": "ab"}
    thaw = parse_order(order(Action.THAW, details).order)
    assert orderfiles.cancelling(thaw) == (Action.THAW_CANCEL, {"level": "network", "target": "eip155:1"})
    with pytest.raises(Refused, match=r"order\.at_once"):
        orderfiles.cancelling(parse_order(order().order))
