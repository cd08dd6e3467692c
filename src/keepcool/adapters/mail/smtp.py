"""E-mail over SMTP (RFC 5321), by the standard library, in a thread of its own.

Laws: TLS certificates are verified against the system's authorities; a password never travels in the clear;
time is bounded; nothing of a message decides whom it goes to: the list stands in the configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from keepcool.core.errors import Refused, Unavailable

_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """`security`: starttls | tls | none. `password` is "" for a server that asks for none."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = ""
    timeout_s: float = 20.0

    def __repr__(self) -> str:
        return f"SmtpServer({self.host}:{self.port}, {self.security})"


class SmtpMailer:
    """The port Mailer."""

    def __init__(self, server: SmtpServer, sender: str, recipients: Sequence[str]) -> None:
        """Raises Refused on a password without TLS, and on addresses that are none."""
        if server.password and server.security == "none":
            raise Refused("mail.security", "a password is not sent without TLS: use starttls or tls")
        for one in (sender, *recipients):
            if "@" not in one or not one.isprintable() or any(mark in one for mark in " ,;<>"):
                raise Refused("mail.address", f"not a plain e-mail address: {one[:80]!r}")
        if not recipients:
            raise Refused("mail.recipients", "mail without recipients reaches nobody")
        self._server, self._sender, self._recipients = server, sender, list(recipients)

    async def send(self, subject: str, text: str) -> None:
        message = self._message(subject, text)
        try:
            await asyncio.to_thread(self._deliver, message)
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= _PERMANENT:
                raise Refused("mail.refused", f"the mail server refused: {error.smtp_code}") from error
            raise Unavailable("mail.unreached", f"the mail server says {error.smtp_code}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise Unavailable("mail.unreached", f"no mail server took it: {type(error).__name__}") from error

    def _message(self, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = " ".join(subject.split())
        message["From"], message["To"] = self._sender, ", ".join(self._recipients)
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=_domain(self._sender))
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="quoted-printable")  # any server takes it
        return message

    def _deliver(self, message: EmailMessage) -> None:
        server = self._server
        line = self._connected()
        try:
            if server.security == "starttls":
                line.starttls(context=ssl.create_default_context())
            if server.password:
                line.login(server.user, server.password)
            line.send_message(message)
            with contextlib.suppress(smtplib.SMTPException, OSError):
                line.quit()  # it was taken: an odd goodbye must not have it sent again
        finally:
            line.close()

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=context)
        return smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
