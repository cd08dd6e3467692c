"""The controls over real HTTP: roles, suspensions, limits, dust, corrections, and what one key cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import msgspec
import pytest

from keepcool.adapters.system.clock import SystemEntropy
from keepcool.app.books import dust, ledger
from keepcool.app.controls import keyed
from keepcool.app.controls.keyed import Limits
from keepcool.app.controls.settings import LimitSettings
from keepcool.app.deposits import records
from keepcool.app.deposits.records import Claim, State
from keepcool.app.deposits.records import Kind as DepositKind
from keepcool.app.keys import Scope
from keepcool.client.api import Client
from keepcool.client.attested import Pins
from keepcool.client.controls import NewCorrection
from keepcool.core.errors import KeepcoolError
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.parties import Service
from tests.live.test_api_objects import credit, problem, user, wallet
from tests.unit.app.books.loopback import NETWORK
from tests.unit.app.http.running import ETH, TOKEN, Running, running, settings

pytestmark = pytest.mark.live
RECIPIENT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
ETHER = 10**18
_NUMBERS = count()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("controls")
    usual = settings(folder)
    table = usual.networks[NETWORK]
    eth = msgspec.structs.replace(table.assets[0], withdrawal_min="1000", withdrawal_max=str(5 * ETHER))
    bounded = msgspec.structs.replace(table, assets=[eth, table.assets[1]])
    limits = LimitSettings(trusted_proxies=("127.0.0.0/8",))
    chosen = msgspec.structs.replace(usual, networks={NETWORK: bounded}, limits=limits)
    with running(folder, chosen) as made:
        yield made


@pytest.fixture(scope="module")
def maker(app: Running) -> httpx.Client:
    return app.client(Scope.READ, Scope.USERS, Scope.WALLETS, Scope.WITHDRAW)


class Purse:
    """A user with a funded wallet."""

    def __init__(self, app: Running, client: httpx.Client) -> None:
        self.app, self.client = app, client
        self.user = user(client)
        self.wallet = WalletId(wallet(client, self.user)["id"])
        credit(app, f"d{self.wallet}", self.wallet, 10 * ETHER)

    def pay(self, client: httpx.Client | None = None, **changes: object) -> httpx.Response:
        body = {"wallet": self.wallet, "asset": ETH, "amount": str(ETHER), "to": RECIPIENT, **changes}
        headers = {"Idempotency-Key": f"k-{next(_NUMBERS)}"}
        return (client or self.client).post("/v1/withdrawals", json=body, headers=headers)

    def held(self) -> int:
        return self.app.store.transact(lambda tx: ledger.balance(tx, f"held:{self.wallet}", AssetId(ETH)))


@pytest.fixture
def purse(app: Running, maker: httpx.Client) -> Purse:
    return Purse(app, maker)


def limited(app: Running, limits: Limits, *scopes: Scope) -> httpx.Client:
    """A client by a key of its own limits."""
    name, entropy = f"limited-{next(_NUMBERS)}", SystemEntropy()
    _, text = app.store.transact(
        lambda tx: keyed.make(
            tx, name=name, scopes=frozenset(scopes), limits=limits, now_ms=1, entropy=entropy
        )
    )
    client = app.client()
    client.headers["Authorization"] = f"Bearer {text}"
    return client


def test_amounts_have_bounds_and_the_refusal_names_them(purse: Purse) -> None:
    """Below the least and above the most: both are told, nothing is held, and the assets show them."""
    told = problem(purse.pay(amount="999"), 422, "withdrawal.below_min")
    assert "at least 1000 base units" in told["detail"]
    told = problem(purse.pay(amount=str(5 * ETHER + 1)), 422, "withdrawal.above_max")
    assert f"at most {5 * ETHER} base units" in told["detail"]
    assert purse.held() == 0
    assert purse.pay(amount=str(5 * ETHER)).status_code == 201
    listed = purse.client.get("/v1/assets").json()["items"]
    assert [(one["withdrawal_min"], one["withdrawal_max"]) for one in listed] == [
        ("1000", str(5 * ETHER)), ("1", None),
    ]  # fmt: skip


def test_a_suspended_user_gets_nothing_out_and_no_new_address(app: Running, purse: Purse) -> None:
    """Each call has its code; the user shows why; what waited goes on when he is resumed."""
    support = app.client(Scope.SUPPORT)
    waiting = purse.pay().json()["id"]
    body = {"kind": "user", "subject": purse.user, "reason": "card fraud"}
    assert support.post("/v1/suspensions", json=body).status_code == 201
    problem(purse.pay(), 409, "user.suspended")
    made = purse.client.post(f"/v1/users/{purse.user}/wallets", json={"network": NETWORK})
    problem(made, 409, "user.suspended")
    assert purse.client.get(f"/v1/users/{purse.user}").json()["suspended"] == "card fraud"
    everybody = purse.client.get("/v1/users?limit=200").json()["items"]
    assert [one["id"] for one in everybody if one["suspended"]] == [purse.user]
    assert purse.client.get(f"/v1/withdrawals/{waiting}").json()["state"] == "requested"
    credit(app, f"more{purse.wallet}", purse.wallet, 5)  # what comes in is his
    woken = app.engine.woken
    ended = support.post("/v1/suspensions/resume", json={**body, "reason": "it was his"})
    assert (ended.json()["ended_reason"], app.engine.woken) == ("it was his", woken + 1)
    assert purse.pay().status_code == 201


def test_a_whole_asset_or_network_takes_an_admin(app: Running, purse: Purse) -> None:
    """Support stops a user, an admin all of them; assets and networks show why."""
    support, admin = app.client(Scope.SUPPORT), app.client(Scope.ADMIN)
    for kind, subject, path in (("asset", ETH, "assets"), ("network", NETWORK, "networks")):
        body = {"kind": kind, "subject": subject, "reason": "the chain is split", "deposits": "hold"}
        problem(support.post("/v1/suspensions", json=body), 403, "auth.scope")
        assert admin.post("/v1/suspensions", json=body).status_code == 201
        problem(purse.pay(), 409, f"{kind}.suspended")
        shown = purse.client.get(f"/v1/{path}").json()["items"]
        assert [one["suspended"] for one in shown if one[kind] == subject] == ["the chain is split"]
        del body["deposits"]
        problem(support.post("/v1/suspensions/resume", json=body), 403, "auth.scope")
        assert admin.post("/v1/suspensions/resume", json=body).status_code == 200
    unknown = {"kind": "asset", "subject": "eip155:1/slip44:60", "reason": "x"}
    problem(admin.post("/v1/suspensions", json=unknown), 422, "asset.unknown")
    assert purse.pay().status_code == 201


def test_a_key_that_asks_too_much_is_told_when_to_come_again(app: Running) -> None:
    """429 with Retry-After; limit and rest stand in the headers of every answer; other keys are served."""
    client = limited(app, Limits(requests_per_s=1, requests_burst=3), Scope.READ)
    first = client.get("/v1/users")
    assert (first.status_code, first.headers["ratelimit-limit"]) == (200, "3")
    assert first.headers["ratelimit-policy"] == "3;w=3"
    last = first
    for _ in range(20):
        last = client.get("/v1/users")
        if last.status_code == 429:
            break
    problem(last, 429, "rate.requests")
    assert (int(last.headers["retry-after"]) >= 1, last.headers["ratelimit-remaining"]) == (True, "0")
    assert app.client(Scope.READ).get("/v1/users").status_code == 200


def test_payments_a_minute_are_counted_and_not_forgotten(app: Running, purse: Purse) -> None:
    """The third is a 429 that holds nothing and is no answer for ever; a replay costs nothing."""
    client = limited(app, Limits(withdrawals_per_minute=2), Scope.WITHDRAW)
    headers = {"Idempotency-Key": "again"}
    body = {"wallet": purse.wallet, "asset": ETH, "amount": "5000", "to": RECIPIENT}
    for _ in range(3):
        assert client.post("/v1/withdrawals", json=body, headers=headers).status_code == 201
    assert purse.pay(client, amount="5000").status_code == 201
    late = {"Idempotency-Key": "late"}
    refused = client.post("/v1/withdrawals", json=body, headers=late)
    problem(refused, 429, "rate.withdrawals")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert purse.held() == 10_000
    app.store.transact(lambda tx: tx.exec_driver_sql("UPDATE api_key_payment SET at_ms = at_ms - 60000"))
    assert client.post("/v1/withdrawals", json=body, headers=late).status_code == 201


def test_a_key_is_used_from_its_networks_alone(app: Running) -> None:
    """The proxy says who calls; who is elsewhere is refused, whatever he writes before it."""
    client = limited(app, Limits(networks=("192.0.2.0/24",), requests_per_s=1, requests_burst=1), Scope.READ)
    for header in ("203.0.113.5", "192.0.2.1, 203.0.113.5"):
        answer = client.get("/v1/users", headers={"X-Forwarded-For": header})
        problem(answer, 403, "auth.address")
    problem(client.get("/v1/users", headers={"X-Forwarded-For": "nobody"}), 400, "auth.forwarded")
    problem(client.get("/v1/users"), 403, "auth.address")
    good = client.get("/v1/users", headers={"X-Forwarded-For": "203.0.113.5, 192.0.2.7"})
    assert good.status_code == 200  # and what was refused before has not worn the key out


def test_dust_is_credited_by_hand(app: Running, purse: Purse) -> None:
    """Below the least it lies on the books as dust; an accountant gives it to its owner, once."""
    claim = Claim(
        NETWORK, purse.wallet, AssetId(TOKEN), DepositKind.TRANSFER, RECIPIENT, "ab" * 32, 0, 5, "cd" * 32, 7
    )

    def work(tx: Any) -> str:
        one = records.add(tx, claim, 1)
        dust.credit_dust(tx, [(one.ledger_name, purse.wallet, 7)], AssetId(TOKEN), 1)
        records.decide(tx, one, State.DUST, 1, confirmed=7, posted=True)
        return one.id

    name = app.store.transact(work)
    balances = f"/v1/wallets/{purse.wallet}/balances"
    token = next(one for one in purse.client.get(balances).json()["items"] if one["asset"] == TOKEN)
    assert (token["dust"], token["available"], token["total"]) == ("7", "0", "7")
    assert [one["id"] for one in purse.client.get("/v1/deposits?state=dust").json()["items"]] == [name]
    body = {"reason": "he asked for it"}
    problem(purse.client.post(f"/v1/deposits/{name}/credit", json=body), 403, "auth.scope")
    books = app.client(Scope.ACCOUNTANT)
    for _ in range(2):
        answer = books.post(f"/v1/deposits/{name}/credit", json=body)
        assert (answer.json()["state"], answer.json()["credited"]) == ("credited", "7")
    token = next(one for one in purse.client.get(balances).json()["items"] if one["asset"] == TOKEN)
    assert (token["dust"], token["available"]) == ("0", "7")


def client_of(app: Running, *scopes: Scope) -> Client:
    keys = {peer.service: peer.attestation_key or b"" for peer in app.signers.peers}
    text = app.client(*scopes).headers["Authorization"].removeprefix("Bearer ")
    return Client(app.url, text, Pins(keys[Service.KEEPER], keys[Service.COOLER]))


def test_a_correction_takes_two_accountants(app: Running, purse: Purse) -> None:
    """By the client: the first cannot approve, the second can, once; all of it is listed and exported."""
    anna, boris = app.client(Scope.ACCOUNTANT), app.client(Scope.ACCOUNTANT)
    body = {
        "source": f"owed:{purse.wallet}", "target": f"house:{purse.wallet}", "asset": ETH, "amount": "5",
        "reason": "=cmd|' /C calc'!A0", "reference": "T-1", "person": "Anna",
    }  # fmt: skip
    made = anna.post("/v1/corrections", json=body, headers={"Idempotency-Key": "c1"})
    assert made.status_code == 201, made.text
    path, digest = f"/v1/corrections/{made.json()['id']}", made.json()["digest"]
    alone = anna.post(f"{path}/approve", json={"digest": digest, "person": "Boris"})
    problem(alone, 403, "correction.same_person")
    same = boris.post(f"{path}/approve", json={"digest": digest, "person": "anna"})
    problem(same, 403, "correction.same_person")
    other = boris.post(f"{path}/approve", json={"digest": "0" * 64, "person": "Boris"})
    problem(other, 409, "correction.changed")
    done = boris.post(f"{path}/approve", json={"digest": digest, "person": "Boris"})
    assert done.json()["state"] == "applied"
    auditor = app.client(Scope.AUDITOR)
    assert auditor.get("/v1/corrections?state=applied").json()["items"][0] == done.json()
    assert "'=cmd" in auditor.get("/v1/corrections/export").text
    assert auditor.get("/v1/books/check").json()["balanced"]


def test_the_typed_client_speaks_the_same(app: Running, purse: Purse) -> None:
    """Suspend, resume, propose, reject and list by `client.controls`."""
    with client_of(app, Scope.ADMIN) as client:
        held = client.controls.suspend("user", purse.user, "a test")
        assert client.controls.suspensions()[0] == held
        assert client.controls.resume("user", purse.user, "over").ended_reason == "over"
        new = NewCorrection(
            source=f"owed:{purse.wallet}", target=f"house:{purse.wallet}", asset=ETH, units=3,
            reason="a test", reference="T-2", person="Anna",
        )  # fmt: skip
        made = client.controls.propose(new)
        with pytest.raises(KeepcoolError, match="another person"):
            client.controls.approve(made.id, made.digest, "Boris")
        assert client.controls.reject(made.id, "Anna", "not needed").state == "rejected"
        assert client.controls.correction(made.id) in client.controls.corrections(state="rejected")


def test_one_key_does_not_take_all_streams(app: Running) -> None:
    """The attack: an ordinary reader opens streams without end; others still get theirs."""
    greedy, opened = app.client(Scope.READ), list[httpx.Response]()
    while not opened or opened[-1].status_code == 200:
        assert len(opened) < app.parts.settings.events.subscribers_max
        asked = greedy.build_request("GET", "/v1/events/stream")
        opened.append(greedy.send(asked, stream=True))
    assert opened[-1].status_code == 503
    with app.client(Scope.READ).stream("GET", "/v1/events/stream") as answer:
        assert answer.status_code == 200
    for one in opened:
        one.close()


WHAT_EACH_MAY = {
    Scope.READ: {"GET"},
    Scope.USERS: {"POST /v1/users"},
    Scope.WALLETS: {
        "POST /v1/users/{user}/wallets", "POST /v1/wallets", "POST /v1/wallets/{wallet}/addresses",
        "POST /v1/wallets/{wallet}/rekey", "PUT /v1/wallets/{wallet}/request-key",
    },
    Scope.WITHDRAW: {
        "POST /v1/withdrawals", "POST /v1/transfers", "POST /v1/withdrawals/{withdrawal}/cancel",
        "POST /v1/withdrawals/{withdrawal}/evidence", "POST /v1/withdrawals/{withdrawal}/link",
        "POST /v1/wallets/{wallet}/request-key",
    },
    Scope.SUPPORT: {
        "POST /v1/suspensions", "POST /v1/suspensions/resume", "POST /v1/withdrawals/{withdrawal}/freeze",
    },
    Scope.ACCOUNTANT: {
        "POST /v1/deposits/{deposit}/credit", "POST /v1/corrections",
        "POST /v1/corrections/{correction}/approve", "POST /v1/corrections/{correction}/reject",
    },
}  # fmt: skip
ASKS_ONLY = {"POST /v1/withdrawals/quote"}  # moves nothing: whoever may read may ask
_LINKED = "/v1/signing"


@pytest.mark.parametrize("scope", [one for one in Scope if one is not Scope.ADMIN])
def test_an_ordinary_key_changes_what_its_scope_names_and_nothing_else(app: Running, scope: Scope) -> None:
    """The attack: one stolen key, tried at every call of the API; whatever it may not is auth.scope."""
    client, opened = app.client(scope), set[str]()
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        if not path.startswith("/v1/") or path.startswith(_LINKED):
            continue
        for method in methods:
            if method == "get":
                continue
            answer = client.request(method, path.replace("{", "").replace("}", ""), json={})
            if answer.status_code != 403 or answer.json()["code"] != "auth.scope":
                opened.add(f"{method.upper()} {path}")
    reads = ASKS_ONLY if scope in (Scope.READ, Scope.SUPPORT, Scope.AUDITOR, Scope.ACCOUNTANT) else set()
    assert opened == (WHAT_EACH_MAY.get(scope, set()) - {"GET"}) | reads


def test_a_reader_reads_all_but_what_auditors_and_admins_see(app: Running) -> None:
    """Webhook secrets, the house's statement and corrections are not for every reader."""
    client, closed = app.client(Scope.READ), set[str]()
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        skipped = path.startswith(_LINKED) or path.endswith("/stream") or not path.startswith("/v1/")
        if "get" in methods and not skipped:
            answer = client.get(path.replace("{", "").replace("}", ""))
            if answer.status_code == 403:
                closed.add(path)
    assert closed == {
        "/v1/books/check", "/v1/corrections", "/v1/corrections/export", "/v1/corrections/{correction}",
        "/v1/statement", "/v1/webhooks", "/v1/webhooks/{webhook}", "/v1/webhooks/{webhook}/dead",
    }  # fmt: skip
