"""Notifications: told once to each, again only until taken, and nothing that they need not say."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from keepcool.adapters.mail.smtp import SmtpMailer, SmtpServer
from keepcool.adapters.system.marks import MarksFile
from keepcool.core.errors import Refused, Unavailable
from keepcool.desk.naming import Names
from keepcool.desk.rows import row_of
from keepcool.desk.telling import MailReceiver, Receiver, Telling, WebhookReceiver
from keepcool.ports.webhooks import Posted
from tests.unit.desk import samples
from tests.unit.desk.test_mirror import PlayCooler, mirror, waiting
from tests.unit.wire.cast import StillClock

ORIGIN, SECRET = "https://desk.example", b"s" * 32


@dataclass
class Posts:
    """A receiver of webhooks that may refuse."""

    status: int = 200
    sent: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    async def check(self, url: str) -> None: ...

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:  # noqa: ARG002
        self.sent.append((headers, body))
        return Posted(self.status)


@dataclass
class Letters:
    sent: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, subject: str, text: str) -> None:
        self.sent.append((subject, text))


def webhook(posts: Posts) -> WebhookReceiver:
    return WebhookReceiver("https://hooks.example/desk", SECRET, posts, ORIGIN)


def office(folder: Path, cooler: PlayCooler, *receivers: Receiver) -> tuple[Telling, StillClock]:
    found, clock = mirror(cooler)
    asyncio.run(found.refresh())
    return Telling(found, receivers, MarksFile(folder / "told.json"), clock, tries_max=3), clock


def test_each_item_is_told_once(tmp_path: Path) -> None:
    """What waits is told together, signed so that the scheme's own library takes it; a restart repeats
    nothing, and what begins to wait later is told by itself."""
    posts, cooler = Posts(), PlayCooler(waiting(3))
    told, clock = office(tmp_path, cooler, webhook(posts))
    asyncio.run(told.once())
    asyncio.run(told.once())
    headers, body = posts.sent[0]
    assert len(posts.sent) == 1
    clock.at_ms += 1_000
    signature = headers["webhook-signature"]
    expected = Webhook(base64.b64encode(SECRET).decode()).sign(
        headers["webhook-id"], _moment(headers["webhook-timestamp"]), body.decode()
    )
    assert signature == expected
    assert [one["intent_hash"] for one in json.loads(body)["data"]["items"]] == [
        one.intent_hash for one in cooler.rows
    ]
    again, _ = office(tmp_path, cooler, webhook(posts))
    asyncio.run(again.once())
    assert len(posts.sent) == 1
    cooler.rows += waiting(1, 4)
    later, _ = office(tmp_path, cooler, webhook(posts))
    asyncio.run(later.once())
    data = json.loads(posts.sent[1][1])["data"]
    assert (data["new"], data["waiting"]) == (1, 4)


def test_what_is_not_taken_is_tried_later_and_given_up(tmp_path: Path) -> None:
    """A receiver that fails is left alone for longer each time, gets the same id again, and after a bound the
    batch is given up; another receiver is told at once."""
    posts, letters = Posts(status=500), Letters()
    mail = MailReceiver(letters, ORIGIN, "keepcool", Names({}))
    told, clock = office(tmp_path, PlayCooler(waiting(2)), webhook(posts), mail)
    asyncio.run(told.once())
    asyncio.run(told.once())
    assert (len(posts.sent), len(letters.sent)) == (1, 1)
    for wait_s in (30, 60, 3_600, 3_600):
        clock.at_ms += wait_s * 1000
        asyncio.run(told.once())
    assert len(posts.sent) == 3
    assert len({headers["webhook-id"] for headers, _ in posts.sent}) == 1


@pytest.mark.parametrize("details", [False, True])
def test_a_mail_names_neither_amounts_nor_addresses(details: bool) -> None:
    """Unless the configuration asks for details, a mail says that something waits and where, and no more."""
    letters = Letters()
    mail = MailReceiver(letters, ORIGIN, "keepcool", Names({}), details=details)
    found, clock = mirror(PlayCooler(waiting(2)))
    asyncio.run(found.refresh())

    class Nowhere:
        def read(self) -> dict[str, int]:
            return {}

        def write(self, marks: Mapping[str, int]) -> None: ...

    asyncio.run(Telling(found, [mail], Nowhere(), clock, tries_max=3).once())
    subject, text = letters.sent[0]
    assert "2 payments wait" in subject
    assert ORIGIN in text
    assert (samples.ALICE in text) == details
    assert ("slip44" in text) == details
    assert "user-" not in text


def test_marks_survive_and_nonsense_is_none(tmp_path: Path) -> None:
    """Marks are read back; a file that does not read is as if there were none."""
    marks = MarksFile(tmp_path / "told.json")
    assert marks.read() == {}
    marks.write({"mail": 7})
    assert MarksFile(tmp_path / "told.json").read() == {"mail": 7}
    (tmp_path / "told.json").write_text('{"mail": "7", "x": 1.5, "y": 2')
    assert marks.read() == {}
    (tmp_path / "told.json").write_text('{"mail": "7", "y": 2}')
    assert marks.read() == {"y": 2}


def test_mail_is_careful() -> None:
    """A password goes nowhere without TLS, addresses are plain, and no server means a later try."""
    open_line = SmtpServer("127.0.0.1", 1, "none", timeout_s=3)
    with pytest.raises(Refused, match=r"mail\.security"):
        SmtpMailer(SmtpServer("mx", 25, "none", "u", "secret"), "a@b.example", ["c@d.example"])
    for wrong in ("nobody", "a@b\r\nBcc: e@f", "Evil <a@b>"):
        with pytest.raises(Refused, match=r"mail\.address"):
            SmtpMailer(open_line, wrong, ["c@d.example"])
    with pytest.raises(Refused, match=r"mail\.recipients"):
        SmtpMailer(open_line, "a@b.example", [])
    with pytest.raises(Unavailable, match=r"mail\.unreached"):
        asyncio.run(SmtpMailer(open_line, "a@b.example", ["c@d.example"]).send("x", "y"))
    assert "secret" not in repr(SmtpServer("mx", 25, "tls", "u", "secret"))
    assert row_of(waiting(1)[0]).hash


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(int(text), UTC)
