"""Money over real HTTP: once per Idempotency-Key, amounts that are amounts, and nothing beyond the books."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, event

from keepcool.app.books import ledger
from keepcool.app.deposits import events, records
from keepcool.app.deposits.records import Claim
from keepcool.app.deposits.records import Kind as DepositKind
from keepcool.app.keys import Scope
from keepcool.app.payouts import notes
from keepcool.core.ids import AssetId, WalletId
from tests.live.test_api_objects import credit, problem, user, wallet
from tests.unit.app.books.loopback import NETWORK
from tests.unit.app.http.running import ETH, TOKEN, Running, running

pytestmark = pytest.mark.live
RECIPIENT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
ETHER = 10**18


@dataclass
class Till:
    """A running App with one funded wallet, and a client that may pay from it."""

    app: Running
    client: httpx.Client
    wallet: WalletId

    def pay(self, key: str | None = "k-1", **changes: object) -> httpx.Response:
        body = {"wallet": self.wallet, "asset": ETH, "amount": str(ETHER), "to": RECIPIENT, **changes}
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post("/v1/withdrawals", json=body, headers=headers)

    def held(self) -> int:
        return self.app.store.transact(lambda tx: ledger.balance(tx, f"held:{self.wallet}", AssetId(ETH)))

    def owed(self) -> int:
        return self.app.store.transact(lambda tx: ledger.balance(tx, f"owed:{self.wallet}", AssetId(ETH)))


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    with running(tmp_path) as app:
        client = app.client(Scope.READ, Scope.USERS, Scope.WALLETS, Scope.WITHDRAW)
        made = WalletId(wallet(client, user(client))["id"])
        credit(app, "d", made, 10 * ETHER)
        yield Till(app, client, made)


def test_a_withdrawal_holds_its_amount_at_once(till: Till) -> None:
    """The answer is the order, the amount is held, the engine is woken, and it can be read again."""
    answer = till.pay(external_id="order-7", metadata={"memo": "rent"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["state"], made["amount"], made["external_id"]) == ("requested", str(ETHER), "order-7")
    assert (till.held(), till.owed(), till.app.engine.woken) == (ETHER, 9 * ETHER, 1)
    assert till.client.get(f"/v1/withdrawals/{made['id']}").json() == made
    assert till.client.get("/v1/withdrawals", params={"external_id": "order-7"}).json()["items"] == [made]


def test_the_same_request_again_is_the_same_answer_byte_for_byte(till: Till) -> None:
    """A repetition gives status and body of the first answer, marked as replayed, and holds nothing."""
    first = till.pay()
    cancelled = f"/v1/withdrawals/{first.json()['id']}/cancel"
    till.client.post(cancelled, headers={"Idempotency-Key": "c"})  # the world has moved on since
    again = till.pay()
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert till.held() == 0


def test_the_same_key_for_another_request_is_refused(till: Till) -> None:
    """Another body, or another path, under a used key is a 409 and moves nothing."""
    made = till.pay().json()["id"]
    problem(till.pay(amount="5"), 409, "idempotency.key_reused")
    cancelled = till.client.post(f"/v1/withdrawals/{made}/cancel", headers={"Idempotency-Key": "k-1"})
    problem(cancelled, 409, "idempotency.key_reused")
    assert till.held() == ETHER


def test_a_key_belongs_to_its_api_key(till: Till) -> None:
    """Two callers may choose the same Idempotency-Key without meeting each other."""
    till.pay()
    other = till.app.client(Scope.WITHDRAW)
    body = {"wallet": till.wallet, "asset": ETH, "amount": "7", "to": RECIPIENT}
    answer = other.post("/v1/withdrawals", json=body, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 201
    assert till.held() == ETHER + 7


def test_duplicates_that_arrive_together_pay_once(till: Till) -> None:
    """Sixteen equal requests at once: one order, sixteen equal answers."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: till.pay(), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (len(till.client.get("/v1/withdrawals").json()["items"]), till.held()) == (1, ETHER)


def test_without_the_header_every_duplicate_would_be_an_order(till: Till) -> None:
    """The twin: under keys of their own the same sixteen requests hold as often as the balance allows."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: till.pay(f"own-{number}"), range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 6
    assert (till.held(), till.owed()) == (10 * ETHER, 0)


def test_a_decision_against_the_caller_is_an_answer_too(till: Till) -> None:
    """Over the balance is a 409 with both numbers, and stays it under its key even when funded later."""
    refused = till.pay(amount=str(11 * ETHER))
    told = problem(refused, 409, "withdrawal.balance")
    assert f"{10 * ETHER} base units available, {11 * ETHER} asked for" in told["detail"]
    credit(till.app, "more", till.wallet, 10 * ETHER)
    again = till.pay(amount=str(11 * ETHER))
    assert (again.status_code, again.content) == (409, refused.content)
    assert again.headers["content-type"] == "application/problem+json"
    assert till.held() == 0
    assert till.pay("k-2", amount=str(11 * ETHER)).status_code == 201


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("zero", {"amount": "0"}, "amount.zero"),
        ("negative", {"amount": "-1"}, "amount.negative"),
        ("a fraction", {"amount": "1.5"}, "amount.form"),
        ("an exponent", {"amount": "1e18"}, "amount.form"),
        ("a sign", {"amount": "+1"}, "amount.form"),
        ("hexadecimal", {"amount": "0x10"}, "amount.form"),
        ("leading zeros", {"amount": "01"}, "amount.form"),
        ("other digits", {"amount": "١"}, "amount.form"),
        ("empty", {"amount": ""}, "amount.form"),
        ("a JSON integer", {"amount": 1}, "amount.type"),
        ("a JSON float", {"amount": 1.0}, "amount.type"),
        ("null", {"amount": None}, "amount.type"),
        ("2**256", {"amount": str(2**256)}, "amount.range"),
        ("a thousand digits", {"amount": "9" * 999}, "amount.range"),
        ("an unlisted asset", {"asset": "eip155:31337/erc20:0x" + "11" * 20}, "asset.unknown"),
        ("an asset elsewhere", {"asset": "eip155:1/slip44:60"}, "asset.unknown"),
        ("a wrong checksum", {"to": RECIPIENT[:-1] + "D"}, "address.checksum"),
        ("no checksum", {"to": RECIPIENT.lower()}, "address.checksum"),
        (
            "another network's address",
            {"to": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
            "address.network",
        ),
        ("not an address", {"to": "0x12"}, "address.form"),
        ("nobody's address", {"to": "0x" + "00" * 20}, "address.reserved"),
        ("an unknown field", {"gas": "1"}, "request.unknown_field"),
        ("a fee of zero", {"fee_max": "0"}, "amount.zero"),
    ],
)
def test_refuses_what_cannot_be_paid_and_holds_nothing(
    till: Till, name: str, change: dict[str, Any], code: str
) -> None:
    """Each bad withdrawal is a 422 with a code of its own, and the books stay as they were."""
    problem(till.pay(**change), 422, code)
    assert (till.held(), till.owed()) == (0, 10 * ETHER), name


def test_refuses_money_without_a_key_or_a_wallet(till: Till) -> None:
    """No Idempotency-Key is a 400, an unknown wallet a 404, a key without the scope a 403."""
    problem(till.pay(None), 400, "idempotency.missing")
    problem(till.pay(wallet="wal_nothing"), 404, "wallet.not_found")
    body = {"wallet": till.wallet, "asset": ETH, "amount": "1", "to": RECIPIENT}
    reader = till.app.client(Scope.READ)
    answer = reader.post("/v1/withdrawals", json=body, headers={"Idempotency-Key": "k"})
    problem(answer, 403, "auth.scope")
    assert till.held() == 0


def test_a_quote_moves_nothing(till: Till) -> None:
    """A quote names the fee and its bound in the native asset, and holds nothing."""
    body = {"wallet": till.wallet, "asset": TOKEN, "amount": "5", "to": RECIPIENT}
    quoted = till.client.post("/v1/withdrawals/quote", json=body).json()
    bound = till.app.parts.settings.networks[NETWORK].fees.withdrawal_fee_max
    assert quoted == {"fee_asset": ETH, "fee_expected": "100", "fee_max": bound}
    problem(till.client.post("/v1/withdrawals/quote", json=body | {"to": "0x12"}), 422, "address.form")
    assert till.held() == 0


def test_cancelling_gives_the_amount_back_once(till: Till) -> None:
    """A cancelled withdrawal's amount is available again; the same cancel again changes nothing."""
    made = till.pay().json()["id"]
    for _ in range(2):
        answer = till.client.post(f"/v1/withdrawals/{made}/cancel", headers={"Idempotency-Key": "c"})
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert (till.held(), till.owed()) == (0, 10 * ETHER)
    missing = till.client.post("/v1/withdrawals/wd_0/cancel", headers={"Idempotency-Key": "d"})
    problem(missing, 404, "withdrawal.not_found")


def test_a_transfer_pays_to_an_address_both_signers_attested(till: Till) -> None:
    """The other wallet's verified address becomes the recipient; to itself a wallet cannot transfer."""
    target = wallet(till.client, user(till.client))
    body = {"from_wallet": till.wallet, "to_wallet": target["id"], "asset": ETH, "amount": "3"}
    answer = till.client.post("/v1/transfers", json=body, headers={"Idempotency-Key": "t"})
    assert (answer.status_code, answer.json()["to"]) == (201, target["address"])
    assert till.client.get("/v1/transfers").json()["items"] == [answer.json()]
    itself = body | {"to_wallet": till.wallet}
    refused = till.client.post("/v1/transfers", json=itself, headers={"Idempotency-Key": "u"})
    problem(refused, 422, "withdrawal.to_itself")
    assert till.held() == 3


def test_deposits_and_lookup_find_what_is_known(till: Till) -> None:
    """A deposit is listed, and found by its transaction and by its wallet's address."""
    address = till.client.get(f"/v1/wallets/{till.wallet}").json()["address"]
    claim = Claim(
        network=NETWORK,
        wallet=till.wallet,
        asset=AssetId(ETH),
        kind=DepositKind.TRANSACTION,
        sender=RECIPIENT,
        transaction="aa" * 32,
        position=0,
        block_number=5,
        block_hash="bb" * 32,
        units=2**70,
    )
    till.app.store.transact(lambda tx: records.add(tx, claim, 1))
    (listed,) = till.client.get("/v1/deposits", params={"wallet": till.wallet}).json()["items"]
    assert (listed["amount"], listed["symbol"], listed["state"]) == (str(2**70), "ETH", "pending")
    assert (listed["credited"], listed["transaction"]) == ("0", "0x" + "aa" * 32)
    by_address = till.client.get("/v1/lookup", params={"address": address}).json()
    assert [one["id"] for one in by_address["wallets"]] == [till.wallet]
    assert by_address["deposits"] == [listed]
    by_tx = till.client.get("/v1/lookup", params={"tx": listed["transaction"]}).json()
    assert (by_tx["deposits"], by_tx["wallets"]) == ([listed], [])
    assert till.client.get("/v1/lookup", params={"address": RECIPIENT}).json()["deposits"] == []
    problem(till.client.get("/v1/lookup"), 422, "lookup.query")


def test_purses_are_shown_with_what_they_paid(till: Till) -> None:
    """A purse not yet seen on chain says so with null."""
    (purse,) = till.client.get("/v1/purses").json()["items"]
    assert (purse["booked"], purse["on_chain"], purse["fees_paid"]) == ("5", None, "2")


def test_a_full_database_is_a_503_and_loses_nothing(till: Till) -> None:
    """When no page can be added the order is not taken; the same key works once there is room."""

    most = [1]  # SQLite takes the present size instead: full from now on

    def bounded(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most[0]}").all()

    event.listen(till.app.store._engine, "begin", bounded)  # the bound is each connection's own
    filled = [till.pay(f"k-{number}", metadata={"note": "x" * 500}, amount="1") for number in range(40)]
    assert filled[-1].status_code == 503
    problem(filled[-1], 503, "books.failed")
    taken = sum(answer.status_code == 201 for answer in filled)
    assert till.held() == taken
    most[0] = 2**30
    assert till.pay("k-39", metadata={"note": "x" * 500}, amount="1").status_code == 201
    assert till.held() == taken + 1
    assert till.app.store.transact(ledger.check_books) == []


def test_an_admin_stops_and_releases_a_withdrawal(till: Till) -> None:
    """A frozen withdrawal says why and keeps its hold; thawed it is as it was."""
    made = till.pay().json()["id"]
    admin = till.app.client(Scope.ADMIN)
    path = f"/v1/withdrawals/{made}"
    problem(till.client.post(f"{path}/freeze", json={"reason": "asked by phone"}), 403, "auth.scope")
    frozen = admin.post(f"{path}/freeze", json={"reason": "asked by phone"}).json()
    assert (frozen["state"], frozen["reason"], till.held()) == ("frozen", "asked by phone", ETHER)
    assert admin.post(f"{path}/thaw").json()["state"] == "requested"
    problem(admin.post(f"{path}/thaw"), 409, "withdrawal.transition")


def test_alarms_and_notes_are_listed(till: Till) -> None:
    """What the follower found freezes until a person thaws it; what payouts told is read beside it."""

    def work(tx: Connection) -> None:
        events.record(
            tx,
            key="k",
            at_ms=1,
            network=NETWORK,
            code="deposit.reversed",
            text="gone",
            wallet=till.wallet,
            freezes=events.Freezes.WALLET,
        )
        notes.note(tx, at_ms=1, kind="purse.low", network=NETWORK, subject="0x", text="top up")

    till.app.store.transact(work)
    (event,) = till.client.get("/v1/alarms").json()["items"]
    assert (event["code"], event["freezes"], event["thawed_at_ms"]) == ("deposit.reversed", "wallet", None)
    thaw = f"/v1/alarms/{event['number']}/thaw"
    problem(till.client.post(thaw), 403, "auth.scope")
    assert till.app.client(Scope.ADMIN).post(thaw).json()["thawed_at_ms"] is not None
    assert till.client.get("/v1/notes").json()["items"][0]["kind"] == "purse.low"
