"""API keys, and the command that makes them while App may be running."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.books import open_books
from keepcool.adapters.system.clock import SystemEntropy
from keepcool.app import keys
from keepcool.app.keys import ApiKey, Scope
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
    key = store.transact(lambda tx: keys.recognise(tx, text, 1))
    assert key.scopes == {Scope.READ, Scope.WITHDRAW}
    # another process's lock on the database does not stop the command
    assert typed("api-key", "list", "--config", str(file), "--json") == 0
    listed = capsys.readouterr().out
    assert text not in listed
    assert json.loads(listed)[0]["name"] == "shop"
    assert typed("api-key", "revoke", "--config", str(file), "--name", "shop") == 0
    with pytest.raises(Refused, match="not known, or no longer"):
        store.transact(lambda tx: keys.recognise(tx, text, 1))
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


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Store]:
    made = Store(open_books(tmp_path / "app.sqlite"))
    made.create_tables()
    yield made
    made.close()


def made(books: Store) -> tuple[ApiKey, str]:
    return books.transact(
        lambda tx: keys.create(
            tx, name="shop", scopes=frozenset({Scope.READ}), now_ms=1, entropy=SystemEntropy()
        )
    )


def rotated(books: Store, overlap_ms: int, now_ms: int) -> str:
    entropy = SystemEntropy()
    return books.transact(
        lambda tx: keys.rotate(tx, name="shop", overlap_ms=overlap_ms, now_ms=now_ms, entropy=entropy)
    )[1]


def known(books: Store, text: str, now_ms: int) -> str:
    return books.transact(lambda tx: keys.recognise(tx, text, now_ms)).id


def test_a_rotated_key_has_two_texts_for_a_while_and_is_one_key(books: Store) -> None:
    """Both texts are the same key until the overlap ends, so no Idempotency-Key pays twice; then only the new
    one is known."""
    key, old = made(books)
    new = rotated(books, overlap_ms=1000, now_ms=100)
    assert known(books, old, 1099) == known(books, new, 1099) == key.id
    assert known(books, new, 1100) == key.id
    with pytest.raises(Refused, match="not known, or no longer"):
        known(books, old, 1100)


def test_a_hurried_rotation_cuts_earlier_overlaps_short(books: Store) -> None:
    """A rotation without overlap ends every text before it; revoking ends all of them."""
    _, first = made(books)
    second = rotated(books, overlap_ms=10_000, now_ms=100)
    third = rotated(books, overlap_ms=0, now_ms=200)
    for text in (first, second):
        with pytest.raises(Refused, match="not known, or no longer"):
            known(books, text, 200)
    fourth = rotated(books, overlap_ms=10_000, now_ms=300)
    books.transact(lambda tx: keys.revoke(tx, name="shop", now_ms=400))
    for text in (third, fourth):
        with pytest.raises(Refused, match="not known, or no longer"):
            known(books, text, 400)


def test_when_a_text_was_used_is_shown_for_each(books: Store) -> None:
    """The operator sees that nobody uses the old text any more before it ends."""
    _, old = made(books)
    new = rotated(books, overlap_ms=10**6, now_ms=100)
    known(books, old, 200)
    known(books, new, 70_000)
    known(books, new, 70_001)
    shown = books.transact(keys.listed)[0]
    former = books.transact(lambda tx: keys.formers(tx, 80_000))[0]
    assert (shown.used_at_ms, former.used_at_ms, former.ends_at_ms) == (70_000, 200, 100 + 10**6)


@pytest.mark.parametrize("overlap_ms", [-1, keys.OVERLAP_MS_MAX + 1])
def test_an_overlap_without_end_is_refused(books: Store, overlap_ms: int) -> None:
    """And the key stays as it was."""
    _, text = made(books)
    with pytest.raises(Malformed, match="overlap"):
        rotated(books, overlap_ms, 100)
    assert known(books, text, 100)


def test_the_command_rotates(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`app key rotate` prints the new text once; the list shows both texts' last use, and neither text."""
    assert typed("api-key", "new", "--config", str(file), "--name", "shop", "--scopes", "read") == 0
    old = capsys.readouterr().out.strip()
    assert typed("key", "rotate", "shop", "--overlap", "2d", "--config", str(file)) == 0
    new = capsys.readouterr().out.strip()
    assert new != old
    assert typed("key", "list", "--config", str(file), "--json") == 0
    told = capsys.readouterr().out
    assert len(json.loads(told)[0]["before"]) == 1
    assert old not in told
    assert new not in told
    assert typed("key", "rotate", "shop", "--overlap", "soon", "--config", str(file)) == 2
    assert typed("key", "rotate", "nobody", "--config", str(file)) == 2
