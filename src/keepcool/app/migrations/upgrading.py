"""Takes the steps a database lacks. Laws: in README.md beside this file; one transaction for all of them,
under the lock of the one writer; books that are newer than the program are not touched. Alembic is imported
only where a step is taken: an App starts without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from keepcool.core.errors import Refused

_HERE = Path(__file__).parent
NONE = "none"


@dataclass(frozen=True, slots=True)
class Standing:
    """`at`: the last step taken, or `none`; `missing`: those to take, in order."""

    at: str
    missing: tuple[str, ...]


def upgrade(engine: Engine) -> Standing:
    """Takes what is missing. What it found before. Raises Refused when the books are newer."""
    with engine.begin() as tx:
        found = standing(tx)
        if found.missing:
            if tx.dialect.name == "postgresql":
                tx.exec_driver_sql("SET LOCAL statement_timeout = 0")
            _take(tx)
        return found


def look(engine: Engine) -> Standing:
    """The same without taking a step."""
    with engine.begin() as tx:
        return standing(tx)


def standing(tx: Connection) -> Standing:
    """Raises Refused when the database has a step this program does not know."""
    at = _at(tx)
    steps = known()
    if at != NONE and at not in steps:
        raise Refused(
            "books.newer",
            f"this database has step {at} of its schema, this program knows none after {steps[-1]}: a newer "
            "keepcool has upgraded it; run that one",
        )
    return Standing(at, steps if at == NONE else steps[steps.index(at) + 1 :])


@cache
def known() -> tuple[str, ...]:
    """The steps of this program, in order: their files are named by them."""
    return tuple(sorted(file.stem[1:5] for file in (_HERE / "versions").glob("r[0-9][0-9][0-9][0-9]_*.py")))


def _at(tx: Connection) -> str:
    if not inspect(tx).has_table("alembic_version"):
        return NONE
    found = tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    return str(found[0]) if found else NONE


def _take(tx: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = tx
    command.upgrade(settings, "head")
