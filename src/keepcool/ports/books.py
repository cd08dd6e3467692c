"""What App's storage tells the engine of its database, on either kind of it."""

from __future__ import annotations

READERS = 2
"""How many transactions read beside the one that writes."""
READING = "keepcool_reading"
"""An execution option of a connection that only reads: it waits for nobody, sees the books of one moment, and
fails where it would write."""
