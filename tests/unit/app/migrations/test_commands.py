"""keepcool app upgrade and move-database, as typed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from keepcool.adapters.sqlite.books import open_books
from keepcool.app.books import people
from keepcool.app.migrations import upgrading
from keepcool.app.store import Store
from keepcool.cli.main import main
from keepcool.core.ids import UserId
from tests.unit.app.http.test_config import GOOD
from tests.unit.app.migrations.test_upgrading import made_before_steps, rows


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "app.toml"
    made.write_text(GOOD, encoding="utf-8")
    return made


def typed(*words: str) -> int:
    return main(["app", *words])


def old_books(folder: Path) -> None:
    with closing(Store(open_books(folder / "app.sqlite"))) as store:
        store.transact(made_before_steps)


def books(folder: Path) -> None:
    with closing(Store(open_books(folder / "app.sqlite"))) as store:
        store.create_tables()
        store.transact(
            lambda tx: people.create_user(tx, user=UserId("u"), external_id=None, about={}, now_ms=1)
        )


@pytest.mark.slow
def test_a_check_tells_and_takes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` names the missing steps with status 1; `upgrade` takes them; then a check is content."""
    old_books(file.parent)
    for _ in range(2):
        assert typed("upgrade", "--check", "--config", str(file), "--json") == 1
        told = json.loads(capsys.readouterr().out)
        assert told == {"at": upgrading.NONE, "missing": list(upgrading.known()), "taken": False}
    assert typed("upgrade", "--config", str(file)) == 0
    assert f"{upgrading.known()[-1]} were taken" in capsys.readouterr().out
    assert typed("upgrade", "--check", "--config", str(file)) == 0
    assert "the last one this program knows" in capsys.readouterr().out


def test_upgrade_beside_a_running_app(file: Path) -> None:
    """The steps are taken while another process has the books open."""
    old_books(file.parent)
    with closing(Store(open_books(file.parent / "app.sqlite"))) as running:
        assert typed("upgrade", "--config", str(file)) == 0
        assert running.transact(rows)[0] == 1


def test_books_move_into_another_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says how many rows of each table were moved; a second time it is refused."""
    books(file.parent)
    words = ("move-database", "--to", str(file.parent / "other.sqlite"), "--config", str(file), "--json")
    assert typed(*words) == 0
    assert json.loads(capsys.readouterr().out) == {"user_": 1}
    assert typed(*words) != 0
    assert "has rows in" in capsys.readouterr().err


def test_refuses_to_move_while_an_app_runs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the books open elsewhere nothing is moved."""
    books(file.parent)
    with closing(Store(open_books(file.parent / "app.sqlite"))):
        assert typed("move-database", "--to", str(file.parent / "other.sqlite"), "--config", str(file)) != 0
    assert "stop it" in capsys.readouterr().err
    assert not (file.parent / "other.sqlite").exists()
