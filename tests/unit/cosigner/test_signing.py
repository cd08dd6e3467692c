"""The signing path: never twice, counted once, nothing released before it is remembered and witnessed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import coincurve
import pytest

from keepcool.core import canonical
from keepcool.core.errors import KeepcoolError, Malformed, Refused, Unavailable
from keepcool.core.faults import FaultPoint
from keepcool.core.parties import Service
from keepcool.core.registry import Role
from keepcool.cosigner import drafts
from keepcool.cosigner.freezes import freeze, thaw
from keepcool.cosigner.signing import CoSigner
from keepcool.ports.keystore import Bound
from keepcool.wire.messages import ITEMS_MAX, Declined, Failure, Signed, SignItem
from tests.unit.cosigner.house import KilledError, Pair, Signer, item, register, wallet_record


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close_all()


async def ready(pair: Pair, *wallets: str) -> Signer:
    keeper, cooler = pair.open(Service.KEEPER), pair.open(Service.COOLER)
    for signer in (keeper, cooler):
        for number, wallet in enumerate(wallets or ("w1",), 5):
            await register(signer, wallet, number)
    return keeper


def rows(signer: Signer) -> int:
    return sum(1 for _ in signer.store.entries())


def test_both_signers_sign_what_they_decoded(pair: Pair) -> None:
    """Each signer's signature recovers to its own key of the wallet, over the digest of the draft."""

    async def story() -> None:
        await ready(pair)
        one = item("w1", 0, {"bob": 5})
        record = wallet_record("w1", 5)
        for service, role in ((Service.KEEPER, Role.HOT), (Service.COOLER, Role.COOL)):
            answer = await pair.signers[service].sign(one)
            [signed] = answer.items
            assert isinstance(signed, Signed)
            compact = signed.signatures[0][:64] + bytes([signed.signatures[0][64] - 27])
            digest = hashlib.sha256(one.draft).digest()
            found = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None)
            assert found.format().hex() == record.key(role).public_key

    asyncio.run(story())


def test_a_batch_has_a_bound(pair: Pair) -> None:
    """More items than a batch holds are refused whole, before any is read, and nothing is remembered; none at
    all as well. As many as it holds are answered, each once."""

    async def story() -> None:
        keeper = await ready(pair)
        one = item("w1", 0, {"bob": 5})
        for items in ([one] * (ITEMS_MAX + 1), []):
            with pytest.raises(Malformed, match=r"signing\.batch"):
                await keeper.sign(*items)
        assert rows(keeper) == 0
        assert len((await keeper.sign(*[one] * ITEMS_MAX)).items) == ITEMS_MAX
        assert rows(keeper) == 1

    asyncio.run(story())


@pytest.mark.parametrize("control", [True, False])
def test_nothing_is_drafted_for_without_end(
    pair: Pair, control: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile App has one payment drafted over and over: after so many in an hour no more is signed or
    remembered, what was signed is given again, other payments go on, and an hour later so does this one. The
    twin: without the bound the journal grows with every draft, and so does what each further one costs."""
    if not control:
        monkeypatch.setattr(drafts, "REDRAFTS_MAX", 10**9)
    one = item("w1", 0, {"bob": 5})

    def again(salt: int) -> SignItem:
        draft = canonical.encode({**canonical.decode(one.draft, "draft"), "salt": salt})
        return SignItem(intent=one.intent, draft=draft)

    async def story() -> None:
        keeper = await ready(pair, "w1", "w2")
        most = drafts.REDRAFTS_MAX if control else 100
        answer = await keeper.sign(*[again(salt) for salt in range(most)])
        assert all(isinstance(found, Signed) for found in answer.items)
        [last] = (await keeper.sign(again(most))).items
        assert isinstance(last, Failure if control else Signed)
        if isinstance(last, Failure):
            assert (last.problem.kind, last.problem.code) == ("unavailable", "signing.pace")
        assert rows(keeper) == most + (not control)
        found = await keeper.sign(again(7), item("w2", 0, {"bob": 5}))
        assert [type(each) for each in found.items] == [Signed, Signed]
        keeper.hands.at_ms += 3_601_000
        [later] = (await keeper.sign(again(most + 1))).items
        assert isinstance(later, Signed)

    asyncio.run(story())


def test_the_same_request_gives_the_same_answer_and_one_row(pair: Pair) -> None:
    """Asking again for identical bytes returns the same signature, adds no row and counts once."""

    async def story() -> None:
        keeper = await ready(pair)
        first = await keeper.sign(item("w1", 0, {"bob": 900}))
        again = await keeper.sign(item("w1", 0, {"bob": 900}))
        assert first.items == again.items
        assert rows(keeper) == 1
        [room] = (await keeper.sign(item("w1", 1, {"bob": 100}))).items
        assert isinstance(room, Signed)

    asyncio.run(story())


def test_a_hundred_at_once_for_one_nonce_give_one_signature(pair: Pair) -> None:
    """A hundred different payments race for one nonce: exactly one is signed, the rest are told why."""

    async def story() -> None:
        keeper = await ready(pair)
        wanted = [item("w1", 0, {f"thief{n}": 1}, intent=f"i{n}") for n in range(100)]
        answers = await asyncio.gather(*(keeper.sign(one) for one in wanted))
        outcomes = [answer.items[0] for answer in answers]
        assert sum(isinstance(one, Signed) for one in outcomes) == 1
        assert sum(isinstance(one, Declined) for one in outcomes) == 99
        assert rows(keeper) == 1

    asyncio.run(story())


def test_a_hundred_at_once_share_commits_exchanges_and_one_row_each(pair: Pair) -> None:
    """A hundred wallets' payments, asked one by one at once, need far fewer exchanges with the peer."""

    async def story() -> None:
        wallets = [f"w{n}" for n in range(100)]
        keeper = await ready(pair, *wallets)
        answers = await asyncio.gather(*(keeper.sign(item(one, 0, {"bob": 1})) for one in wallets))
        assert all(isinstance(answer.items[0], Signed) for answer in answers)
        assert rows(keeper) == 100
        assert pair.asked <= 20

    asyncio.run(story())


def test_later_items_see_what_earlier_items_of_the_batch_spend(pair: Pair) -> None:
    """Within one request the cap holds to the unit, and one nonce is given once."""

    async def story() -> None:
        keeper = await ready(pair, "w1", "w2")
        answer = await keeper.sign(
            item("w1", 0, {"bob": 600}),
            item("w2", 0, {"bob": 401}),
            item("w2", 0, {"bob": 400}, intent="fits"),
            item("w1", 1, {"bob": 1}),
            item("w2", 0, {"bob": 1}, intent="same-nonce"),
        )
        kinds = [type(one) for one in answer.items]
        assert kinds == [Signed, Declined, Signed, Declined, Declined]
        assert [one.sequence for one in answer.items if isinstance(one, Signed)] == [1, 2]

    asyncio.run(story())


def test_killed_between_commit_and_signature_then_asked_again(pair: Pair) -> None:
    """After a crash in the gap, a fresh process signs the remembered bytes and refuses any rival."""

    async def story() -> None:
        keeper = await ready(pair)
        keeper.hands.die_at = FaultPoint.KEEPER_REMEMBERED
        with pytest.raises(KilledError):
            await keeper.sign(item("w1", 0, {"bob": 5}))
        pair.close(Service.KEEPER)
        keeper = pair.open(Service.KEEPER)
        [rival] = (await keeper.sign(item("w1", 0, {"mallory": 5}, intent="rival"))).items
        assert isinstance(rival, Declined)
        [signed] = (await keeper.sign(item("w1", 0, {"bob": 5}))).items
        assert isinstance(signed, Signed)
        assert signed.sequence == 1
        assert rows(keeper) == 1

    asyncio.run(story())


def test_an_envelope_acts_once_even_across_a_restart(pair: Pair) -> None:
    """A replayed envelope is refused before and after a restart, and nothing is added."""

    async def story() -> None:
        keeper = await ready(pair)
        asked = keeper.new_envelope()
        await keeper.sign(item("w1", 0, {"bob": 5}), asked=asked)
        for _ in range(2):
            with pytest.raises(KeepcoolError, match=r"wire\.replayed"):
                await keeper.sign(item("w1", 1, {"bob": 5}), asked=asked)
            pair.close(Service.KEEPER)
            keeper = pair.open(Service.KEEPER)
        assert rows(keeper) == 1

    asyncio.run(story())


@pytest.mark.parametrize("broken", ["peer", "keystore"])
def test_nothing_is_signed_without_peer_or_keystore(pair: Pair, broken: str) -> None:
    """With the peer or the keystore away the request is Unavailable; when it is back, the same bytes are
    signed under the row that was remembered."""

    async def story() -> None:
        keeper = await ready(pair)
        await keeper.sign(item("w1", 0, {"bob": 1}))
        pair.linked, keeper.shelf.up = broken != "peer", broken != "keystore"
        with pytest.raises(Unavailable):
            await keeper.sign(item("w1", 1, {"bob": 1}))
        pair.linked = keeper.shelf.up = True
        [signed] = (await keeper.sign(item("w1", 1, {"bob": 1}))).items
        assert isinstance(signed, Signed)
        assert rows(keeper) == 2

    asyncio.run(story())


def test_one_keystore_call_names_the_rows_of_the_batch(pair: Pair) -> None:
    """A batch is one opening at the keystore, and its reference leads to the journal rows."""

    async def story() -> None:
        keeper = await ready(pair, "w1", "w2")
        await keeper.sign(item("w1", 0, {"bob": 1}), item("w2", 0, {"bob": 1}), item("w1", 1, {"bob": 1}))
        assert keeper.shelf.openings == [("journal:1-3", 2)]

    asyncio.run(story())


def test_bad_items_do_not_spoil_their_batch(pair: Pair) -> None:
    """Unreadable bytes, an unknown wallet and a draft that breaks the decoder each fail alone."""

    async def story() -> None:
        keeper = await ready(pair)
        good = item("w1", 0, {"bob": 1})
        answer = await keeper.sign(
            SignItem(intent=b"{}", draft=b""),
            item("nobody", 0, {"bob": 1}),
            SignItem(intent=item("w1", 0, {"bob": 2}, intent="b").intent, draft=b'{"breaks":true}'),
            good,
        )
        codes = [one.problem.code for one in answer.items if isinstance(one, Failure)]
        assert codes == ["intent.version", "registry.unknown", "signing.undecodable"]
        assert isinstance(answer.items[3], Signed)
        assert rows(keeper) == 1

    asyncio.run(story())


def test_an_intent_id_stands_for_one_intent(pair: Pair) -> None:
    """Other bytes under a used intent id are a conflict; the journal keeps the first."""

    async def story() -> None:
        keeper = await ready(pair)
        await keeper.sign(item("w1", 0, {"bob": 1}, intent="i"))
        [other] = (await keeper.sign(item("w1", 1, {"bob": 2}, intent="i"))).items
        assert isinstance(other, Failure)
        assert other.problem.code == "journal.intent"
        assert rows(keeper) == 1

    asyncio.run(story())


@pytest.mark.parametrize(("level", "target"), [("all", ""), ("network", "eip155:31337"), ("wallet", "w1")])
def test_a_freeze_holds_new_and_repeated_requests_until_thawed(pair: Pair, level: str, target: str) -> None:
    """Frozen, neither a new payment nor a repeat is signed, also after a restart; a thaw opens it again."""

    async def story() -> None:
        keeper = await ready(pair)
        await keeper.sign(item("w1", 0, {"bob": 1}))
        asked, clock_ms = keeper.new_envelope(), keeper.hands.at_ms
        place = {"level": level, "target": target, "reason": "drill"}
        await freeze(keeper.journal, keeper.freezes, **place, asked=asked, clock_ms=clock_ms)
        for _ in range(2):
            answer = await keeper.sign(item("w1", 0, {"bob": 1}), item("w1", 1, {"bob": 1}))
            assert [type(one) for one in answer.items] == [Declined, Declined]
            pair.close(Service.KEEPER)
            keeper = pair.open(Service.KEEPER)
        await thaw(keeper.journal, keeper.freezes, **place, by="operator", clock_ms=clock_ms)
        answer = await keeper.sign(item("w1", 0, {"bob": 1}), item("w1", 1, {"bob": 1}))
        assert [type(one) for one in answer.items] == [Signed, Signed]

    asyncio.run(story())


def test_a_clock_set_back_opens_no_window(pair: Pair) -> None:
    """The hour slides on the largest time seen; going back, or restarting, gives nothing back."""

    async def story() -> None:
        keeper = await ready(pair)
        await keeper.sign(item("w1", 0, {"bob": 1000}))
        keeper.hands.at_ms += 3_599_000
        assert isinstance((await keeper.sign(item("w1", 1, {"bob": 1}))).items[0], Declined)
        keeper.hands.at_ms -= 86_400_000
        assert isinstance((await keeper.sign(item("w1", 1, {"bob": 1}))).items[0], Declined)
        keeper.hands.at_ms += 86_400_000 + 1000
        assert isinstance((await keeper.sign(item("w1", 1, {"bob": 1000}))).items[0], Signed)
        pair.close(Service.KEEPER)
        keeper = pair.open(Service.KEEPER)
        keeper.hands.at_ms = 0
        assert isinstance((await keeper.sign(item("w1", 2, {"bob": 1}))).items[0], Declined)

    asyncio.run(story())


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "twin"])
def test_a_freeze_that_comes_while_the_keystore_is_asked_holds(
    pair: Pair, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A freeze confirmed while keys are being opened lets no signature out; the twin, which looks only
    before it asks the keystore, signs."""

    async def story() -> None:
        keeper = await ready(pair)
        place = {"level": "wallet", "target": "w1", "reason": "drill"}
        opening = keeper.shelf.unseal

        async def meanwhile(items: Sequence[tuple[Bound, bytes]], reference: str) -> list[bytes]:
            clock_ms = keeper.hands.at_ms
            await freeze(
                keeper.journal, keeper.freezes, **place, asked=keeper.new_envelope(), clock_ms=clock_ms
            )
            if not guarded:
                monkeypatch.setattr(CoSigner, "_refuse_changed", lambda *_: None)
            return await opening(items, reference)

        monkeypatch.setattr(keeper.shelf, "unseal", meanwhile)
        if guarded:
            with pytest.raises(Refused, match=r"freeze\.frozen"):
                await keeper.sign(item("w1", 0, {"bob": 1}))
        else:
            assert isinstance((await keeper.sign(item("w1", 0, {"bob": 1}))).items[0], Signed)

    asyncio.run(story())
