"""Mail as it leaves: over a socket, to a server that takes it, refuses it or hangs."""

from __future__ import annotations

import asyncio
from email import message_from_bytes, policy

import pytest

from keepcool.adapters.mail.smtp import SmtpMailer, SmtpServer
from keepcool.core.errors import KeepcoolError

pytestmark = pytest.mark.live


class PlayServer:
    """Speaks just enough SMTP (RFC 5321); `refuse` answers one command otherwise, `deaf` answers nothing."""

    def __init__(self, refuse: dict[str, bytes] | None = None, *, deaf: bool = False) -> None:
        self.refuse, self.deaf = refuse or {}, deaf
        self.recipients: list[str] = []
        self.letters: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.deaf:
            await reader.read()
            return
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            word = line[:4].decode("ascii").strip().upper()
            if word == "RCPT":
                self.recipients.append(line.decode("ascii").partition(":")[2].strip())
            answer = self.refuse.get(word, b"354 go on" if word == "DATA" else b"250 fine")
            writer.write(answer + b"\r\n")
            if word == "DATA" and answer.startswith(b"354"):
                self.letters.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                writer.write(b"250 taken\r\n")
            await writer.drain()
        writer.close()


def sent(server: PlayServer, timeout_s: float = 30) -> None:
    """A mail to this server. Raises what the mailer raised."""

    async def story() -> None:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        reached = SmtpServer("127.0.0.1", port, "none", timeout_s=timeout_s)
        mailer = SmtpMailer(reached, "desk@example.org", ["a@example.org", "b@example.org"])
        try:
            await mailer.send("Два платежа\r\nBcc: evil@example.org", "ждут решения\n.\nвот так")
        finally:
            listening.close()

    asyncio.run(story())


def test_a_letter_arrives_whole() -> None:
    """Subject and text arrive as they were, to the configured people alone, whatever the subject holds; a
    server that says an odd goodbye has taken it all the same."""
    server = PlayServer()
    sent(server)
    assert server.recipients == ["<a@example.org>", "<b@example.org>"]
    letter = message_from_bytes(server.letters[0], policy=policy.default)
    assert letter["Subject"] == "Два платежа Bcc: evil@example.org"
    assert letter["Bcc"] is None
    body = letter.get_body()
    assert body is not None
    assert "ждут решения" in body.get_content()


@pytest.mark.parametrize(
    ("server", "code"),
    [
        (PlayServer({"MAIL": b"451 later"}), "mail.unreached"),
        (PlayServer({"DATA": b"554 never"}), "mail.refused"),
        (PlayServer(deaf=True), "mail.unreached"),
    ],
)
def test_a_server_that_does_not_take_it_is_told(server: PlayServer, code: str) -> None:
    """A later try, a refusal and silence are told apart, and silence ends in time."""
    with pytest.raises(KeepcoolError) as raised:
        sent(server, timeout_s=3)
    assert raised.value.code == code
    assert server.letters == []
