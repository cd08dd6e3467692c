"""`insert … on conflict`, one statement for SQLite and PostgreSQL.

The two databases spell it alike, and PostgreSQL's construct is compiled for SQLite too, which the tests of
every table prove. The only place of App that names a dialect's construct.
"""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert as upsert

__all__ = ["upsert"]
