"""Statements over real HTTP: streamed, proven, for those who may read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from keepcool.app.keys import Scope
from keepcool.core.ids import WalletId
from tests.live.test_api_objects import credit, problem, user, wallet
from tests.unit.app.http.running import ETH, Running, running

pytestmark = pytest.mark.live
ETHER = 10**18


@dataclass(frozen=True)
class House:
    app: Running
    user: str
    wallet: WalletId


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(tmp_path_factory.mktemp("statements")) as app:
        client = app.client(Scope.READ, Scope.USERS, Scope.WALLETS)
        owner = user(client)
        made = WalletId(wallet(client, owner)["id"])
        for number in range(3):
            credit(app, f"d{number}", made, ETHER)
        yield House(app, owner, made)


def test_owners_and_the_house_have_their_statements(house: House) -> None:
    """A user's is his wallet's; the house's has the other side of every entry; CSV has the same entries."""
    reader = house.app.client(Scope.READ)
    mine = reader.get(f"/v1/users/{house.user}/statement").json()
    assert mine["proof"]["proven"] is True
    assert [one["amount_decimal"] for one in mine["entries"]] == ["1.000000000000000000"] * 3
    assert mine["closing"][0]["total"] == str(3 * ETHER)
    same = reader.get(f"/v1/wallets/{house.wallet}/statement").json()
    assert (same["entries"], same["closing"]) == (mine["entries"], mine["closing"])
    whole = house.app.client(Scope.ADMIN).get("/v1/statement", params={"network": ETH.partition("/")[0]})
    assert (whole.json()["proof"]["proven"], whole.json()["proof"]["entries"]) == (True, 6)
    table = reader.get(f"/v1/wallets/{house.wallet}/statement", params={"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    rows = csv.DictReader(io.StringIO(table.text, newline=""))
    assert [one["entry"] for one in rows if one["row"] == "entry"] == [
        str(one["entry"]) for one in same["entries"]
    ]


def test_refuses_what_is_no_question(house: House) -> None:
    """Somebody unknown, a period that has not ended, a reader asking for all: a problem, no file."""
    reader = house.app.client(Scope.READ)
    problem(reader.get("/v1/users/nobody/statement"), 404, "user.not_found")
    problem(reader.get("/v1/pools/nowhere/statement"), 404, "pool.not_found")
    later = {"to_ms": str(2**50)}
    problem(reader.get(f"/v1/users/{house.user}/statement", params=later), 422, "statement.future")
    problem(reader.get("/v1/statement"), 403, "auth.scope")
