"""The story of the people: an owner signs, an approver decides at the desk, App is stolen and gets nothing.

Law: each step checks on the chain what it tells; the first thing that is not so ends the story with an error.
"""

from __future__ import annotations

import asyncio
import os
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from keepcool.client.api import Wallet, awaited
from keepcool.client.devicekeys import SEED_BYTES, DeviceKey
from keepcool.client.models import Review, Withdrawal
from keepcool.client.orders import Order
from keepcool.core.approvals import Action
from keepcool.core.errors import Breach
from keepcool.core.parties import Service
from keepcool.core.reconciliation import report_hash
from keepcool.demo import evm, governing, stolen, thefts
from keepcool.demo.closing import Line
from keepcool.demo.reviewing import Approver
from keepcool.demo.stage import EvmScene
from keepcool.demo.telling import WAIT_S, Tell, confirmed, holds, until_available
from keepcool.demo.thefts import COIN, LARGE, SMALL, Prey
from keepcool.local import commands, layout
from keepcool.local.tomltext import rendered

_OWNERS_UNITS = 3 * COIN // 10


@dataclass(frozen=True, slots=True)
class Cast:
    """An owner with his key and wallet, an approver with hers, whom the owner pays, and a thief."""

    ivan: DeviceKey
    wallet: Wallet
    judy: Approver
    outside: str
    thief: str


def play(stage: EvmScene, tell: Tell) -> Callable[[], list[Line]]:
    """After all other acts: from here on wallets are asked for their owners' signatures."""
    if not int(stage.purse().booked):
        evm.fill_purse(stage, tell)
    cast = meet(stage, tell)
    owner_signs(stage, cast, tell)
    wait_at_desk(stage, cast, tell)
    steal(stage, cast, tell)
    refuse_all(stage, cast, tell)
    thaw(stage, cast, tell)
    return lambda: _lines(stage, cast)


def meet(stage: EvmScene, tell: Tell) -> Cast:
    places = stage.house.installation.places
    url = tomllib.loads(places.config(Service.DESK).read_text(encoding="utf-8"))["origin"]
    judy = Approver.enrolled("judy", places.folder.parent / "judy", url)
    governing.ask_people(stage.house.administrators, places, judy.plan, {stage.eth: _OWNERS_UNITS})
    tell(
        "Two administrators sign a new policy for each signer: owners sign what leaves their wallets; above "
        f"0.3 ETH Judy of accounting as well. In force {governing.DELAY_S} s later (a day, by default)."
    )
    ivan, accounts = DeviceKey(os.urandom(SEED_BYTES)), stage.chain.accounts()
    user = stage.client.make_user("ivan").id
    wallet = stage.client.make_wallet(user, stage.network, "ivan-1", user_key=ivan.text)
    stage.chain.fund(wallet.address, 3 * COIN)
    until_available(stage.client, wallet, stage.eth, 3 * COIN)
    tell(
        f"Ivan's address {wallet.address}: both attested it together with the key of his device. 3 ETH came."
    )
    return Cast(ivan, wallet, judy, accounts[6], accounts[7])


def owner_signs(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client, before = stage.client, stage.chain.balance(cast.outside)
    asked = client.withdraw(cast.wallet.id, stage.eth, SMALL, cast.outside)
    review = _until_wanted(stage, asked, "owner's signature")
    for signer, missing in sorted(review.missing.items(), reverse=True):
        tell(f"App alone asks for 0.2 ETH of Ivan's: {signer} waits: {'; '.join(missing)}")
    holds(stage.chain.balance(cast.outside) == before, "nothing was paid without Ivan")
    client.withdrawals.sign(asked.id, cast.ivan, Order(cast.wallet.id, stage.eth, SMALL, cast.outside))
    confirmed(client.settled(asked.id, WAIT_S, reviewed=True))
    holds(stage.chain.balance(cast.outside) - before == SMALL, "0.2 ETH arrived")
    tell("Ivan reads the intent from its bytes and signs it; both verify his signature, and it is paid.")


def wait_at_desk(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    client, before = stage.client, stage.chain.balance(cast.outside)
    asked = client.withdraw(cast.wallet.id, stage.eth, LARGE, cast.outside, sign_with=cast.ivan)
    review = _until_wanted(stage, asked, f"tier desk needs 1 approval of {cast.judy.plan.groups[0]}")
    tell(f"0.8 ETH, signed by Ivan, waits at the desk: {'; '.join(review.missing['cooler'])}")
    seen = cast.judy.read(review.intent_hash)
    holds(f"{LARGE} of {stage.eth} to {cast.outside}" in seen["Pays"], "the desk shows what was asked for")
    holds(cast.judy.inspected(seen["Saved"]) == f"0x{seen['Signed digest']}", "both count one hash")
    tell("Judy reads it there; her machine and `keepcool inspect` count the same from the draft's bytes:")
    tell(f"- intent {review.intent_hash}: what was asked")
    tell(f"- effects {seen['Effects']}: what the bytes do to others")
    tell(f"- digest {seen['Signed digest']}: what hot and cool will sign")
    cast.judy.approve(review.intent_hash, "called Ivan")
    confirmed(client.settled(asked.id, WAIT_S, reviewed=True))
    holds(stage.chain.balance(cast.outside) - before == LARGE, "0.8 ETH arrived")
    desk = stage.house.installation.places.service(Service.DESK)
    keys = [desk / layout.INNER_KEY, desk / layout.KEYSTORE]
    holds(not any(one.exists() for one in keys), "the desk has no coin key, and no way to a keystore")
    tell("Judy approves with her key; both verify it, and it is paid. The desk has no coin key and no say.")


def steal(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    installation = stage.house.installation
    prey = _prey(stage, cast)
    installation.children["app"].terminate()
    tell("App is taken over: a thief has its keys, its place on the bus and its database, and asks for:")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        frozen = runner.run(_robbed(installation.places, prey, tell))
    for signer, sentences in frozen.items():
        holds(bool(sentences), f"{signer} has frozen itself")
        tell(f"{signer.capitalize()} freezes itself: {sentences[0]}")
    installation.start("app")
    installation.wait_ready()


def refuse_all(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    """Nothing was stolen, and the honest are refused as well, before anybody is asked to sign."""
    holds(stage.chain.balance(cast.wallet.address) == 3 * COIN - SMALL - LARGE, "Ivan's coins are there")
    client = stage.client
    asked = client.withdraw(cast.wallet.id, stage.eth, SMALL, cast.outside)
    ended = client.settled(asked.id, WAIT_S, reviewed=True)
    holds(
        ended.state == "refused" and "frozen" in ended.reason, f"refused, not {ended.state}: {ended.reason}"
    )
    tell("Not a wei is gone. App is ours again, and even Ivan's honest payment is refused: frozen is frozen.")


def thaw(stage: EvmScene, cast: Cast, tell: Tell) -> None:
    house, places = stage.house, stage.house.installation.places
    report = places.folder.parent / "report.json"
    heads = [f"--{one.value}-head={governing.status(places, one)['journal_head']}" for one in layout.SIGNERS]
    commands.told(
        "app", "reconcile", "--config", str(places.config(Service.APP)), "--out", str(report), *heads
    )
    document = report.read_bytes()
    details = {"level": "all", "target": "", "reason": "App is rebuilt", "report": report_hash(document)}
    for signer in layout.SIGNERS:
        house.administrators.order(places, signer, Action.THAW, details, document)
    awaited(
        lambda: [governing.status(places, one)["frozen"] for one in layout.SIGNERS],
        lambda found: not any(found),
        WAIT_S,
        "the signers are not thawed",
    )
    tell(
        "Ledger and chain are held against each other, to the unit; with that report two administrators end "
        f"the freeze {governing.DELAY_S} s later."
    )
    client, before = stage.client, stage.chain.balance(cast.outside)
    asked = client.withdraw(cast.wallet.id, stage.eth, SMALL, cast.outside, sign_with=cast.ivan)
    confirmed(client.settled(asked.id, WAIT_S, reviewed=True))
    holds(stage.chain.balance(cast.outside) - before == SMALL, "0.2 ETH arrived")
    tell("Ivan's 0.2 ETH are paid.")


async def _robbed(places: layout.Layout, prey: Prey, tell: Tell) -> dict[str, list[str]]:
    """What each signer has frozen in the end."""
    async with stolen.taken_over(places) as app:
        for theft in thefts.thefts(prey):
            said = {one: await app.refused(one, theft.typ, theft.body(one)) for one in layout.SIGNERS}
            holds(all(said.values()), f"both refuse: {theft.words}")
            if len(set(said.values())) == 1:
                tell(f"- {theft.words}: both: {said[Service.KEEPER]}")
            else:
                tell(f"- {theft.words}: {'; '.join(f'{one}: {text}' for one, text in said.items())}")
        return {one.value: await app.frozen(one) for one in layout.SIGNERS}


def _prey(stage: EvmScene, cast: Cast) -> Prey:
    places = stage.house.installation.places
    told = {one: governing.status(places, one) for one in layout.SIGNERS}
    return Prey(
        record=cast.wallet.record,
        chain_id=stage.chain.chain_id,
        nonce=2,  # Ivan has paid twice
        asset=stage.eth,
        owner=cast.ivan,
        honest=cast.outside,
        thief=cast.thief,
        installation=str(told[Service.KEEPER]["installation"]),
        in_force={one: str(said["policy"]) for one, said in told.items()},
        documents={one: _without_tiers((places.service(one) / layout.POLICY).read_text()) for one in told},
        now_s=int(time.time()),
    )


def _without_tiers(text: str) -> bytes:
    """The first policy, in which nobody is asked, as a newer one."""
    return rendered({**tomllib.loads(text), "version": 99}).encode()


def _until_wanted(stage: EvmScene, asked: Withdrawal, words: str) -> Review:
    """Once both signers say that they want this of people."""

    def review() -> Review | None:
        return stage.client.withdrawal(asked.id).review

    def wanted(found: Review | None) -> bool:
        missing = found.missing if found else {}
        return set(missing) == {"keeper", "cooler"} and all(words in "".join(one) for one in missing.values())

    found = awaited(review, wanted, WAIT_S, f"{asked.id} is not put to wait")
    if found is None:
        raise Breach("demo.not_so", f"{asked.id} waits for nobody")
    return found


def _lines(stage: EvmScene, cast: Cast) -> list[Line]:
    totals = {one.asset: int(one.total) for one in stage.client.read.balances(cast.wallet.id)}
    return [Line("Ivan", "ETH", totals.get(stage.eth, 0), stage.chain.balance(cast.wallet.address))]
