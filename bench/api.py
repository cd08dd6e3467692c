"""App's API at a hundred requests a second, its books on SQLite and on PostgreSQL.

`python -m bench.api`. Real uvicorn, real books with fsync on this disk, PostgreSQL on a Unix socket with its
own settings; four reads to one withdrawal, sent at their times by another process, whatever answers take.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.fixtures.books import opened_on
from tests.fixtures.postgres import live_postgres
from tests.live.test_api_objects import user, wallet
from tests.unit.app.http.running import ETH, Running, running

from bench.measure import Figure, percentile, printed
from keepcool.app.books import ledger
from keepcool.app.keys import Scope
from keepcool.core.ids import AssetId, WalletId

RATE, SECONDS, WARM_S = 100, 20, 3
RECIPIENT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def api() -> list[Figure]:
    found = _measured("SQLite")
    with live_postgres(durable=True) as server, opened_on(server):
        return [*found, *_measured("PostgreSQL")]


def _measured(engine: str) -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        app = stack.enter_context(running(folder))
        asked = {"url": app.url, **_funded(app), "rate": RATE}
        _loaded(asked | {"seconds": WARM_S})
        told = _loaded(asked | {"seconds": SECONDS})
    failed = sum(status >= 400 for _, _, status in told)
    if failed:
        raise RuntimeError(f"{failed} of {len(told)} requests failed on {engine}")
    figures = []
    for kind, text in (("read", "a page is read"), ("withdraw", "a withdrawal is taken")):
        took = [ms for one, ms, _ in told if one == kind]
        for share, name in ((0.5, "p50"), (0.99, "p99")):
            figures.append(Figure(f"{engine}: {text}, {name}", percentile(took, share), "ms"))
    return figures


def _funded(app: Running) -> dict[str, str]:
    """A key, and a withdrawal's body of a wallet that can pay for all of them."""
    client = app.client(Scope.READ, Scope.USERS, Scope.WALLETS, Scope.WITHDRAW)
    payer = wallet(client, user(client))["id"]
    app.store.transact(
        lambda tx: ledger.credit_deposit(
            tx, deposit="d", wallet=WalletId(payer), asset=AssetId(ETH), units=10**30, at_ms=1
        )
    )
    body = {"wallet": payer, "asset": ETH, "amount": str(10**15), "to": RECIPIENT}
    return {"key": client.headers["Authorization"].partition(" ")[2], "body": json.dumps(body)}


def _loaded(asked: dict[str, object]) -> list[tuple[str, float, int]]:
    argv = [sys.executable, "-m", "bench.api_load"]
    done = subprocess.run(argv, input=json.dumps(asked), capture_output=True, text=True, check=True)
    return [tuple(one) for one in json.loads(done.stdout)]


def main() -> int:
    printed("The API at 100 requests a second", api(), "open loop, one worker; repeat: python -m bench.api")
    return 0


if __name__ == "__main__":
    sys.exit(main())
