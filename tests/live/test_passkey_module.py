"""The module that owners' browsers run, in Node: it reads intents as signers do, and asks for the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from Crypto.PublicKey import ECC

from keepcool.core.approvals import user_challenge
from keepcool.core.ids import AssetId, IntentId, NetworkId, WalletId
from keepcool.core.intent import Intent, Output, Purpose
from keepcool.core.money import Amount
from tests.fixtures.processes import missing
from tests.fixtures.softkey import SoftPasskey
from tests.unit.app.http.running import Running, running

pytestmark = pytest.mark.live
MODULE = Path(__file__).parents[2] / "src/keepcool/app/http/static/keepcool-passkey.js"
NETWORK = NetworkId("eip155:31337")
ETH = AssetId(f"{NETWORK}/slip44:60")
INTENT = Intent(
    intent=IntentId("wd_1"),
    purpose=Purpose.PAY,
    network=NETWORK,
    source=WalletId("wal_1"),
    outputs=(Output("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", Amount(ETH, 10**30)),),
    fee_max=Amount(ETH, 10**15),
    expires_at_s=1_800_000_000,
)
ORDER = {
    "wallet": "wal_1",
    "network": NETWORK,
    "asset": ETH,
    "feeMax": str(10**15),
    "payments": [{"to": INTENT.outputs[0].recipient, "units": str(10**30)}],
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module as Node imports it."""
    if shutil.which("node") is None:
        missing("node", "install Node.js")
    folder = tmp_path_factory.mktemp("module")
    shutil.copyfile(MODULE, folder / "passkey.mjs")
    return folder


def ran(folder: Path, expression: str, **values: object) -> object:
    """What the expression gives, or the message of the error it throws. `values` are constants in it."""
    constants = "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items())
    script = f"""
        import * as passkey from "./passkey.mjs";
        {constants}
        let told;
        try {{ told = {{ok: await ({expression})}}; }} catch (error) {{ told = {{error: error.message}}; }}
        console.log(JSON.stringify(told));
    """
    run = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        cwd=folder, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    told: dict[str, object] = json.loads(run.stdout)
    return told["ok"] if "ok" in told else told["error"]


def read(folder: Path, data: bytes) -> object:
    return ran(folder, "passkey.parseIntent(Uint8Array.from(data))", data=list(data))


def test_it_reads_an_intent_and_asks_for_the_same_challenge(node: Path) -> None:
    """Every field of the bytes, and the 32 bytes that both signers verify a signature of."""
    data = INTENT.encoded()
    assert read(node, data) == json.loads(data)
    told = ran(node, "passkey.hex(await passkey.challengeOf(Uint8Array.from(data)))", data=list(data))
    assert told == user_challenge(data).hex()
    assert ran(node, "passkey.hashOf(Uint8Array.from(data))", data=list(data)) == INTENT.hash()


@pytest.mark.parametrize(
    "data",
    [
        INTENT.encoded().replace(b":1", b": 1", 1),
        INTENT.encoded()[:-1] + b',"zz":1}',
        INTENT.encoded().replace(b'"version":1', b'"version":2'),
        INTENT.encoded().replace(b'"purpose":"pay"', b'"purpose":"pay","purpose":"pay"'),
        INTENT.encoded().replace(b'"units":"1000000000000000"', b'"units":1000000000000000'),
        INTENT.encoded().replace(b'"units":"1', b'"units":"01', 1),
        INTENT.encoded().replace(b"wal_1", "wal_ı".encode()),
        INTENT.encoded().replace(b'"recipient":"0x5', b'"recipient":"\\u0030x5'),
        replace(INTENT, purpose=Purpose.VOID, outputs=()).encoded(),
        INTENT.encoded().replace(b'[{"asset":"eip155:31337', b'[{"asset":"eip155:1'),
        b"[]",
    ],
    ids=[
        "a space", "a field more", "another version", "a field twice", "a number", "a leading zero",
        "not ASCII", "an escape", "a void", "an asset elsewhere", "no object",
    ],
)  # fmt: skip
def test_refuses_bytes_that_are_no_intent_in_its_one_form(node: Path, data: bytes) -> None:
    """What a person reads and what is signed are the same bytes, spelled in one way only."""
    assert "no intent in its one form" in str(read(node, data))


def test_it_names_what_an_intent_says_otherwise(node: Path) -> None:
    """A site that keeps its users' orders compares them with one call; nothing differs in the honest one."""
    expression = "passkey.differences(intent, order)"
    honest = json.loads(INTENT.encoded())
    assert ran(node, expression, intent=honest, order=ORDER) == []
    thief = replace(INTENT, outputs=(Output("0xfB69", Amount(ETH, 1)),), fee_max=Amount(ETH, 10**16))
    told = ran(node, expression, intent=json.loads(thief.encoded()), order=ORDER)
    assert isinstance(told, list)
    assert (len(told), "0xfB69" in told[0], str(10**16) in told[1]) == (2, True, True)


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_a_key_is_spelled_as_records_have_it(node: Path, name: str) -> None:
    """From the public key a browser gives, whichever of the two points it is; other curves are refused."""
    key = SoftPasskey(name)
    spki = key.secret.public_key().export_key(format="DER")
    assert ran(node, "passkey.keyText(Uint8Array.from(data))", data=list(spki)) == key.text
    other = ECC.generate(curve="P-384").public_key().export_key(format="DER")
    assert "not of P-256" in str(ran(node, "passkey.keyText(Uint8Array.from(data))", data=list(other)))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("page")) as made:
        yield made


def test_the_page_runs_nothing_but_its_own_files(app: Running) -> None:
    """Served without a key under a policy that forbids inline and foreign script; it holds neither, and every
    file it names is there."""
    client = app.client()
    page = client.get("/sign")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script[^>]*>(?!</script>)|\son\w+=|style=|https?://", page.text) == []
    for file in re.findall(r'(?:src|href)="(/sign/[^"]+)"', page.text):
        assert client.get(file).status_code == 200
    module = client.get("/sign/keepcool-passkey.js")
    assert module.headers["content-type"].startswith("text/javascript")
    assert "import " not in module.text
    named = set(re.findall(r'(?:at|show|listLines)\("([a-z-]+)"', client.get("/sign/sign.js").text))
    assert named <= set(re.findall(r'id="([a-z-]+)"', page.text))
