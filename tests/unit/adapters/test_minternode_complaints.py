"""What a Minter node's error answers mean, from the literal bodies of minter-go-node."""

from __future__ import annotations

import json

import pytest

from keepcool.adapters.minternode import complaints
from keepcool.adapters.minternode.connections import Reply
from keepcool.ports.minternode import AlreadyKnown, Balance, Rejected, Why

SENT = b"\x11" * 32


def reply(code: object, message: str, data: object = None, status: int = 400) -> Reply:
    error = {"code": code, "message": message, "data": {} if data is None else data}
    return Reply(status, json.dumps({"error": error}).encode())


def outcome(answer: Reply) -> object:
    return complaints.outcome(SENT, complaints.complaint(answer))


def test_a_wrong_nonce_tells_the_expected_one() -> None:
    """Code 101 is a Conflict that names the nonce the account wants."""
    data = {"expected_nonce": "5", "got_nonce": "4"}
    became = outcome(reply("101", "Unexpected nonce. Expected: 5, got 4.", data))
    assert isinstance(became, Rejected)
    assert (became.why, became.code, became.expected_nonce) == (Why.NONCE, 101, 5)
    assert (became.error.kind, became.error.code) == ("conflict", "node.nonce")


def test_missing_funds_tell_what_is_needed() -> None:
    """Code 107 names the coin and the amount that value and fee come to."""
    data = {"sender": "Mx00", "needed_value": "1000000000010000", "coin_symbol": "BIP", "coin_id": "0"}
    became = outcome(reply("107", "Insufficient funds", data))
    assert isinstance(became, Rejected)
    assert (became.why, became.needed) == (Why.FUNDS, Balance(0, 1000000000010000))
    assert (became.error.kind, became.error.code) == ("refused", "node.funds")


def test_a_low_gas_price_tells_the_lowest() -> None:
    """Code 114 names the least gas price of the moment."""
    became = outcome(reply("114", "Gas price is too low", {"min_gas_price": "10", "got_gas_price": "1"}))
    assert isinstance(became, Rejected)
    assert (became.why, became.gas_price_min) == (Why.GAS_PRICE, 10)


@pytest.mark.parametrize(
    ("code", "why", "kind"),
    [
        ("102", Why.COIN, "refused"),
        ("105", Why.SIZE, "refused"),
        ("106", Why.FORM, "refused"),
        ("109", Why.PAYLOAD, "refused"),
        ("110", Why.SERVICE_DATA, "refused"),
        ("111", Why.MULTISEND, "refused"),
        ("113", Why.ONE_PER_BLOCK, "unavailable"),
        ("115", Why.CHAIN, "refused"),
        ("119", Why.FEE_COIN, "refused"),
        ("601", Why.WEIGHTS, "refused"),
        ("602", Why.MULTISIG_EXISTS, "refused"),
        ("603", Why.NO_MULTISIG, "refused"),
        ("604", Why.SIGNATURE, "refused"),
        ("605", Why.TOO_MANY_OWNERS, "refused"),
        ("606", Why.DUPLICATE_OWNER, "refused"),
        ("607", Why.OWNERS_WEIGHTS, "refused"),
        ("608", Why.TOTAL_WEIGHT, "refused"),
        ("609", Why.VOTES, "refused"),
        ("999", Why.OTHER, "refused"),
    ],
)
def test_every_code_has_its_meaning(code: str, why: Why, kind: str) -> None:
    """Each code of the chain is one reason and one kind of error, without any data too."""
    became = outcome(reply(code, "said\nso", {"sender": None, "needed_votes": "x"}))
    assert isinstance(became, Rejected)
    assert (became.why, became.code, became.text) == (why, int(code), "said so")
    assert (became.error.kind, became.error.code) == (kind, f"node.{why.value}")
    assert (became.expected_nonce, became.needed, became.gas_price_min) == (None, None, None)


def test_the_same_bytes_again_are_known() -> None:
    """HTTP 409 means that the bytes were seen before; code 409 of the chain under another status does not."""
    assert outcome(reply("409", "tx already exists in cache", status=409)) == AlreadyKnown(SENT)
    other = outcome(reply("409", "Candidate's public key is in the block list"))
    assert isinstance(other, Rejected)
    assert other.why is Why.OTHER


def test_a_full_pool_passes() -> None:
    """A full pool is a rejection that passes; other errors of the node leave the outcome open."""
    full = outcome(reply("400", "mempool is full: number of txs 5000 (max: 5000)"))
    assert isinstance(full, Rejected)
    assert (full.why, full.error.kind) == (Why.POOL_FULL, "unavailable")
    assert outcome(reply("504", "context deadline exceeded", status=504)) is None
    assert outcome(reply("400", "timed out waiting for tx")) is None


def test_absence_is_told_in_two_ways() -> None:
    """404 of today's nodes and the words of older ones both mean that there is no such thing."""
    assert complaints.is_unknown(complaints.complaint(reply("404", "Block not found", status=404)))
    assert complaints.is_unknown(complaints.complaint(reply("400", "tx (AB12) not found")))
    assert not complaints.is_unknown(complaints.complaint(reply("404", "Candidate not found")))
    assert not complaints.is_unknown(complaints.complaint(reply("500", "database is closed", status=500)))


@pytest.mark.parametrize(
    "body", [b"", b"<html>404</html>", b"{}", b'{"error": "no"}', b'{"error": {"code": 404, "message": "x"}}']
)
def test_an_error_of_something_else_is_none(body: bytes) -> None:
    """A proxy's 404 is not a node's: it raises, so that nothing is taken to be absent."""
    with pytest.raises(ValueError, match=r"\S"):
        complaints.complaint(Reply(404, body))


def test_a_read_raises_what_the_code_means() -> None:
    """The chain's refusals stay refusals in reads; the node's own troubles are Unavailable."""
    told = complaints.complaint(reply("119", "Coin reserve is not sufficient"))
    assert complaints.error("node", told).code == "node.fee_coin"
    unreadable = complaints.complaint(reply("400", "Cannot decode transaction: rlp: too few elements"))
    assert complaints.error("node", unreadable).code == "node.form"
    gone = complaints.complaint(reply("404", "state at height 5 not found", status=404))
    assert complaints.error("node", gone).code == "node.state_gone"
    broken = complaints.complaint(reply("500", "broken", status=500))
    assert (complaints.error("node", broken).code, complaints.error("node", broken).kind) == (
        "node.error",
        "unavailable",
    )
