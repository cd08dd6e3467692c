"""Message keys are rotated while everybody goes on talking, and a key that was ended is worthless."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepcool.adapters.identity import rotating
from keepcool.adapters.identity.files import FileIdentity
from keepcool.adapters.identity.peers import peers_of
from keepcool.core.errors import Conflict, Refused, Unavailable
from keepcool.core.parties import Peer, Service
from keepcool.local.identities import make_identity, pinned
from keepcool.local.pins import add_next, settle
from keepcool.local.tomltext import rendered
from keepcool.ports.settings import PeerSettings
from keepcool.wire.envelope import Opened
from keepcool.wire.exchange import Exchange
from keepcool.wire.messages import FreezeAnswer, Message
from tests.unit.wire import cast as c
from tests.unit.wire.lane import Lane


@dataclass
class Pair:
    """App asks Keeper; both in files, App's pins in its TOML."""

    folder: Path
    lane: Lane
    keeper_peers: tuple[Peer, ...]
    app: Exchange

    @property
    def identity(self) -> Path:
        return self.folder / "keeper"

    @property
    def config(self) -> Path:
        return self.folder / "app.toml"

    def reload(self) -> None:
        self.app.repin(peers_of(read(self.config)))

    async def restart(self, identity: Path | None = None) -> None:
        """Keeper begins anew with the keys that lie there."""
        end = self.lane.end(Service.KEEPER)
        loaded = FileIdentity.load(identity or self.identity, Service.KEEPER)
        keeper = Exchange(loaded, self.keeper_peers, end, c.StillClock(), c.Dice("k"))

        async def frozen(_: Opened) -> Message:
            return c.freeze_answer()

        await keeper.serve("freeze.v1", frozen)

    async def asks(self) -> Message:
        return await self.app.ask(Service.KEEPER, "freeze.v1", c.freeze(), 5)


def read(config: Path) -> dict[str, PeerSettings]:
    import tomllib

    return {name: PeerSettings(**one) for name, one in tomllib.loads(config.read_text())["peers"].items()}


async def pair(folder: Path) -> Pair:
    for service in (Service.APP, Service.KEEPER):
        make_identity(folder / service.value, service, c.Dice(service.value))
    app, keeper = (FileIdentity.load(folder / one, Service(one)) for one in ("app", "keeper"))
    one = pinned(keeper.peer())
    table = {"signing_key": one.signing_key, "sealing_key": one.sealing_key, "journal_key": one.journal_key}
    (folder / "app.toml").write_text(rendered({"x": 1, "peers": {"keeper": table}, "http": {"port": 0}}))
    lane = Lane()
    peers = peers_of(read(folder / "app.toml"))
    made = Exchange(app, peers, lane.end(Service.APP), c.StillClock(), c.Dice("a"))
    found = Pair(folder, lane, (app.peer(),), made)
    await found.restart()
    return found


def test_nobody_falls_silent_in_any_step(tmp_path: Path) -> None:
    """New, pinned, switched, settled, forgotten: after each step a question is answered."""

    async def story() -> None:
        both = await pair(tmp_path)

        async def answered() -> None:
            assert isinstance(await both.asks(), FreezeAnswer)

        keys = rotating.make_next(both.identity, c.Dice("next"))
        await both.restart()
        await answered()
        assert add_next(both.config, "keeper", *keys)
        both.reload()
        await answered()
        assert rotating.switch(both.identity) == keys
        await both.restart()
        await answered()
        assert settle(both.config, "keeper")
        both.reload()
        await answered()
        rotating.forget(both.identity)
        await both.restart()
        await answered()
        assert rotating.in_use(both.identity) == keys

    asyncio.run(story())


@pytest.mark.parametrize("ended", [True, False])
def test_a_stolen_key_that_was_ended_is_worthless(tmp_path: Path, ended: bool) -> None:
    """A thief with Keeper's old keys answers in its place: refused once App has settled on the new ones; the
    twin, where it has not yet, believes him."""

    async def story() -> None:
        both = await pair(tmp_path)
        shutil.copytree(both.identity, tmp_path / "stolen")
        add_next(both.config, "keeper", *rotating.make_next(both.identity, c.Dice("next")))
        if ended:
            settle(both.config, "keeper")
        both.reload()
        await both.restart(tmp_path / "stolen")
        if not ended:
            assert isinstance(await both.asks(), FreezeAnswer)
            return
        with pytest.raises(Unavailable):
            await both.asks()

    asyncio.run(story())


def test_a_cut_off_switch_goes_on(tmp_path: Path) -> None:
    """Killed between two renames, the switch is asked for again and ends where it would have."""
    make_identity(tmp_path / "k", Service.KEEPER, c.Dice("k"))
    keys = rotating.make_next(tmp_path / "k", c.Dice("next"))
    (tmp_path / "k" / "sealing.key").rename(tmp_path / "k" / "sealing.previous.key")
    assert rotating.switch(tmp_path / "k") == keys
    with pytest.raises(Conflict, match="end the rotation before"):
        rotating.make_next(tmp_path / "k", c.Dice("again"))
    with pytest.raises(Conflict, match="no keys to switch to"):
        rotating.switch(tmp_path / "k")


def test_pins_change_their_own_table_only(tmp_path: Path) -> None:
    """The rest of the file, comments included, stays; an unknown peer or half a key changes nothing."""
    file = tmp_path / "app.toml"
    keys = 'signing_key = "aa"\nsealing_key = "bb"'
    text = f"# ours\nx = 1\n\n[peers.keeper]\n# theirs\n{keys}\n\n[http]\nport = 0\n"
    file.write_text(text)
    for peer, key in (("nobody", "cd" * 32), ("keeper", "cd")):
        with pytest.raises(Refused):
            add_next(file, peer, key, "ef" * 32)
    assert file.read_text() == text
    assert add_next(file, "keeper", "cd" * 32, "ef" * 32)
    assert "# theirs" in file.read_text()
    assert settle(file, "keeper")
    assert not settle(file, "keeper")
    assert (
        file.read_text().replace("cd" * 32, "aa").replace("ef" * 32, "bb").split()
        == text.replace(
            '# theirs\nsigning_key = "aa"\nsealing_key = "bb"',
            'signing_key = "aa"\nsealing_key = "bb"\n# theirs',
        ).split()
    )
