"""API keys, and the command that makes them while App may be running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.app import keys
from keepcool.app.keys import Scope
from keepcool.app.store import Store
from keepcool.cli.main import main
from keepcool.core.errors import Conflict, Malformed, Refused
from tests.unit.app.http.test_config import GOOD


def typed(*words: str) -> int:
    return main(["app", *words])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "app.toml"
    made.write_text(GOOD, encoding="utf-8")
    return made


def test_a_key_is_printed_once_and_recognised(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed text is recognised with its scopes; the list shows everything but the text."""
    assert typed("api-key", "new", "--config", str(file), "--name", "shop", "--scopes", "read,withdraw") == 0
    text = capsys.readouterr().out.strip()
    assert len(text) == len(keys.PREFIX) + 43
    store = Store(open_books(file.parent / "app.sqlite"))
    key = store.transact(lambda tx: keys.recognise(tx, text))
    assert key.scopes == {Scope.READ, Scope.WITHDRAW}
    # another process's lock on the database does not stop the command
    assert typed("api-key", "list", "--config", str(file), "--json") == 0
    listed = capsys.readouterr().out
    assert text not in listed
    assert json.loads(listed)[0]["name"] == "shop"
    assert typed("api-key", "revoke", "--config", str(file), "--name", "shop") == 0
    with pytest.raises(Refused, match="not known, or no longer"):
        store.transact(lambda tx: keys.recognise(tx, text))
    store.close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--name", "shop", "--scopes", "everything"), "scopes are some of"),
        (("--name", "shop", "--scopes", ""), "scopes are some of"),
        (("--name", "", "--scopes", "read"), "1 to 64 characters"),
    ],
)
def test_refuses_what_is_no_key(
    file: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    """Unknown scopes and empty names are refused, and nothing is printed that looks like a key."""
    assert typed("api-key", "new", "--config", str(file), *words) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.out == ""


def test_a_name_is_one_keys_while_it_is_in_use(tmp_path: Path) -> None:
    """A second key of a used name is refused; after revocation the name is free again."""
    store = Store(open_books(tmp_path / "app.sqlite"))
    store.create_tables()

    def make() -> str:
        wanted = frozenset({Scope.READ})
        return store.transact(
            lambda tx: keys.create(tx, name="a", scopes=wanted, now_ms=1, entropy=SystemEntropy())
        )[1]

    first = make()
    with pytest.raises(Conflict, match="there is a key named a"):
        make()
    store.transact(lambda tx: keys.revoke(tx, name="a", now_ms=2))
    assert make() != first
    with pytest.raises(Malformed):
        keys.parse_scopes(["read", "root"])
    store.close()


def test_check_config_speaks(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`keepcool app check-config` prints the sentences, or what is wrong."""
    assert typed("check-config", "--config", str(file)) == 0
    assert "no coin key" in capsys.readouterr().out
    file.write_text("", encoding="utf-8")
    assert typed("check-config", "--config", str(file)) == 2
    assert "config.form" in capsys.readouterr().err
