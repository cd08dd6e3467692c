"""Pools and addresses over HTTP: made at once, proven each time they are shown, without limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import Connection

from keepcool.app.coins import addresses as watched
from keepcool.app.keys import Scope
from keepcool.app.pools import rows
from keepcool.app.pools.tables import attested_address
from keepcool.chains.bitcoin.listing import listing_of
from keepcool.core.ids import WalletId
from keepcool.core.parties import Service
from tests.fixtures.bitcoinrecords import NETWORK
from tests.unit.app.http.running import Running, running
from tests.unit.app.pools.house import HARBOR, PoolSigners, settings

pytestmark = pytest.mark.slow

WAIT_S = 60.0


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, settings(tmp_path), PoolSigners()) as app:
        yield app


def awaited(done: Callable[[], Any]) -> Any:
    until = time.monotonic() + WAIT_S
    while not (found := done()):
        assert time.monotonic() < until, "this takes too long"
        time.sleep(0.02)
    return found


def client(app: Running) -> httpx.Client:
    return app.client(Scope.READ, Scope.USERS, Scope.WALLETS, Scope.WITHDRAW, Scope.ADMIN)


def good(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def code_of(answer: httpx.Response) -> str:
    assert not answer.is_success, answer.text
    return str(answer.json()["code"])


def make_pool(api: httpx.Client, **more: object) -> str:
    made = good(api.post("/v1/pools", json={"network": NETWORK, **more}, headers={"Idempotency-Key": "p1"}))
    return str(made["wallet"]["id"])


def make_user(api: httpx.Client, name: str) -> str:
    return str(good(api.post("/v1/users", json={"external_id": name}))["id"])


def make_wallet(api: httpx.Client, user: str, **more: object) -> dict[str, Any]:
    body = {"network": NETWORK, "kind": "pooled", **more}
    told = good(api.post(f"/v1/users/{user}/wallets", json=body))
    return ready(api, told["id"])


def ready(api: httpx.Client, wallet: str) -> dict[str, Any]:
    def told() -> dict[str, Any] | None:
        shown: dict[str, Any] = good(api.get(f"/v1/wallets/{wallet}"))
        return shown if shown["status"] == "ready" else None

    return cast(dict[str, Any], awaited(told))


def signers_of(app: Running) -> PoolSigners:
    assert isinstance(app.signers, PoolSigners)
    return app.signers


def change(app: Running, work: Callable[[Connection], Any]) -> Any:
    return app.store.transact(work)


def test_users_get_addresses_of_the_pool_at_once(app: Running) -> None:
    """Every wallet of a pool has an address of its own, which the record gives at the index it is proven at,
    and which is watched for its deposits; the pool's own address is nobody else's."""
    api = client(app)
    pool = make_pool(api)
    told = [make_wallet(api, make_user(api, f"u{number}")) for number in range(15)]
    listed = listing_of(signers_of(app).records[pool], 0)
    shown = {one["address"] for one in told}
    assert len(shown) == len(told)
    assert listed.addresses([0])[0] not in shown
    for one in told:
        assert (one["kind"], one["pool"]) == ("pooled", pool)
        assert one["address"] == listed.addresses([one["proof"]["index"]])[0]
    scripts = listed.scripts([one["proof"]["index"] for one in told])
    known = change(app, lambda tx: watched.at_scripts(tx, NETWORK, scripts))
    assert [known[script].wallet for script in scripts] == [one["id"] for one in told]
    assert {one.source for one in known.values()} == {pool}


def test_further_addresses_of_any_wallet(app: Running) -> None:
    """A wallet of a pool and one of its owner's alone get as many more addresses as they want, once per
    Idempotency-Key, and lists show them with proofs."""
    api = client(app)
    make_pool(api)
    user = make_user(api, "u1")
    pooled = make_wallet(api, user)
    own = make_wallet(api, user, kind="segregated")
    assert (own["kind"], own["proof"], own["pool"]) == ("segregated", None, None)
    for wallet, beside in ((pooled, 1), (own, 0)):
        path = f"/v1/wallets/{wallet['id']}/addresses"
        first = good(api.post(path, json={"count": 20}, headers={"Idempotency-Key": wallet["id"]}))
        again = good(api.post(path, json={"count": 20}, headers={"Idempotency-Key": wallet["id"]}))
        assert first == again
        assert len({one["address"] for one in first["items"]}) == 20
        record = signers_of(app).records[wallet["record"]["wallet"]]
        for one in first["items"]:
            assert one["address"] == listing_of(record, 0).addresses([one["index"]])[0]
        page = good(api.get(path, params={"limit": 15}))
        rest = good(api.get(path, params={"limit": 15, "cursor": page["next"]}))
        assert len(page["items"] + rest["items"]) == 20 + beside
        found = good(api.get("/v1/lookup", params={"address": first["items"][7]["address"]}))
        assert [one["id"] for one in found["wallets"]] == [wallet["id"]]


def test_asking_again_is_the_same_wallet_in_the_same_pool(app: Running) -> None:
    """An external id stands for one wallet; asked for on other terms it is refused and nothing changed."""
    api = client(app)
    pool = make_pool(api)
    user = make_user(api, "u1")
    one = make_wallet(api, user, external_id="mine")
    assert make_wallet(api, user, external_id="mine")["id"] == one["id"]
    other = good(api.post("/v1/pools", json={"network": NETWORK}))["wallet"]["id"]
    body = {"network": NETWORK, "external_id": "mine"}
    for more in ({"kind": "pooled", "pool": other}, {"kind": "segregated"}):
        assert not api.post(f"/v1/users/{user}/wallets", json={**body, **more}).is_success
    assert make_wallet(api, user, external_id="mine")["pool"] == pool


def test_without_signers_an_empty_stock_makes_wallets_wait(app: Running) -> None:
    """While a signer is away wallets are asked for all the same; they get their addresses when it is back."""
    api = client(app)
    pool = make_pool(api)
    user = make_user(api, "u1")
    awaited(lambda: good(api.get(f"/v1/pools/{pool}"))["addresses_in_stock"] >= 12)
    signers_of(app).lines.down.add("addresses.attest.v1")
    asked = [
        good(api.post(f"/v1/users/{user}/wallets", json={"network": NETWORK, "kind": "pooled"}))
        for _ in range(14)
    ]
    assert [one["status"] for one in asked].count("issuing") == 2
    assert code_of(
        api.post(f"/v1/wallets/{asked[0]['id']}/addresses", json={}, headers={"Idempotency-Key": "k"})
    ).startswith("bus.")
    signers_of(app).lines.down.clear()
    make_wallet(api, user)  # wakes those who wait
    for one in asked:
        ready(api, one["id"])


def test_a_signer_that_derives_other_addresses_stops_the_stock(app: Running) -> None:
    """What the two signers and App do not derive alike is stored nowhere and given to nobody."""
    api = client(app)
    signers_of(app).lie = Service.COOLER
    pool = make_pool(api)
    body, path = {"network": NETWORK, "kind": "pooled"}, f"/v1/users/{make_user(api, 'u1')}/wallets"
    asked = good(api.post(path, json=body))
    more = api.post(f"/v1/wallets/{pool}/addresses", json={}, headers={"Idempotency-Key": "k"})
    assert code_of(more) == "addresses.differ"
    assert (asked["status"], asked["address"]) == ("issuing", None)
    assert change(app, lambda tx: rows.in_stock(tx, WalletId(pool))) == 0


def test_an_edited_database_shows_no_address(app: Running) -> None:
    """An address that somebody wrote into App's database is not served; the others are."""
    api = client(app)
    make_pool(api)
    user = make_user(api, "u1")
    one, other = make_wallet(api, user), make_wallet(api, user)
    at = attested_address.c.address == one["address"]

    def thieve(tx: Connection) -> None:
        tx.execute(attested_address.update().where(at).values(address=HARBOR))

    change(app, thieve)
    assert code_of(api.get(f"/v1/wallets/{one['id']}")) == "addresses.row_differs"
    assert good(api.get(f"/v1/wallets/{other['id']}"))["address"] == other["address"]


def test_a_restored_database_gives_nobody_somebody_elses_address(app: Running) -> None:
    """When signers have attested more than this database knows, it was restored: what is left in stock is
    burnt, and new addresses lie beyond all that was ever attested."""
    api = client(app)
    pool = make_pool(api)
    user = make_user(api, "u1")
    make_wallet(api, user)
    before = change(app, lambda tx: rows.next_index(tx, WalletId(pool), 0))
    for service in (Service.KEEPER, Service.COOLER):
        signers_of(app).highest[service, pool] = before + 500
    path = f"/v1/users/{user}/wallets"
    later = [good(api.post(path, json={"network": NETWORK, "kind": "pooled"})) for _ in range(20)]
    shown = [ready(api, one["id"]) for one in later]
    beyond = [one["proof"]["index"] for one in shown if one["proof"]["index"] > before]
    assert beyond
    assert min(beyond) > before + 500


def test_after_a_start_nothing_of_the_old_stock_is_given(tmp_path: Path) -> None:
    """A restored database is a start: whatever was in stock stays where it is, and who gets an address then
    gets one that nobody was ever given. Twin: within one life the stock is given in its order."""
    chosen, signers = settings(tmp_path), PoolSigners()
    with running(tmp_path, chosen, signers) as first:
        api = client(first)
        pool, user = make_pool(api), make_user(api, "u1")
        given = [make_wallet(api, user)["proof"]["index"] for _ in range(3)]
        assert given == [1, 2, 3]
        known = change(first, lambda tx: rows.next_index(tx, WalletId(pool), 0))
    with running(tmp_path, chosen, signers) as second:
        api = second.client(Scope.READ, Scope.WALLETS)
        later = make_wallet(api, user)
        assert later["proof"]["index"] >= known
        assert ready(api, later["id"]) == later


def test_marks_that_make_no_sense_are_refused(app: Running) -> None:
    """A high mark needs a harbor on its network and room above the target; refused, nothing changed."""
    api = client(app)
    pool = make_pool(api, marks={"high": "100", "low": "10", "target": "50", "harbor": HARBOR})
    wrong = [
        {"high": "100"},
        {"high": "100", "low": "10", "target": "100", "harbor": HARBOR},
        {"high": "100", "low": "60", "target": "50", "harbor": HARBOR},
        {"high": "100", "target": "50", "harbor": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
    ]
    for marks in wrong:
        assert not api.put(f"/v1/pools/{pool}/marks", json=marks).is_success
    assert good(api.get(f"/v1/pools/{pool}"))["marks"]["target"] == "50"


def test_a_signer_that_comes_and_goes_burns_nothing(app: Running) -> None:
    """One signer has attested a range of which the other never heard, again and again: when both are back
    the very same addresses go into the stock."""
    api, down = client(app), signers_of(app).lines.down
    pool = make_pool(api)
    awaited(lambda: good(api.get(f"/v1/pools/{pool}"))["addresses_in_stock"] >= 12)
    known = change(app, lambda tx: rows.next_index(tx, WalletId(pool), 0))
    down.add("cooler")
    user = make_user(api, "u1")
    path = f"/v1/users/{user}/wallets"
    asked = [good(api.post(path, json={"network": NETWORK, "kind": "pooled"})) for _ in range(13)]
    awaited(lambda: signers_of(app).highest[Service.KEEPER, pool] >= known)
    down.clear()
    make_wallet(api, user)  # wakes those who wait
    shown = [ready(api, one["id"]) for one in asked]
    assert len({one["address"] for one in shown}) == len(asked)
    burnt = attested_address.select().where(attested_address.c.burnt.is_(True))
    assert change(app, lambda tx: tx.execute(burnt).all()) == []
    assert change(app, lambda tx: rows.next_index(tx, WalletId(pool), 0)) <= known + 40
