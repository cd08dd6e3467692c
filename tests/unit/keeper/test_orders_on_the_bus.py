"""Orders as any carrier brings them: both signers judge for themselves, and a policy that they put in force
judges the next request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keepcool.core.approvals import Action, Order
from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.policy.document import parse_policy
from keepcool.wire.messages import Declined, Signed, StatusAnswer, StatusRequest
from keepcool.wire.reviews import OrderAnswer, SubmitOrder
from tests.unit.app.books.loopback import FixedClock
from tests.unit.cosigner.order_office import INSTALLATION, KEYS, NAMES, person, submitted
from tests.unit.keeper.bitcoin_house import (
    COOLER,
    KEEPER,
    Ground,
    House,
    objections,
    payment,
    policy,
    psbt,
    told,
)

PEOPLE = "".join(f'\n[administrators.{name}]\nkey = "{person(KEYS[name])}"\n' for name in NAMES) + (
    "\n[governance]\nquorum = 2\ndelay_s = 60\nroot_delay_s = 600\nthaw_quorum = 2\nthaw_delay_s = 60\n"
    "rekey_delay_s = 60\n"
)


def governed(folder: Path) -> Ground:
    return replace(Ground.new(folder), people=PEOPLE.encode(), installation=INSTALLATION)


def narrower(service: Service) -> bytes:
    """The next policy: the same with a fee rate that no draft keeps."""
    text = policy(service, fee_rate_max=1).decode()
    return (text.replace("version = 1\n", "version = 2\n", 1) + PEOPLE).encode()


async def brought(house: House, to: Service, body: SubmitOrder) -> OrderAnswer:
    answer = await house.ask(to, "orders.v1", body)
    assert isinstance(answer, OrderAnswer)
    return answer


def proposal(house: House, service: Service) -> tuple[Order, bytes]:
    signer, new = house.keeper if service is KEEPER else house.cooler, narrower(service)
    details = {
        "document": parse_policy(new).hash, "policy_version": "2",
        "previous": signer.policy.hash, "service": service.value,
    }  # fmt: skip
    return Order("order-0001", INSTALLATION, Action.POLICY_PROPOSE, details, 1_800_050_000), new


def advance(house: House, seconds: int) -> None:
    clocks = [house.keeper.foundation.clock, house.cooler.foundation.clock, house.app._clock]
    for clock in clocks:
        assert isinstance(clock, FixedClock)
        clock.now += seconds * 1000


@pytest.mark.parametrize("names", [NAMES[:2], NAMES[:1]], ids=["quorum", "one"])
def test_the_next_request_is_judged_by_what_was_ordered(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Brought by App with a quorum it is in force after the delay, for each signer by an order of its own;
    the twin with one signature never is."""

    async def story(house: House) -> None:
        record = await house.wallet("w")
        orders = {service: proposal(house, service) for service in (KEEPER, COOLER)}
        for service, (order, new) in orders.items():
            answer = await brought(house, service, submitted(order, *names, document=new))
            assert answer.pending.state == ("pending" if len(names) == 2 else "collecting")
        advance(house, 50)
        items = [payment(record, psbt(record, house.coins(record, 1))) for _ in range(2)]
        (before,) = await house.sign(KEEPER, items[0])
        assert isinstance(before, Signed)
        advance(house, 20)
        for service in (KEEPER, COOLER):
            (after,) = await house.sign(service, items[1])
            if len(names) == 2:
                assert isinstance(after, Declined)
                assert objections(after) == {"fee_rate"}
            else:
                assert isinstance(after, Signed)
            status = await house.ask(service, "status.v1", StatusRequest())
            assert isinstance(status, StatusAnswer)
            assert (status.policy == parse_policy(orders[service][1]).hash) is (len(names) == 2)

    told(tmp_path, story, governed(tmp_path))


def test_an_order_of_one_signer_is_none_of_the_other(tmp_path: Path) -> None:
    """Keeper's policy brought to Cooler is refused, and so is what nobody signed."""

    async def story(house: House) -> None:
        order, new = proposal(house, KEEPER)
        with pytest.raises(Refused, match=r"order\.service"):
            await brought(house, COOLER, submitted(order, *NAMES, document=new))
        with pytest.raises(Refused, match=r"order\.unsigned"):
            await brought(house, KEEPER, submitted(order, document=new))
        assert not list(house.cooler.orders)
        assert not list(house.keeper.orders)

    told(tmp_path, story, governed(tmp_path))


def test_one_administrator_freezes_both(tmp_path: Path) -> None:
    """The same order for both; each tells what is frozen, and neither signs."""

    async def story(house: House) -> None:
        record = await house.wallet("w")
        details = {"level": "all", "reason": "drill", "target": ""}
        order = Order("order-0002", INSTALLATION, Action.FREEZE, details, 1_800_050_000)
        for service in (KEEPER, COOLER):
            answer = await brought(house, service, submitted(order, "clara"))
            assert answer.frozen == ["everything is frozen by clara (order order-0002): drill"]
            (said,) = await house.sign(service, payment(record, psbt(record, house.coins(record, 1))))
            assert isinstance(said, Declined)

    told(tmp_path, story, governed(tmp_path))
