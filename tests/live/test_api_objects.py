"""Users, wallets, balances and entries over real HTTP: what is answered, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from keepcool.app.books import ledger, registry
from keepcool.app.keys import Scope
from keepcool.client.attested import Pins, believed
from keepcool.core.ids import AssetId, WalletId
from keepcool.core.parties import Service
from tests.unit.app.books.loopback import NETWORK
from tests.unit.app.http.running import BODY_BYTES_MAX, ETH, TOKEN, Running, running

pytestmark = pytest.mark.live


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as made:
        yield made


@pytest.fixture
def client(app: Running) -> httpx.Client:
    return app.client(Scope.READ, Scope.USERS, Scope.WALLETS)


def user(client: httpx.Client, **body: object) -> str:
    answer = client.post("/v1/users", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def wallet(client: httpx.Client, owner: str, **body: object) -> dict[str, Any]:
    answer = client.post(f"/v1/users/{owner}/wallets", json={"network": NETWORK, **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def credit(app: Running, name: str, to: WalletId, units: int) -> None:
    app.store.transact(
        lambda tx: ledger.credit_deposit(
            tx, deposit=name, wallet=to, asset=AssetId(ETH), units=units, at_ms=1
        )
    )


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert (told["code"], told["status"]) == (code, status)
    assert told["type"].endswith(code)
    assert told["title"]
    assert told["detail"]
    return told


def test_an_address_comes_with_what_a_client_needs_to_believe_it(app: Running, client: httpx.Client) -> None:
    """The record's bytes and both attestations verify under the two pinned keys, as the client does it."""
    made = wallet(client, user(client), external_id="w-1", metadata={"for": "rent"})
    keys = {peer.service: peer.attestation_key or b"" for peer in app.signers.peers}
    pins = Pins(keys[Service.KEEPER], keys[Service.COOLER])
    attestations = {by: base64.b64decode(one) for by, one in made["attestations"].items()}
    record = believed(pins, base64.b64decode(made["record_bytes"]), attestations)
    assert (record.address, record.wallet) == (made["address"], made["id"])
    assert client.get(f"/v1/wallets/{made['id']}").json() == made


def test_the_same_external_id_is_the_same_object(client: httpx.Client) -> None:
    """Asking again gives the same user and wallet; the same name for something else is a 409."""
    owner = user(client, external_id="u-1", metadata={"a": "1"})
    assert user(client, external_id="u-1", metadata={"a": "1"}) == owner
    problem(client.post("/v1/users", json={"external_id": "u-1"}), 409, "user.external_id_used")
    made = wallet(client, owner, external_id="w-1")
    assert wallet(client, owner, external_id="w-1") == made
    again = client.post(
        f"/v1/users/{owner}/wallets", json={"network": NETWORK, "external_id": "w-1", "metadata": {"b": "2"}}
    )
    problem(again, 409, "wallet.external_id_used")


def test_an_idempotency_key_makes_one_object(client: httpx.Client) -> None:
    """Under one Idempotency-Key a user or wallet is made once; another body is a 409."""
    key = {"Idempotency-Key": "k-1"}
    first, again = (client.post("/v1/users", json={}, headers=key).json()["id"] for _ in range(2))
    assert first == again
    other = client.post("/v1/users", json={"metadata": {"x": "y"}}, headers=key)
    problem(other, 409, "idempotency.key_reused")
    path, body = f"/v1/users/{first}/wallets", {"network": NETWORK}
    one, two = (client.post(path, json=body, headers=key).json()["id"] for _ in range(2))
    assert one == two


def test_a_batch_is_issued_in_order(client: httpx.Client) -> None:
    """A hundred wallets in one call, one outcome each; a hundred and one are refused."""
    owner = user(client)
    wanted = [{"user": owner, "network": NETWORK, "external_id": f"w-{n}"} for n in range(101)]
    answer = client.post("/v1/wallets", json={"wallets": wanted[:100]})
    names = [item["wallet"]["external_id"] for item in answer.json()["items"]]
    assert names == [f"w-{n}" for n in range(100)]
    problem(client.post("/v1/wallets", json={"wallets": wanted}), 422, "request.invalid")


def test_a_signer_that_is_down_is_a_503_and_asking_again_completes(
    app: Running, client: httpx.Client
) -> None:
    """While a signer is away no address is shown; the same request later gives the wallet."""
    owner = user(client)
    app.signers.lines.down = {"cooler"}
    body = {"network": NETWORK, "external_id": "w-1"}
    answer = client.post(f"/v1/users/{owner}/wallets", json=body)
    problem(answer, 503, "bus.no_answer")
    assert answer.headers["retry-after"]
    (waiting,) = client.get("/v1/wallets").json()["items"]
    assert (waiting["status"], waiting["address"], waiting["attestations"]) == ("issuing", None, {})
    app.signers.lines.down = set()
    assert wallet(client, owner, external_id="w-1")["id"] == waiting["id"]


def test_an_edited_address_is_not_served(app: Running, client: httpx.Client) -> None:
    """When somebody edits the address in App's database, the API answers 500 and shows no address."""
    made = wallet(client, user(client))
    forged = "0x" + "66" * 20
    app.store.transact(lambda tx: tx.execute(registry.wallet.update().values(address=forged)))
    for path in (f"/v1/wallets/{made['id']}", "/v1/wallets"):
        answer = client.get(path)
        problem(answer, 500, "wallet.row_differs")
        assert forged not in answer.text


def test_lists_are_paged_by_opaque_cursors(client: httpx.Client) -> None:
    """Pages follow each other without a gap; a foreign or broken cursor is refused."""
    made = [user(client, external_id=f"u-{n}") for n in range(5)]
    seen, cursor = [], ""
    while True:
        page = client.get("/v1/users", params={"limit": 2, "cursor": cursor}).json()
        seen += [one["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert sorted(seen) == sorted(made)
    assert len(seen) == 5
    problem(client.get("/v1/wallets", params={"cursor": cursor}), 422, "cursor.form")
    problem(client.get("/v1/users", params={"cursor": "!!!"}), 422, "cursor.form")
    problem(client.get("/v1/users", params={"limit": 0}), 422, "request.invalid")
    problem(client.get("/v1/users", params={"limit": 201}), 422, "request.invalid")
    problem(client.get("/v1/users", params={"offset": 3}), 422, "request.unknown_field")


def test_balances_and_entries_tell_the_ledger(app: Running, client: httpx.Client) -> None:
    """Balances are the ledger's, above 64 bits too, with every listed asset; entries add up to them."""
    owner = user(client)
    first, second = (WalletId(wallet(client, owner)["id"]) for _ in range(2))
    amount = 30 * 10**18
    credit(app, "d1", first, amount)
    credit(app, "d2", second, amount)
    app.store.transact(
        lambda tx: ledger.hold(tx, withdrawal="w", wallet=first, asset=AssetId(ETH), units=10**18, at_ms=2)
    )
    of_wallet = {one["asset"]: one for one in client.get(f"/v1/wallets/{first}/balances").json()["items"]}
    assert of_wallet[ETH]["available"] == str(29 * 10**18)
    assert (of_wallet[ETH]["held"], of_wallet[ETH]["total"]) == (str(10**18), str(amount))
    assert of_wallet[TOKEN]["total"] == "0"
    of_user = {one["asset"]: one for one in client.get(f"/v1/users/{owner}/balances").json()["items"]}
    assert of_user[ETH]["total"] == str(2 * amount)
    page = client.get("/v1/entries", params={"user": owner, "asset": ETH, "limit": 200}).json()
    coins = sum(
        int(one["amount"]) * (1 if one["side"] == "debit" else -1)
        for one in page["items"]
        if one["account"].startswith("coins:")
    )
    assert coins == 2 * amount
    newest = client.get("/v1/entries", params={"order": "desc", "limit": 1}).json()["items"][0]
    assert newest["kind"] == "hold"
    assert app.client(Scope.ADMIN).get("/v1/books/check").json() == {"balanced": True, "differences": []}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/users", {"name": "x"}, 422, "request.unknown_field"),
        ("/v1/users", {"metadata": {"a": 1}}, 422, "request.invalid"),
        ("/v1/users", {"metadata": {"k": "x" * 501}}, 422, "metadata.size"),
        ("/v1/users", {"metadata": {str(n): "x" for n in range(31)}}, 422, "metadata.size"),
        ("/v1/users", {"external_id": "with space"}, 422, "request.invalid"),
        ("/v1/users", [], 422, "request.invalid"),
        ("/v1/users/nobody/wallets", {"network": NETWORK}, 404, "user.not_found"),
        ("/v1/users/nobody/wallets", {}, 422, "request.missing_field"),
        ("/v1/users/nobody/wallets", {"network": "eip155:1"}, 422, "network.unknown"),
        ("/v1/users", {"external_id": "x" * 2 * BODY_BYTES_MAX}, 413, "request.too_large"),
    ],
)
def test_refuses_what_is_not_a_request_and_changes_nothing(
    client: httpx.Client, path: str, body: object, status: int, code: str
) -> None:
    """Each malformed request gets its problem document with its code, and nothing is stored."""
    problem(client.post(path, json=body), status, code)
    assert client.get("/v1/users").json()["items"] == []
    assert client.get("/v1/wallets").json()["items"] == []


def test_refuses_broken_json_and_unknown_paths(client: httpx.Client) -> None:
    """No JSON, no such path, no such method, no such object: each a problem document."""
    headers = {"Content-Type": "application/json"}
    problem(client.post("/v1/users", content=b"{", headers=headers), 422, "request.json")
    problem(client.get("/v1/nothing"), 404, "http.not_found")
    problem(client.delete("/v1/users"), 405, "http.method_not_allowed")
    problem(client.get("/v1/users/nobody"), 404, "user.not_found")
    problem(client.get("/v1/wallets/nothing"), 404, "wallet.not_found")
