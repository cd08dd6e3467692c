"""A client believes an address only when it is the attested address of the wallet it asked for."""

from __future__ import annotations

import pytest

from keepcool.client.attested import Pins, Wanted, record_of
from keepcool.client.models import WalletAnswer
from keepcool.core.errors import Breach, Unavailable
from keepcool.core.parties import Service
from keepcool.wire.messages import NewWallet
from tests.unit.app.books.loopback import NETWORK, Signers
from tests.unit.app.books.loopback import record_of as made

SIGNERS = Signers()
PINS = Pins(
    SIGNERS.identities[Service.KEEPER].peer().attestation_key or b"",
    SIGNERS.identities[Service.COOLER].peer().attestation_key or b"",
)


def told(wallet: str, user: str) -> WalletAnswer:
    """What App says of a wallet that both signers attested."""
    record = made(NewWallet(wallet=wallet, network=NETWORK, profile="safe-1.5.0-l1", owner=user))
    encoded = record.encoded()
    return WalletAnswer(
        id=wallet, user=user, network=NETWORK, profile=record.profile, status="ready", address=record.address,
        record_bytes=encoded, external_id=None, metadata={}, created_at_ms=1,
        attestations={one.value: SIGNERS.sign(one, encoded) for one in (Service.KEEPER, Service.COOLER)},
    )  # fmt: skip


MINE, THIEFS = told("w-mine", "u-me"), told("w-thief", "u-thief")


def test_the_wallet_asked_for_is_believed() -> None:
    """Asked for by id, user and network, the attested record is handed out."""
    wanted = Wanted(wallet="w-mine", user="u-me", network=NETWORK)
    assert record_of(PINS, MINE, wanted).address == MINE.address


@pytest.mark.parametrize(
    "wanted",
    [Wanted(wallet="w-mine"), Wanted(user="u-me"), Wanted(wallet="w-thief", network="eip155:1")],
    ids=["another wallet", "another user", "another network"],
)
def test_an_honestly_attested_wallet_of_somebody_else_is_refused(wanted: Wanted) -> None:
    """App, taken over, answers with a wallet of its own that both signers attested: nobody pays to it."""
    with pytest.raises(Breach, match=r"client\.other_record"):
        record_of(PINS, THIEFS, wanted)


def test_without_naming_the_wallet_the_substitution_succeeds() -> None:
    """Twin: attestations alone do not say whose address it is, so the same answer would be believed."""
    assert record_of(PINS, THIEFS, Wanted()).address == THIEFS.address


def test_words_around_the_record_are_not_believed() -> None:
    """An id or address beside the record that differs from it is refused; no record is not there yet."""
    for lie in ({"id": "w-mine"}, {"address": MINE.address}):
        with pytest.raises(Breach, match=r"client\.other_record"):
            record_of(PINS, _but(THIEFS, **lie), Wanted())
    with pytest.raises(Unavailable, match=r"client\.issuing"):
        record_of(PINS, _but(MINE, record_bytes=None), Wanted(wallet="w-mine"))


def _but(answer: WalletAnswer, **changed: object) -> WalletAnswer:
    fields = {name: getattr(answer, name) for name in WalletAnswer.__struct_fields__}
    return WalletAnswer(**{**fields, **changed})
