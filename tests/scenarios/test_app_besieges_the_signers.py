"""App in an attacker's hands, and both signers ask people: thousands of hostile requests by dice, with every
signature that App can come by. What is signed is what the tiers allow, to the unit, reckoned a second time
from the signed bytes alone (`red_people.Witnesses.unlawful`); nothing goes anywhere without its evidence; a
signer whose alarm is set freezes itself and signs nothing any more. With one signer hostile as well:
test_one_signer_is_hostile.py; a policy or a freeze that comes at any await of the signing path:
tests/unit/cosigner/test_changes_while_signing.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from keepcool.core.parties import Service
from keepcool.local.running import Installation
from keepcool.wire.messages import Signed
from tests.fixtures.attacks import ATTACKS, told
from tests.fixtures.chain import NATIVE
from tests.fixtures.red_app import SIGNERS, TOKEN, RedApp, signers_alone, taken_over
from tests.fixtures.red_intrigues import INTRIGUES, Intrigues, root_of
from tests.fixtures.red_people import CAPS, HOUR_CAP, PEOPLE, guarded, unguarded
from tests.fixtures.red_siege import Shot, Siege, besieged, policies_of
from tests.scenarios.test_app_is_taken_over import FORGED

pytestmark = [pytest.mark.live, pytest.mark.timeout(ATTACKS.timeout_s)]
REQUESTS, WALLETS = ATTACKS.requests, ATTACKS.wallets
SEED = 20260101
ALARM = 20
TRICKS = (
    *("grab", "split", "replayed", "edited", "own_key", "other_owner", "borrowed", "backdated"),
    *("approvals", "intrigue"),
)


@pytest.fixture(scope="module")
def wide() -> Iterator[Installation]:
    with signers_alone(CAPS, PEOPLE, guarded()) as made:
        yield made


def attack(installation: Installation, work: Callable[[RedApp], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with taken_over(installation) as red:
            await red.ready()
            await work(red)

    asyncio.run(whole())


async def siege_of(red: RedApp, signer: Service, wallets: int = WALLETS) -> Siege:
    forgeries = [(name, forge) for name, (_, forge) in FORGED.items()]
    held = await besieged(red, wallets)
    return Siege(red, signer, await policies_of(red), held, Random(SEED), forgeries)  # noqa: S311


@dataclass
class Plot:
    """Between the rounds of a siege: everything else that App can ask for."""

    siege: Siege
    intrigues: Intrigues
    brought: list[str] = field(default_factory=list)

    async def __call__(self) -> None:
        taken = [Shot(one.name, one.held, one.item) for one in self.siege.taken.values()]
        if len(taken) > 1:
            self.brought += await self.intrigues.all(taken[-10:])
            self.siege.fired["intrigue"] += INTRIGUES


def intrigues_of(installation: Installation, siege: Siege) -> Plot:
    places = installation.places
    policy = (places.service(siege.signer) / "policy.toml").read_bytes()
    root = root_of(places.root_key.read_text(encoding="ascii"))
    dice = Random(SEED)  # noqa: S311
    return Plot(siege, Intrigues(siege.red, siege.signer, siege.wallets, dice, policy, root))


@pytest.mark.parametrize("signer", SIGNERS)
def test_what_is_signed_is_what_the_tiers_allow(wide: Installation, signer: Service) -> None:
    """Every request is judged (the alarm is wide): each signer signs nothing that no tier allows, no slot
    twice, no more than the caps; and it did sign what people wanted. No key of an owner, no policy and no
    freeze is changed meanwhile, and no frame is heard twice."""

    async def storm(red: RedApp) -> None:
        siege = await siege_of(red, signer)
        plot = intrigues_of(wide, siege)
        await siege.fire(REQUESTS // 2, plot)
        taken = list(siege.taken.values())
        told(f"siege of {signer.value}", siege.fired, siege.denied, len(taken), siege.waiting)
        assert plot.brought == []
        assert siege.witnesses.unlawful(taken) == []
        assert siege.conflicts() == []
        assert all(siege.sum_of(asset) <= HOUR_CAP for asset in (NATIVE, TOKEN))
        assert {"honest", "split"} <= {one.name for one in taken}
        assert set(TRICKS) <= set(siege.fired)
        status = await red.status(signer)
        assert (status.frozen, status.policy in siege.policies) == ([], True)

    attack(wide, storm)


def test_twin_without_tiers_the_same_program_steals() -> None:
    """Control off: the same dice against policies that ask nobody; thefts without any evidence are signed,
    to the hour's cap, which alone stands."""

    async def storm(red: RedApp) -> None:
        siege = await siege_of(red, Service.COOLER, 30)
        await siege.fire(600)
        unlawful = siege.witnesses.unlawful(list(siege.taken.values()))
        assert len(unlawful) > 20
        assert siege.sum_of(TOKEN) <= HOUR_CAP

    with signers_alone(CAPS, PEOPLE, unguarded) as open_house:
        attack(open_house, storm)


def test_too_many_denials_freeze_a_signer_by_itself() -> None:
    """The alarm set: each signer freezes itself under the same storm, and from then on signs nothing, what
    people want and what it has signed before included."""

    async def storm(red: RedApp) -> None:
        for siege in [await siege_of(red, signer, 20) for signer in SIGNERS]:
            signer = siege.signer
            await siege.volley([siege.honest() for _ in range(10)])
            before = siege.taken.copy()
            assert before
            while not (await red.status(signer)).frozen:
                await siege.volley([siege.shot() for _ in range(10)])
                assert siege.fired.total() < 2000
            assert f"at most {ALARM}" in (await red.status(signer)).frozen[0]
            assert sum(siege.denied.values()) > ALARM
            after = await siege.volley([*siege.genuine[:20], *(siege.honest() for _ in range(20))])
            assert [one for one in after if isinstance(one, Signed)] == []
            told(f"alarm of {signer.value}", siege.fired, siege.denied, len(siege.taken), siege.waiting)

    with signers_alone(CAPS, PEOPLE, guarded(denials_max=ALARM, window_s=3600)) as alarmed:
        attack(alarmed, storm)
