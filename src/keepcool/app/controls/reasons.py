"""Why something was done: a line that is kept and told with it."""

from __future__ import annotations

from keepcool.core.errors import Malformed

REASON_CHARS_MAX = 500


def check_reason(reason: str) -> str:
    """Without blanks around it. Raises Malformed `control.reason` on an empty or long one."""
    if not reason.strip() or len(reason) > REASON_CHARS_MAX:
        raise Malformed("control.reason", f"give a reason of 1 to {REASON_CHARS_MAX} characters")
    return reason.strip()
