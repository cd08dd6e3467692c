"""The operator's commands, typed: against a running App, and at its host."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keepcool.app.deposits import events
from keepcool.app.deposits.events import Freezes
from keepcool.app.keys import Scope
from keepcool.cli import main
from keepcool.core.ids import NetworkId, WalletId
from keepcool.core.parties import Service
from tests.live.test_api_objects import credit, user, wallet
from tests.unit.app.http.running import ETH, TOKEN, Running, running
from tests.unit.app.http.test_config import GOOD

pytestmark = pytest.mark.live
RECIPIENT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
STRANGER = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
Typed = Callable[..., Any]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("commands")) as made:
        yield made


def operator(app: Running, folder: Path, name: str, *scopes: Scope) -> Path:
    """An operator's folder with a key of these scopes."""
    keys = {peer.service: peer.attestation_key or b"" for peer in app.signers.peers}
    text = app.client(*scopes).headers["Authorization"].removeprefix("Bearer ")
    (folder / f"{name}.key").write_text(text, encoding="ascii")
    pins = f'keeper = "{keys[Service.KEEPER].hex()}"\ncooler = "{keys[Service.COOLER].hex()}"'
    file = folder / f"{name}.toml"
    file.write_text(f'url = "{app.url}"\napi_key = "{name}.key"\n[pins]\n{pins}\n', encoding="utf-8")
    return file


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command; its JSON, or the code it was refused with."""

    def run(*words: str, by: Path) -> Any:
        capsys.readouterr()
        status = main.main([*words, "--client", str(by), "--json"])
        out, err = capsys.readouterr()
        return json.loads(out) if status == 0 else err.strip().rpartition("[")[2].rstrip("]")

    return run


@pytest.fixture(scope="module")
def funded(app: Running) -> WalletId:
    client = app.client(Scope.USERS, Scope.WALLETS)
    made = WalletId(wallet(client, user(client))["id"])
    credit(app, "funded", made, 10**18)
    return made


def test_payouts_are_looked_at_stopped_and_let_go(
    app: Running, tmp_path: Path, typed: Typed, funded: WalletId
) -> None:
    """list, show, freeze, thaw, bump and cancel: each says what came of it, or why not."""
    admin = operator(app, tmp_path, "admin", Scope.ADMIN)
    where = ("--wallet", funded, "--to", RECIPIENT, "--asset", "ETH", "--units", "1000")
    name = typed("withdraw", "new", *where, by=admin)["id"]
    assert [one["id"] for one in typed("payouts", "list", "--state", "requested", by=admin)] == [name]
    told = typed("payouts", "show", name, by=admin)
    assert (told["withdrawal"]["id"], told["attempts"]) == (name, [])
    assert told["commands"] == [f"keepcool payouts cancel {name}"]
    assert typed("payouts", "bump", name, by=admin) == "payout.not_waiting"
    assert typed("payouts", "freeze", name, "--reason", "a call", by=admin)["state"] == "frozen"
    assert typed("payouts", "show", name, by=admin)["commands"][0] == f"keepcool payouts thaw {name}"
    assert typed("payouts", "thaw", name, by=admin)["state"] == "requested"
    assert typed("payouts", "cancel", name, by=admin)["state"] == "cancelled"


def test_suspended_and_resumed_by_command(
    app: Running, tmp_path: Path, typed: Typed, funded: WalletId
) -> None:
    """suspend, list and resume; a payment in between is refused with its code."""
    admin = operator(app, tmp_path, "admin", Scope.ADMIN)
    why = ("--reason", "a split", "--hold-deposits")
    assert typed("control", "suspend", "asset", ETH, *why, by=admin)["deposits"] == "hold"
    where = ("--wallet", funded, "--to", RECIPIENT, "--asset", "ETH", "--units", "1000")
    assert typed("withdraw", "new", *where, by=admin) == "asset.suspended"
    assert [one["subject"] for one in typed("control", "list", by=admin)] == [ETH]
    typed("control", "resume", "asset", "ETH", "--reason", "over", by=admin)
    assert typed("control", "list", by=admin) == []
    assert len(typed("control", "list", "--all", by=admin)) == 1


def test_networks_and_assets_are_named_as_people_do(app: Running, tmp_path: Path, typed: Typed) -> None:
    """A name that nothing here has is refused with those there are, before anything is asked for."""
    admin = operator(app, tmp_path, "admin", Scope.ADMIN)
    assert typed("control", "suspend", "asset", "DOGE", "--reason", "x", by=admin) == "cli.asset"
    assert typed("control", "suspend", "network", "nowhere", "--reason", "x", by=admin) == "cli.network"
    assert typed("control", "list", by=admin) == []


def test_alarms_are_seen_and_looked_at_by_command(
    app: Running, tmp_path: Path, typed: Typed, funded: WalletId
) -> None:
    """list and thaw: shown until an admin has looked, and after that with --all alone."""
    admin, reader = (operator(app, tmp_path, one, Scope(one)) for one in ("admin", "read"))
    app.store.transact(
        lambda tx: events.record(
            tx,
            key="gone",
            at_ms=1,
            network=NetworkId(ETH.partition("/")[0]),
            wallet=funded,
            code="wallet.spent_without_us",
            text="gone",
            freezes=Freezes.WALLET,
        )
    )
    (told,) = typed("alarm", "list", by=reader)
    assert (told["wallet"], told["code"], told["freezes"]) == (funded, "wallet.spent_without_us", "wallet")
    number = str(told["number"])
    assert typed("alarm", "thaw", number, by=reader) == "auth.scope"
    assert [one["number"] for one in typed("alarm", "list", by=reader)] == [told["number"]]
    assert typed("alarm", "thaw", number, by=admin)["thawed_at_ms"] is not None
    assert typed("alarm", "list", by=reader) == []
    assert [one["number"] for one in typed("alarm", "list", "--all", by=reader)] == [told["number"]]
    assert typed("alarm", "thaw", "9999", by=admin) == "event.not_found"


def test_a_correction_by_two_operators(app: Running, tmp_path: Path, typed: Typed, funded: WalletId) -> None:
    """propose by one, refused to him, show and approve by the other, listed."""
    anna = operator(app, tmp_path, "anna", Scope.ACCOUNTANT)
    boris = operator(app, tmp_path, "boris", Scope.ACCOUNTANT)
    what = ("--source", f"owed:{funded}", "--target", f"house:{funded}", "--asset", ETH, "--units", "5")
    why = ("--reason", "twice", "--reference", "T-9", "--person", "Anna")
    made = typed("correction", "propose", *what, *why, by=anna)
    approve = ("correction", "approve", made["id"], "--digest", made["digest"], "--person")
    assert typed(*approve, "Anna", by=anna) == "correction.same_person"
    assert typed("correction", "show", made["id"], by=boris) == made
    assert typed(*approve, "Boris", by=boris)["state"] == "applied"
    again = typed("correction", "propose", *what, *why, by=anna)["id"]
    rejected = typed("correction", "reject", again, "--person", "Boris", "--reason", "no", by=boris)
    assert rejected["state"] == "rejected"
    assert [one["id"] for one in typed("correction", "list", "--state", "applied", by=boris)] == [made["id"]]


def test_a_stray_token_is_seen_and_sent_to_the_harbor(
    app: Running, tmp_path: Path, typed: Typed, funded: WalletId
) -> None:
    """show and new; not more than lies there, not of a listed token, and not by an ordinary key."""
    admin = operator(app, tmp_path, "admin", Scope.ADMIN)
    payer = operator(app, tmp_path, "payer", Scope.READ, Scope.WITHDRAW)
    here = ("--wallet", funded, "--token", STRANGER)
    to = ("--to", RECIPIENT, "--reason", "ticket 11")
    assert typed("rescue", "new", *here, *to, by=admin) == "rescue.balance"
    app.engine.strays = 500
    assert typed("rescue", "show", *here, by=payer)["units"] == "500"
    assert typed("rescue", "new", *here, *to, by=payer) == "auth.scope"
    assert typed("rescue", "new", *here, *to, "--units", "501", by=admin) == "rescue.balance"
    made = typed("rescue", "new", *here, *to, by=admin)
    assert (made["kind"], made["amount"], made["to"]) == ("rescue", "500", RECIPIENT)
    listed = ("--wallet", funded, "--token", TOKEN.rpartition(":")[2])
    assert typed("rescue", "show", *listed, by=payer) == "rescue.listed"


def test_keys_are_made_limited_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At App's host: networks and limits of a key, shown and changed; nonsense is refused."""
    file = tmp_path / "app.toml"
    file.write_text(GOOD, encoding="utf-8")
    where = ("--config", str(file))

    def run(*words: str) -> tuple[int, str]:
        status = main.main(["app", "api-key", *words, *where])
        told = capsys.readouterr()
        return status, told.out + told.err

    named = ("--name", "shop", "--scopes", "read,withdraw", "--from", "192.0.2.0/24")
    assert run("new", *named, "--withdrawals-per-minute", "30")[0] == 0
    assert "30 payments a minute, from 192.0.2.0/24" in run("list")[1]
    assert run("limit", "shop", "--from", "2001:db8::/64", "--requests-per-s", "0")[0] == 0
    told = run("list")[1]
    assert "any number of requests a second, from 2001:db8::/64" in told
    assert "192.0.2.0" not in told
    status, said = run("limit", "shop", "--from", "192.0.2.1/24")
    assert (status, "[api_key.networks]" in said) == (2, True)
    assert run("limit", "nobody")[0] == 2
    assert run("revoke", "--name", "shop")[0] == 0
