"""The sealed frame: opens for whom it is meant, and every way of meddling is refused by its own code."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepcool.adapters.identity.files import FileIdentity
from keepcool.core.errors import KeepcoolError, Malformed, Refused
from keepcool.core.parties import Service
from keepcool.wire import envelope
from keepcool.wire.envelope import AnswerTo, Opened, RequestOf, make, open_frame
from keepcool.wire.messages import ErrorAnswer, Message, Problem, SignRequest
from keepcool.wire.requests import REQUESTS
from tests.unit.wire import cast as c

CAST = c.cast()
PEERS = CAST.peers()
KEEPER, COOLER, APP = CAST.keeper.peer(), CAST.cooler.peer(), CAST.app.peer()
BODY = msgspec.json.encode(c.freeze())


def opened(frame: bytes, typ: str = "freeze.v1", now_ms: int = c.NOW_MS) -> Opened:
    return open_frame(CAST.keeper, PEERS, frame, now_ms, RequestOf(typ))


def refused(frame: bytes, code: str, typ: str = "freeze.v1", now_ms: int = c.NOW_MS) -> None:
    with pytest.raises(KeepcoolError) as caught:
        opened(frame, typ, now_ms)
    assert caught.value.code == code


def request(body: Message | None = None, typ: str = "freeze.v1") -> bytes:
    return make(CAST.app, KEEPER, typ, body or c.freeze(), now_ms=c.NOW_MS, entropy=c.Dice())


def test_a_request_opens_for_its_addressee() -> None:
    """What was put in comes out, with its sender, id, expiry and hash."""
    frame = request()
    message = opened(frame)
    assert (message.sender, message.typ, message.body) == (Service.APP, "freeze.v1", c.freeze())
    assert message.exp_ms == c.NOW_MS + 30_000
    assert message.keep_until_ms == c.NOW_MS + 60_000
    assert message.frame_sha256 == envelope.frame_hash(frame)


def test_nobody_else_can_read_the_body() -> None:
    """The frame holds no word of the message, and Cooler cannot open what was sealed to Keeper."""
    frame = request(c.sign_request(), "sign.v1")
    said = msgspec.json.encode(c.sign_request())
    assert said not in frame
    body = msgspec.json.decode(frame[97:], type=envelope.Payload).body
    assert said in CAST.keeper.open(APP.sealing_key, body)
    with pytest.raises(Malformed):
        CAST.cooler.open(APP.sealing_key, body)


def forged(plain: bytes = BODY, **changed: object) -> bytes:
    return c.forged(CAST.app, KEEPER, "freeze.v1", plain, **changed)


def stranger() -> FileIdentity:
    return c.identity(Service.APP, "another")


def swapped_signature() -> bytes:
    mine, other = request(), request(c.status(), "status.v1")
    return mine[:33] + other[33:97] + mine[97:]


FORGERIES: list[tuple[str, str, bytes]] = [
    ("empty", "wire.truncated", b""),
    ("no payload", "wire.truncated", request()[:97]),
    ("format version 2", "wire.format", b"\x02" + request()[1:]),
    ("an unpinned key", "wire.unknown_key", c.forged(stranger(), KEEPER, "freeze.v1", BODY)),
    ("another's signature", "wire.signature", swapped_signature()),
    ("oversized", "wire.oversized", request() + bytes(8 * 1024)),
    ("payload is not JSON", "wire.payload", c.signed(CAST.app, b"\xff\xfe")),
    ("payload is deep", "wire.payload", c.signed(CAST.app, b"[" * 5000)),
    ("payload lacks a field", "wire.payload", c.signed(CAST.app, b'{"v":1}')),
    ("an unknown field", "wire.payload", forged(extra=1)),
    ("payload version 2", "wire.version", forged(v=2)),
    ("an id that is no ULID", "wire.id", forged(id="1")),
    ("another's name", "wire.issuer", forged(iss="watchtower")),
    ("for somebody else", "wire.audience", forged(aud="cooler")),
    ("another type than expected", "wire.type", c.forged(CAST.app, KEEPER, "thaw.v1", BODY)),
    ("another type than the subject's", "wire.type", request(c.status(), "status.v1")),
    ("an answer where a request is due", "wire.unbound", forged(re="0" * 64)),
    ("lives too long", "wire.lifetime", forged(exp_ms=c.NOW_MS + 30_001)),
    ("ends before it begins", "wire.lifetime", forged(exp_ms=c.NOW_MS)),
    ("a body that is no box", "wire.seal", forged(body=b"short")),
    ("a body that is no base64", "wire.payload", forged(body="!")),
    ("a body of another shape", "wire.body", forged(b'{"level":"all"}')),
    ("a body with an unknown field", "wire.body", forged(BODY[:-1] + b',"thaw":true}')),
    ("a body that is not UTF-8", "wire.body", forged(BODY.replace(b"drill", b"\xff\xff"))),
]


@pytest.mark.parametrize(("code", "frame"), [row[1:] for row in FORGERIES], ids=[row[0] for row in FORGERIES])
def test_refuses_each_forgery_by_its_code(code: str, frame: bytes) -> None:
    """Every malformed frame is refused with a code that says what was wrong."""
    refused(frame, code)


def test_the_forger_of_these_tests_can_make_a_good_frame() -> None:
    """The twin of the forgeries: with nothing changed the same forger's frame opens."""
    assert opened(forged()).body == c.freeze()


@pytest.mark.parametrize(
    ("now_ms", "code"),
    [
        (c.NOW_MS - 30_000, ""),
        (c.NOW_MS - 30_001, "wire.future"),
        (c.NOW_MS + 60_000, ""),
        (c.NOW_MS + 60_001, "wire.expired"),
    ],
)
def test_a_frame_has_its_time(now_ms: int, code: str) -> None:
    """A frame opens from 30 s before its making to 30 s after its end, to the millisecond."""
    if code:
        refused(request(), code, now_ms=now_ms)
    else:
        assert opened(request(), now_ms=now_ms).sender is Service.APP


@pytest.mark.parametrize("typ", sorted(REQUESTS))
def test_only_its_senders_may_send_a_type(typ: str) -> None:
    """Each type is refused from every service that is not among its senders."""
    for one in (CAST.app, CAST.cooler, CAST.desk):
        if one.service.value not in REQUESTS[typ].senders:
            with pytest.raises(Refused) as caught:
                opened(c.forged(one, KEEPER, typ, b"{}"), typ)
            assert caught.value.code == "wire.sender"


def test_a_body_lifted_into_another_envelope_does_not_open() -> None:
    """Even with the sender's stolen message key, a captured sealed body cannot be given a new life."""
    captured = msgspec.json.decode(request()[97:], type=envelope.Payload)
    fresh = {name: getattr(captured, name) for name in captured.__struct_fields__}
    fresh |= {"id": "01HZZZZZZZ0123456789ABCDEF"}
    refused(c.signed(CAST.app, msgspec.json.encode(fresh)), "wire.spliced")


def test_another_senders_sealed_body_does_not_open() -> None:
    """A desk that pastes App's sealed body into its own envelope is refused."""
    captured = msgspec.json.decode(request()[97:], type=envelope.Payload).body
    refused(c.forged(CAST.desk, KEEPER, "freeze.v1", BODY, body=captured), "wire.seal")


def test_padding_hides_the_length() -> None:
    """Freezes with reasons of 1 and of 400 letters are frames of one length."""
    short, long = (msgspec.structs.replace(c.freeze(), reason="a" * size) for size in (1, 400))
    assert len(request(short)) == len(request(long))


def test_refuses_to_make_what_nobody_would_open() -> None:
    """A request longer than its type allows is refused before it is sent."""
    with pytest.raises(Malformed) as caught:
        request(msgspec.structs.replace(c.freeze(), reason="a" * 9000))
    assert caught.value.code == "wire.oversized"


def test_a_ladder_of_drafts_with_their_previous_transactions_fits() -> None:
    """Six rungs of twenty inputs, each behind a transaction of 25 kB, fit into one frame; other kinds of
    requests stay small, but for the one that names many digests."""
    item = msgspec.structs.replace(c.sign_request().items[0], draft=bytes(20 * 25_000))
    assert opened(request(SignRequest(items=[item] * 6), "sign.v1"), "sign.v1").body
    large = {typ for typ, kind in REQUESTS.items() if kind.frame_bytes_max > 1024 * 1024}
    assert large == {"sign.v1", "signed.find.v1"}


def test_a_hundred_items_fit() -> None:
    """A full batch of signing requests with drafts of 2 KiB fits into its frame."""
    item = msgspec.structs.replace(c.sign_request().items[0], draft=bytes(2048))
    assert opened(request(SignRequest(items=[item] * 100), "sign.v1"), "sign.v1").body


def answer(re: str, typ: str = "freeze.v1.answer", body: Message | None = None) -> bytes:
    return make(CAST.keeper, APP, typ, body or c.freeze_answer(), now_ms=c.NOW_MS, entropy=c.Dice("a"), re=re)


def read(frame: bytes, re: str, peer: Service = Service.KEEPER) -> Message:
    return open_frame(CAST.app, PEERS, frame, c.NOW_MS, AnswerTo(peer, "freeze.v1", re)).body


def test_an_answer_is_bound_to_its_request() -> None:
    """Keeper's answer to one request does not pass for its answer to another."""
    mine, other = envelope.frame_hash(request()), "0" * 64
    assert read(answer(mine), mine) == c.freeze_answer()
    with pytest.raises(Malformed) as caught:
        read(answer(other), mine)
    assert caught.value.code == "wire.unbound"


def test_an_answer_comes_from_the_asked_peer() -> None:
    """Keeper's answer does not pass for Cooler's, though both are pinned."""
    mine = envelope.frame_hash(request())
    with pytest.raises(Malformed) as caught:
        read(answer(mine), mine, Service.COOLER)
    assert caught.value.code == "wire.unbound"


def test_an_error_is_an_answer_of_its_own_type() -> None:
    """error.v1 opens as an ErrorAnswer; an answer of another request's type does not open."""
    mine = envelope.frame_hash(request())
    problem = ErrorAnswer(problem=Problem(kind="refused", code="a.b", text="no"))
    assert read(answer(mine, envelope.ERROR, problem), mine) == problem
    with pytest.raises(Malformed) as caught:
        read(answer(mine, "status.v1.answer"), mine)
    assert caught.value.code == "wire.type"


def test_two_peers_never_share_a_key() -> None:
    """A directory with one signing key under two names is refused."""
    with pytest.raises(Refused):
        envelope.directory([KEEPER, KEEPER])


FRAME = request(c.sign_request(), "sign.v1")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(FRAME) * 8 - 1))
def test_no_flipped_bit_opens(bit: int) -> None:
    """A frame with any one bit flipped is refused, whichever bit it is."""
    flipped = bytearray(FRAME)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Malformed):
        opened(bytes(flipped), "sign.v1")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_no_foreign_bytes_open(junk: bytes) -> None:
    """Arbitrary bytes, and arbitrary payloads under a good signature, are refused without surprise."""
    for frame in (junk, FRAME[:97] + junk, c.signed(CAST.app, junk)):
        with pytest.raises(Malformed):
            opened(frame, "sign.v1")


def test_the_frozen_bytes_do_not_move() -> None:
    """The frame made from fixed keys, time and entropy is the one version 1 has always made."""
    assert (
        envelope.frame_hash(request()) == "8089d74f8e25d7a3d66e27d6c7ab30809f5ad7c03eba40ab96fb74c4b05cc771"
    )
