"""What App's storage tells the engine of its database, on either kind of it."""

from __future__ import annotations

ASKING = 2
"""How many transactions read for whoever asks."""
READERS = ASKING + 1
"""How many read beside the one that writes: the leading App's own work waits for nobody's questions."""
READING = "keepcool_reading"
"""An execution option of a connection that only reads: it waits for nobody, sees the books of one moment, and
fails where it would write."""
