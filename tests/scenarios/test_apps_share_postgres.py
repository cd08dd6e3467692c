"""Two Apps on one PostgreSQL: both serve, one works, and when it dies or is paused the other goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from keepcool.client import profile
from keepcool.client.api import Client
from keepcool.client.http import fresh_key
from keepcool.client.models import Withdrawal
from keepcool.core.parties import Service
from keepcool.local import commands
from keepcool.local.process import ChildProcess, free_port
from tests.fixtures.installation import COIN, WAIT_S, House, eventually
from tests.fixtures.postgres import LivePostgres

pytestmark = pytest.mark.live
_DATABASE = re.compile(r'^database = ".*"$', re.MULTILINE)


@dataclass
class Pair:
    """The house's App and a second one beside it, on the same books."""

    house: House
    postgres: LivePostgres
    database: str
    apps: dict[int, ChildProcess]
    clients: dict[int, Client]

    def leader(self) -> int:
        """The port of the App that leads."""
        return int(self._lead()[1].rpartition(":")[2])

    def term(self) -> int:
        return self._lead()[0]

    def other(self) -> int:
        return next(port for port in self.apps if port != self.leader())

    def paid_once(self, asked: Sequence[tuple[Withdrawal, str]], client: Client) -> None:
        """Each of these payments arrived once, and the books say what the chain says."""
        for one, to in asked:
            ended = client.settled(one.id, WAIT_S)
            assert (ended.state, self.house.chain.balance(to)) == ("confirmed", COIN), ended
        assert client.read.books_balanced()

    def order(self, count: int) -> list[tuple[Withdrawal, str]]:
        """So many orders of new wallets, given to the two Apps in turn."""
        clients = list(self.clients.values())
        payers = [self.house.wallet() for _ in range(count)]
        return [
            (clients[at % 2].withdraw(one.id, self.house.eth, COIN, to), to)
            for at, (one, to) in enumerate([(one, self.house.outside()) for one in payers])
        ]

    def _lead(self) -> tuple[int, str]:
        found = self.postgres.sql("SELECT epoch, name FROM leader", self.database)
        return (int(str(found[0][0])), str(found[0][1])) if found else (0, "")


@pytest.fixture(scope="module")
def pair(house: House, postgres: LivePostgres) -> Iterator[Pair]:
    """The house's books moved to PostgreSQL, and back to its file in the end."""
    config, file, database = house.places.config(Service.APP), house.data("app"), postgres.empty()
    before, first = config.read_text(encoding="utf-8"), house.installation.reach.app_port
    second, url = free_port(), postgres.server(database).url
    house.stop("app")
    commands.answer("app", "move-database", "--config", str(config), "--to", url, "--json")
    moved = _DATABASE.sub(f'database = "{url}"', before)
    config.write_text(moved, encoding="utf-8")
    beside = config.parent.with_name("second") / config.name
    shutil.copytree(config.parent, beside.parent, ignore=shutil.ignore_patterns("data", "log"))
    beside.write_text(moved.replace(f"port = {first}", f"port = {second}"), encoding="utf-8")
    argv = commands.argv("app", "run", "--config", str(beside), "--one-machine")
    with (
        ChildProcess("second app", argv, beside.parent, beside.with_suffix(".log")) as child,
        _client(house, first, second) as client,
    ):
        house.start("app")
        eventually(client.read.books_balanced, "the second App does not serve")
        yield Pair(
            house,
            postgres,
            database,
            {first: house.child("app"), second: child},
            {first: house.client, second: client},
        )
    house.stop("app")
    for one in file.parent.glob(f"{file.name}*"):
        one.unlink()
    commands.answer("app", "move-database", "--config", str(config), "--to", str(file), "--json")
    config.write_text(before, encoding="utf-8")
    house.start("app")
    postgres.drop(database)


@contextmanager
def _client(house: House, first: int, second: int) -> Iterator[Client]:
    file = house.places.operator / "second.toml"
    text = (house.places.operator / "operator.toml").read_text(encoding="utf-8")
    file.write_text(text.replace(str(first), str(second)), encoding="utf-8")
    with profile.connect(file) as client:
        yield client
    file.unlink()


def test_one_key_at_both_apps_is_one_withdrawal(pair: Pair) -> None:
    """A dozen clients send one order under one key to both Apps at once: one withdrawal, one payment, and
    both Apps show it."""
    payer, to, key = pair.house.wallet(), pair.house.outside(), fresh_key()
    clients = list(pair.clients.values()) * 6

    def sent(client: Client) -> Withdrawal:
        return client.withdraw(payer.id, pair.house.eth, COIN, to, key=key)

    with ThreadPoolExecutor(len(clients)) as crowd:
        answers = list(crowd.map(sent, clients))
    assert len({one.id for one in answers}) == 1
    for client in pair.clients.values():
        pair.paid_once([(answers[0], to)], client)
        assert len(client.read.withdrawals(payer.id)) == 1


def test_both_are_well(pair: Pair) -> None:
    """Health is ok at both Apps, though one alone follows chains."""
    for port in pair.apps:
        eventually(lambda: set(_health(port).values()) == {"ok"}, f"not well: {_health(port)}")  # noqa: B023


def test_when_the_leader_is_killed_the_other_pays_and_nothing_twice(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL in the middle of payments: the other App takes over at once and finishes them, each once."""
    asked, leader, term = pair.order(4), pair.leader(), pair.term()
    client = pair.clients[pair.other()]
    eventually(
        lambda: any(client.withdrawal(one.id).state != "requested" for one, _ in asked),
        "no payment began",
    )
    began_s = time.monotonic()
    pair.apps[leader].kill9()
    eventually(lambda: pair.term() > term, "nobody took over")
    with capsys.disabled():
        print(f"\ntaken over {time.monotonic() - began_s:.2f} s after SIGKILL")  # noqa: T201 - a number to quote
    assert pair.leader() != leader
    pair.paid_once(asked, client)
    _again(pair, leader)
    assert pair.leader() != leader


def test_a_paused_leader_is_replaced_and_pays_nothing_when_it_wakes(pair: Pair) -> None:
    """SIGSTOP: the server ends its lead, the other App pays; awake again it follows, and nothing is paid
    twice."""
    leader, term = pair.leader(), pair.term()
    client, payers = pair.clients[pair.other()], [pair.house.wallet() for _ in range(2)]
    os.kill(pair.apps[leader].pid, signal.SIGSTOP)
    try:
        to = [pair.house.outside() for _ in payers]
        asked = [
            client.withdraw(one.id, pair.house.eth, COIN, at) for one, at in zip(payers, to, strict=True)
        ]
        eventually(lambda: pair.term() > term, "nobody took over")
        pair.paid_once(list(zip(asked, to, strict=True)), client)
    finally:
        os.kill(pair.apps[leader].pid, signal.SIGCONT)
    pair.paid_once(list(zip(asked, to, strict=True)), pair.clients[leader])
    assert pair.leader() != leader


def _again(pair: Pair, port: int) -> None:
    """The App that was killed, started again."""
    child = pair.apps[port]
    child.start()
    client = pair.clients[port]
    eventually(client.read.books_balanced, "the App that was killed does not serve again")


def _health(port: int) -> dict[str, str]:
    parts: dict[str, str] = httpx.get(f"http://127.0.0.1:{port}/health", timeout=20).json()["parts"]
    return parts
