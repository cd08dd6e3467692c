"""An owner signs his withdrawal over real HTTP: only what he asked for, only with his own key, and once."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest

from keepcool.app.http.settings import UserSettings
from keepcool.client.devicekeys import DeviceKey, new_key_file, read_key_file
from keepcool.client.models import Withdrawal
from keepcool.client.orders import Order
from keepcool.core.errors import Breach, Refused
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from keepcool.wire import proofs
from tests.fixtures.ownerbench import (
    ETHER,
    FEE_MAX,
    LACKING,
    NAMES,
    RECIPIENT,
    THIEF,
    Bench,
    Change,
    opened,
    paying,
)
from tests.fixtures.softkey import USERS_ORIGIN, USERS_RP_ID, SoftEd25519, Touch, user_passkey, user_proof
from tests.live.test_api_objects import problem
from tests.unit.app.books.loopback import NETWORK
from tests.unit.app.http.running import ETH, TOKEN, settings

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("owner")
    users = UserSettings(rp_id=USERS_RP_ID, origins=(USERS_ORIGIN,))
    with opened(folder, msgspec.structs.replace(settings(folder), users=users)) as made:
        yield made


def test_what_waits_says_what_is_missing_and_what_to_sign(bench: Bench) -> None:
    """The withdrawal shows the intent's bytes and hash, the draft, whose signature it needs, and why."""
    name = bench.asked()
    assert bench.client.withdrawal(name).review is None
    intent = bench.drafted(name)
    told = bench.client.withdrawal(name)
    assert told.state == "needs_review"
    assert told.review is not None
    assert (told.review.intent_bytes, told.review.intent_hash) == (intent.encoded(), intent.hash())
    assert (told.review.drafts, told.review.user_key) == ([b"{}"], bench.key.text)
    assert told.review.missing == {"keeper": [LACKING.reason]}
    assert told.review.evidence == []
    listed = bench.http.get("/v1/withdrawals", params={"limit": 200}).json()["items"]
    assert all(one["review"] is None for one in listed)


def test_a_signed_withdrawal_is_asked_about_at_once(bench: Bench) -> None:
    """The signature is kept as evidence for this intent, the wait is over, the engine is woken."""
    name = bench.asked()
    intent, woken = bench.drafted(name), bench.app.engine.woken
    assert bench.waits_until_ms(name) > 0
    told = bench.client.withdrawals.sign(name, bench.key, bench.order)
    assert told.review is not None
    assert [one.key for one in told.review.evidence] == [bench.key.text] == bench.evidence(name, intent)
    assert (bench.waits_until_ms(name), bench.app.engine.woken) == (0, woken + 1)


def test_request_and_signature_are_one_call(bench: Bench) -> None:
    """`withdraw` with a key asks, waits for the draft, and signs it."""
    name = bench.asked()
    bench.drafted(name)
    key = f"k-{next(NAMES) - 1}"
    told = bench.client.withdraw(
        bench.wallet, ETH, ETHER, RECIPIENT, fee_max=FEE_MAX, key=key, sign_with=bench.key
    )
    assert told.id == name
    assert told.review is not None
    assert [one.key for one in told.review.evidence] == [bench.key.text]


def _twice(one: Intent) -> Intent:
    return replace(one, outputs=(*one.outputs, Output(THIEF, Amount(AssetId(ETH), 1))))


ALTERED: dict[str, tuple[Change, str]] = {
    "recipient": (paying(to=THIEF), THIEF),
    "amount": (paying(units=ETHER + 1), str(ETHER + 1)),
    "asset": (paying(asset=TOKEN), TOKEN),
    "one recipient more": (_twice, THIEF),
    "fee": (lambda one: replace(one, fee_max=Amount(AssetId(ETH), FEE_MAX + 1)), "may cost"),
    "fee in a token": (lambda one: replace(one, fee_max=Amount(AssetId(TOKEN), 1)), "its fee is in"),
    "never ends": (lambda one: replace(one, expires_at_s=one.expires_at_s + 10**7), "could wait"),
    "ended": (lambda one: replace(one, expires_at_s=1), "has expired"),
    "source": (lambda one: replace(one, source=WalletId("wal_other")), "wal_other"),
    "network": (lambda one: replace(one, network=NetworkId("eip155:1")), "eip155:1"),
    "a void": (lambda one: replace(one, purpose=Purpose.VOID, outputs=()), "pays nobody"),
}


@pytest.mark.parametrize(("change", "said"), ALTERED.values(), ids=ALTERED)
def test_refuses_to_sign_what_app_changed_and_nothing_leaves(bench: Bench, change: Change, said: str) -> None:
    """Each field that App could change is compared; the difference is named, and no signature is made."""
    name = bench.asked()
    intent = bench.drafted(name, change)
    with pytest.raises(Refused, match=r"client\.intent_differs") as refused:
        bench.client.withdrawals.sign(name, bench.key, bench.order)
    assert said in refused.value.public
    assert bench.key.book.signed([name]) == set()
    assert bench.evidence(name, intent) == []


def test_without_the_comparison_the_thief_is_signed_for(bench: Bench) -> None:
    """Twin: a key that signs whatever App shows signs for the thief's address, and App takes it."""
    name = bench.asked()
    intent = bench.drafted(name, paying(to=THIEF))
    proof = user_proof(_Blind(bench.key), intent.encoded())
    assert bench.hand_in(name, bench.key.text, proof).status_code == 200
    assert bench.evidence(name, intent) == [bench.key.text]


class _Blind(SoftEd25519):
    """Signs what it is shown."""

    def __init__(self, key: DeviceKey) -> None:
        super().__init__("blind")
        self._own = key

    def proof(self, challenge: bytes) -> proofs.Ed25519Proof:
        made = self._own.prove(challenge)
        assert isinstance(made, proofs.Ed25519Proof)
        return made


def test_refuses_a_signature_that_is_not_the_owners_and_keeps_nothing(bench: Bench) -> None:
    """Another key, the owner's signature of another intent, a passkey's answer, no proof at all: refused, for
    a signer that is shown one of these refuses the payment."""
    name, other = bench.asked(), bench.asked(bench.funded(bench.key.text))
    intent, another = bench.drafted(name), bench.drafted(other)
    thief, own = SoftEd25519("thief"), _Blind(bench.key)
    problem(bench.hand_in(name, thief.text, user_proof(thief, intent.encoded())), 403, "evidence.other_key")
    for proof in (user_proof(thief, intent.encoded()), user_proof(own, another.encoded())):
        problem(bench.hand_in(name, bench.key.text, proof), 403, "proof.signature")
    passkey = user_proof(user_passkey("thief"), intent.encoded())
    problem(bench.hand_in(name, bench.key.text, passkey), 403, "proof.scheme")
    problem(bench.hand_in(name, bench.key.text, b"{}"), 422, "proof.form")
    assert bench.evidence(name, intent) == []
    assert bench.waits_until_ms(name) > 0


def test_a_passkey_signs_where_users_touch_it(bench: Bench) -> None:
    """Touched at the users' site it is taken; at another origin, or without its holder, it is not."""
    key = user_passkey("carol")
    name = bench.asked(bench.funded(key.text))
    intent = bench.drafted(name)
    for touch in (Touch(USERS_RP_ID, "https://evil.example"), replace(key.touch, flags=1)):
        refused = bench.hand_in(name, key.text, user_proof(replace(key, touch=touch), intent.encoded()))
        assert refused.json()["code"] in ("proof.origin", "proof.presence")
    assert bench.hand_in(name, key.text, user_proof(key, intent.encoded())).status_code == 200
    assert bench.evidence(name, intent) == [key.text]


def test_a_new_intent_is_signed_anew_and_only_when_said(bench: Bench) -> None:
    """What was signed of an earlier intent does not go along with the next; the page says so; the key signs a
    second intent of one order only when its owner says that both may be paid."""
    name = bench.asked()
    first = bench.drafted(name)
    bench.client.withdrawals.sign(name, bench.key, bench.order)
    bench.undrafted(name)
    second = bench.drafted(name, lambda one: replace(one, intent=IntentId(f"{name}-b")))
    review = bench.client.withdrawal(name).review
    assert review is not None
    assert (review.evidence, review.signed_before) == ([], True)
    with pytest.raises(Refused, match=r"client\.signed_before"):
        bench.client.withdrawals.sign(name, bench.key, bench.order)
    assert bench.evidence(name, second) == []
    bench.client.withdrawals.sign(name, bench.key, bench.order, again=True)
    assert bench.evidence(name, second) == bench.evidence(name, first) == [bench.key.text]


def test_a_second_withdrawal_under_one_idempotency_key_is_not_signed(bench: Bench, tmp_path: Path) -> None:
    """App answers the same request with another withdrawal: the key's book, read again, knows the order."""
    new_key_file(tmp_path / "key")
    wallet = bench.funded(read_key_file(tmp_path / "key").text)
    order = Order(wallet, ETH, ETHER, RECIPIENT, FEE_MAX)
    for name in (bench.asked(wallet), bench.asked(wallet)):
        bench.drafted(name)
        key = read_key_file(tmp_path / "key")
        if key.book.signed(["key:order-1"]):
            with pytest.raises(Refused, match=r"client\.signed_before"):
                bench.client.withdrawals.sign(name, key, order, names=["key:order-1"])
        else:
            bench.client.withdrawals.sign(name, key, order, names=["key:order-1"])
    assert len(read_key_file(tmp_path / "key").book.signed(["key:order-1"])) == 1


def test_an_address_that_obeys_another_key_is_refused(bench: Bench) -> None:
    """App had a key of its own attested: the client that has a key hands out no such address, nor one with a
    key where it gave none."""
    user, thief = bench.client.make_user().id, SoftEd25519("thief")
    made = bench.client.make_wallet(user, NETWORK, user_key=thief.text)
    for wanted in (bench.key.text, ""):
        with pytest.raises(Breach, match=r"client\.other_user_key"):
            bench.client.wallet(made.id, user_key=wanted)
    with pytest.raises(Breach, match=r"client\.other_user_key"):
        bench.client.withdrawals.sign("wd_any", bench.key, Order(made.id, ETH, 1, RECIPIENT))
    assert bench.client.wallet(made.id).address == made.address  # twin: who does not ask does not see


def test_a_key_that_is_none_is_refused(bench: Bench) -> None:
    """Hex alone, a point off the curve, an unknown scheme: 422 and no wallet."""
    user = bench.client.make_user().id
    for text in ("00ff", "ed25519:00", "passkey:02" + "00" * 31 + "01", "rsa:" + "00" * 32):
        answer = bench.http.post(f"/v1/users/{user}/wallets", json={"network": NETWORK, "user_key": text})
        problem(answer, 422, "person.key")
    assert bench.client.read.wallets(user) == []


def test_a_link_reads_and_signs_one_withdrawal_and_nothing_else(bench: Bench) -> None:
    """Whoever has the link sees the intent and hands in the signature; it opens no other door, and no API key
    stands for a link."""
    name = bench.asked()
    intent = bench.drafted(name)
    token = bench.http.post(f"/v1/withdrawals/{name}/link", json={}).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=bench.app.url, headers=bearer, timeout=20) as linked:
        shown = linked.get("/v1/signing").json()
        assert base64.b64decode(shown["review"]["intent_bytes"]) == intent.encoded()
        assert (shown["withdrawal"], shown["rp_id"]) == (name, USERS_RP_ID)
        problem(linked.get(f"/v1/withdrawals/{name}"), 401, "auth.key")
        proof = base64.b64encode(user_proof(_Blind(bench.key), intent.encoded())).decode()
        signed = linked.post("/v1/signing", json={"key": bench.key.text, "proof": proof}).json()
        assert [one["key"] for one in signed["review"]["evidence"]] == [bench.key.text]
    problem(bench.http.get("/v1/signing"), 403, "auth.link")


def test_what_has_ended_or_is_not_drafted_is_not_signed(bench: Bench) -> None:
    """Before the draft there is nothing to sign, after the end nobody is asked."""
    name = bench.asked()
    problem(bench.hand_in(name, bench.key.text, b"{}"), 409, "withdrawal.not_drafted")
    cancelled: Withdrawal = bench.client.cancel(name)
    assert cancelled.state == "cancelled"
    problem(bench.hand_in(name, bench.key.text, b"{}"), 409, "withdrawal.too_late")
