"""Another maker's tester reads the API's own document and tries to catch it in a lie: schemathesis.

Every call, as documented and not: no fault, no status, media type or body that the document does not tell, no
request taken that it rules out, nothing without a key. The makers' one check that is left out wants every
request that fits the schema to be taken; ours are refused for what no schema can say. KEEPCOOL_SOAK tries so
many times as much.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from scripts.reference.api import scopes

from keepcool.app import keys
from keepcool.app.keys import Scope
from tests.unit.app.http.running import Running, running

pytestmark = pytest.mark.live
SOAK = int(os.environ.get("KEEPCOOL_SOAK", "0"))
PROGRAM = str(Path(sys.executable).with_name("schemathesis"))
# A body that is too large is refused before it is read.
SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "415", "422", "503"]
"""
# An endless answer; and a page that goes by the link's own key.
UNTESTED = ("/v1/events/stream",)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("app")) as served:
        yield served


@pytest.fixture(scope="module")
def master(app: Running) -> str:
    """A key that may all."""
    return app.key(*Scope)


def examined(app: Running, folder: Path, key: str, *options: str) -> str:
    """What it says. Fails with all of it when it found something."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    # one worker: threads at once in the parser of Python 3.11 end it now and then
    words = ["--config-file", "schemathesis.toml", "run", f"{app.url}/openapi.json", "--no-color"]
    words += ["--header", f"Authorization: Bearer {key}", "--checks", "all"]
    words += ["--exclude-checks", "positive_data_acceptance", "--generation-database", "none"]
    words += ["--suppress-health-check", "all", "--request-timeout", "60", "--warnings", "off"]
    words += [word for path in UNTESTED for word in ("--exclude-path", path)]
    run = subprocess.run(
        [PROGRAM, *words, *options], cwd=folder, capture_output=True, text=True, check=False, timeout=3000
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
    return run.stdout


def test_everything_documented_is_true(app: Running, master: str, tmp_path: Path) -> None:
    """With a key that may all: whatever comes to mind, then calls upon calls; in a soak the edges of every
    field of every call, too."""
    many = ("--max-examples", str(5 * SOAK or 2))
    more = (
        ("--phases", "coverage,fuzzing,stateful") if SOAK else ("--phases", "fuzzing,stateful", "--seed", "1")
    )
    assert "Tested: " in examined(app, tmp_path, master, *many, *more)


def test_the_edges_of_what_moves_money_are_as_documented(app: Running, master: str, tmp_path: Path) -> None:
    """Every field of these calls left out, too long, of another type, in another place."""
    calls = ("--include-path-regex", "^/v1/(withdrawals|transfers)$", "--phases", "coverage")
    assert "Tested: " in examined(app, tmp_path, master, *calls)


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WITHDRAW])
def test_a_key_that_may_little_meets_no_fault(app: Running, tmp_path: Path, scope: Scope) -> None:
    """What it may not is refused in the document's own terms."""
    examined(app, tmp_path, app.key(scope), "--phases", "fuzzing", "--max-examples", str(3 * SOAK or 1))


def test_every_call_wants_the_scope_it_is_documented_with(app: Running) -> None:
    """Without a key, with one that nobody made, and with every scope but that one, nothing is done."""
    guarded = {call: scope for call, scope in scopes().items() if scope}
    assert len(guarded) > 60
    stranger = {"Authorization": "Bearer kc_" + "A" * 43}
    for scope in Scope:
        others = [one for one in Scope if one is not scope and scope not in keys._ALSO.get(one, ())]
        lacking = {"Authorization": f"Bearer {app.key(*others)}"} if others else stranger
        with httpx.Client(base_url=app.url, timeout=60) as client:
            for path, method in [call for call, wanted in guarded.items() if wanted == scope.value]:
                where = path.replace("{", "").replace("}", "")
                refused = [client.request(method, where, headers=one) for one in ({}, stranger, lacking)]
                codes = [one.json().get("code", one.text) for one in refused]
                last = "auth.scope" if others else "auth.key"  # every key may read
                assert codes == ["auth.missing", "auth.key", last], (method, path)
