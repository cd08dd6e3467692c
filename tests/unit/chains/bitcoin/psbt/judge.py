"""Bitcoin Core's own script code as the judge of what was signed: it can veto, and cannot be bribed."""

from __future__ import annotations

from keepcool.adapters.bitcoinkernel.scripts import check

core = check
