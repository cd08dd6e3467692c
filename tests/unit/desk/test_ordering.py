"""Orders of administrators, carried by the desk and signed by their keys."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from keepcool.core.approvals import Action, Order, order_challenge, parse_order
from keepcool.core.errors import Unavailable
from keepcool.wire.reviews import PendingOrder
from tests.fixtures.softkey import SoftPasskey
from tests.unit.desk.house import ALICE, INSTALLATION, NOW_MS, ROOT, Browser, House

FREEZE = {"action": "freeze", "details": {"level": "all", "target": "", "reason": "a drill"}}


def order_of(answer: bytes) -> bytes:
    return bytes(msgspec.json.decode(answer, type=dict[str, bytes])["order"])


async def send(browser: Browser, key: SoftPasskey, order: bytes, document: str = "") -> dict[str, Any]:
    body = {"order": order, "proof": key.proof(order_challenge(order)), "document": document}
    answer = await browser.post("/api/orders", body)
    return dict(answer.json())


def test_one_administrator_freezes() -> None:
    """An order to freeze, signed by an administrator's key, reaches both signers; who is away is told."""
    house = House()

    async def story(browser: Browser) -> None:
        await browser.sign_in(ROOT)
        drafted = await browser.post("/api/orders/draft", FREEZE)
        order = parse_order(order_of(drafted.content))
        assert (order.installation, order.action) == (INSTALLATION, Action.FREEZE)
        assert order.details == FREEZE["details"]
        house.keeper.failing = Unavailable("signer.away", "away")
        said = await send(browser, ROOT, order_of(drafted.content))
        assert [one["error"] for one in said["results"]] == ["", "away"]

    house.run(story)
    assert (house.cooler.ordered, house.keeper.ordered) == (["freeze"], [])


def test_others_order_nothing() -> None:
    """An approver drafts no order, an administrator's session with another key sends none."""
    house = House()

    async def story(browser: Browser) -> None:
        async with house.browser() as approver:
            await approver.sign_in(ALICE)
            refused = await approver.post("/api/orders/draft", FREEZE)
            assert refused.json()["code"] == "order.administrator"
        await browser.sign_in(ROOT)
        order = order_of((await browser.post("/api/orders/draft", FREEZE)).content)
        assert (await send(browser, ALICE, order))["code"] == "proof.signature"

    house.run(story)
    assert house.cooler.ordered == house.keeper.ordered == []


def test_a_thaw_names_its_report() -> None:
    """The report's hash is counted by the desk from the bytes that travel with the order."""
    house, report = House(), b'{"differences":[]}'

    async def story(browser: Browser) -> None:
        await browser.sign_in(ROOT)
        details = {"level": "all", "target": "", "reason": "clean", "report": "00"}
        body = {"action": "thaw", "details": details, "document": report_text(report)}
        order = parse_order(order_of((await browser.post("/api/orders/draft", body)).content))
        assert order.details["report"] == hashlib.sha256(report).hexdigest()

    house.run(story)


def report_text(report: bytes) -> str:
    return str(msgspec.json.decode(msgspec.json.encode(report)))


@pytest.mark.parametrize("service", ["cooler", "keeper"])
def test_a_policy_goes_to_the_signer_it_is_for(service: str) -> None:
    """A proposal shows its differences line by line, is signed by the next administrator from its own bytes,
    and reaches the signer it names alone."""
    house = House()
    order = Order(
        "ord-1",
        INSTALLATION,
        Action.POLICY_PROPOSE,
        {"document": "11" * 32, "policy_version": "4", "previous": "22" * 32, "service": service},
        NOW_MS // 1000 + 600,
    )
    pending = PendingOrder(
        order=order.order, action=order.action.value, details=dict(order.details), signed_by=["root2"],
        quorum=2, effective_at_s=0, state="collecting", encoded=order.encoded(),
        document=b'version = 4\ncap = "10"\n',
    )  # fmt: skip
    signer = house.cooler if service == "cooler" else house.keeper
    signer.orders = [pending]

    async def story(browser: Browser) -> None:
        await browser.sign_in(ROOT)
        page = (await browser.get("/orders")).text
        assert '<span class="gone">−version = 3' in page
        assert '<span class="new">+version = 4' in page
        assert "data-sign=" in page
        assert 'data-cancel-action="policy.cancel"' in page
        said = await send(browser, ROOT, order.encoded())
        assert [one["service"] for one in said["results"]] == [service]

    house.run(story)
    assert signer.ordered == ["policy.propose"]
    assert house.cooler.ordered + house.keeper.ordered == ["policy.propose"]
