"""The interpreter, set for a signer: one loop that computes, threads that wait for a disk and a keystore.

Laws: nothing here changes what is decided; a signer's process alone calls it, never a library.
"""

from __future__ import annotations

import gc
import sys

# A thread back from the disk or the keystore waits for the loop to let go: half a millisecond here, five
# where Python is left as it is.
_SWITCHES_PER_S = 2000
# The memories a signer walks its journal for live as long as it does: looking through them again and again
# for cycles took a tenth of a batch. What a request leaves behind is freed by counting references.
_YOUNG, _MIDDLE, _OLD = 20_000, 20, 20


def settle() -> None:
    """Once, after the journal was walked."""
    sys.setswitchinterval(1 / _SWITCHES_PER_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
