"""The page where owners enrol and sign, in a real browser with a virtual authenticator."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

from keepcool.app.http.settings import UserSettings
from keepcool.core.personkeys import Scheme, parse_person_key
from keepcool.local.process import free_port
from tests.fixtures.ownerbench import ETHER, FEE_MAX, RECIPIENT, THIEF, Bench, opened, paying
from tests.fixtures.processes import missing
from tests.fixtures.softkey import user_passkey
from tests.unit.app.books.loopback import NETWORK
from tests.unit.app.http.running import settings

pytestmark = pytest.mark.live
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
_WAIT_MS = 60_000


@dataclass
class Desk:
    """A browser at App's page. `said`: errors of its console, violations of the page's policy among them."""

    page: Page
    bench: Bench
    url: str
    said: list[str]

    def go(self, path: str) -> None:
        self.page.goto("about:blank")  # a change of fragment alone loads nothing
        self.page.goto(f"{self.url}{path}")

    def enrolled(self, name: str) -> str:
        self.go("/sign")
        self.page.fill("#enrol-name", name)
        self.page.click("#enrol")
        expect(self.page.locator("#user-key")).not_to_be_empty(timeout=_WAIT_MS)
        return self.page.inner_text("#user-key")

    def link(self, withdrawal: str) -> str:
        return str(self.bench.http.post(f"/v1/withdrawals/{withdrawal}/link", json={}).json()["path"])


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    missing("chromium", "run: make chromium")
    raise AssertionError


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    program, folder, port = _chromium(), tmp_path_factory.mktemp("page"), free_port()
    url = f"http://localhost:{port}"
    chosen = settings(folder)
    http = msgspec.structs.replace(chosen.http, port=port)
    users = UserSettings(rp_id="localhost", origins=(url,))
    settled = msgspec.structs.replace(chosen, http=http, users=users)
    with opened(folder, settled) as bench, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(_WAIT_MS)
        session = context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        said: list[str] = []

        def heard(message: ConsoleMessage) -> None:
            if message.type == "error":
                said.append(message.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: said.append(str(error)))
        yield Desk(page, bench, url, said)
        browser.close()


def test_an_owner_enrols_reads_and_signs(desk: Desk) -> None:
    """The passkey's text makes a wallet; the page shows every field out of the bytes; one touch signs, App
    checks it against the attested record; the page broke no rule of its own."""
    key = desk.enrolled("Carol")
    assert parse_person_key(key).scheme is Scheme.PASSKEY
    name = desk.bench.asked(desk.bench.funded(key))
    intent = desk.bench.drafted(name)
    desk.go(desk.link(name))
    page = desk.page
    expect(page.locator("#sign")).to_be_enabled(timeout=_WAIT_MS)
    shown = {
        field: page.inner_text(f"#{field}") for field in ("pays", "from", "network", "fee", "intent-hash")
    }
    assert RECIPIENT in shown["pays"]
    assert str(ETHER) in shown["pays"]
    assert (shown["from"], shown["network"]) == (intent.source, NETWORK)
    assert (str(FEE_MAX) in shown["fee"], shown["intent-hash"]) == (True, intent.hash())
    page.click("#sign")
    expect(page.locator("#title")).to_have_text("Signed", timeout=_WAIT_MS)
    assert desk.bench.evidence(name, intent) == [key]
    assert desk.said == []


def test_the_page_shows_what_is_signed_and_not_what_was_asked(desk: Desk) -> None:
    """App, taken over, drafted another recipient: it stands on the page, read from the bytes."""
    name = desk.bench.asked(desk.bench.funded(desk.enrolled("Dave")))
    desk.bench.drafted(name, paying(to=THIEF))
    desk.go(desk.link(name))
    expect(desk.page.locator("#pays")).to_contain_text(THIEF, timeout=_WAIT_MS)
    assert RECIPIENT not in desk.page.inner_text("#pays")


def test_another_passkey_of_the_device_signs_nothing(desk: Desk) -> None:
    """The wallet obeys a key that this browser does not have: what it signs is refused, and kept nowhere."""
    desk.enrolled("Erin")
    name = desk.bench.asked(desk.bench.funded(user_passkey("stranger").text))
    intent = desk.bench.drafted(name)
    desk.go(desk.link(name))
    desk.page.click("#sign")
    expect(desk.page.locator("#problem")).to_contain_text("not of the key", timeout=_WAIT_MS)
    assert desk.bench.evidence(name, intent) == []
