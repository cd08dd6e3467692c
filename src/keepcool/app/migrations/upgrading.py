"""Takes the steps a database lacks. Laws: in README.md beside this file; one transaction for all of them,
under the lock of the one writer; books that are newer than the program are not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

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
            settings = _settings()
            settings.attributes["connection"] = tx
            command.upgrade(settings, "head")
        return found


def look(engine: Engine) -> Standing:
    """The same without taking a step."""
    with engine.begin() as tx:
        return standing(tx)


def standing(tx: Connection) -> Standing:
    """Raises Refused when the database has a step this program does not know."""
    heads = MigrationContext.configure(tx).get_current_heads()
    at = heads[0] if heads else NONE
    steps = known()
    if at != NONE and at not in steps:
        raise Refused(
            "books.newer",
            f"this database has step {at} of its schema, this program knows none after {steps[-1]}: a newer "
            "keepcool has upgraded it; run that one",
        )
    return Standing(at, steps[steps.index(at) + 1 :] if heads else steps)


@cache
def known() -> tuple[str, ...]:
    """The steps of this program, in order."""
    scripts = ScriptDirectory.from_config(_settings())
    try:
        found = tuple(one.revision for one in scripts.walk_revisions("base", "head"))
    except CommandError as error:
        raise Refused("books.steps", f"the steps of this program are not one line: {error}") from error
    return found[::-1]


def _settings() -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings
