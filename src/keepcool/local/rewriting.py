"""Where the parts of an installation find each other, written anew in the files that say so.

One line of a file is replaced and the rest left as the operator has it. A file that has not exactly one such
line is refused.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keepcool.core.errors import Malformed, Refused
from keepcool.local.layout import Layout

_ADDRESS = re.compile(r"([a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?)(?::([0-9]{1,5}))?")
_BUS = re.compile(r'^url = "tls://[^"\n]*"$', re.MULTILINE)
_KEYSTORE = re.compile(r'^url = "https://[^"\n]*"$', re.MULTILINE)
_LISTENER = re.compile(r'^  address = "[^"\n]*"$', re.MULTILINE)
_API = re.compile(r'^api_addr = "[^"\n]*"$', re.MULTILINE)
_APP = re.compile(r'^url = "https?://[^"\n]*"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Address:
    """A host's name or IPv4 address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def address(text: str, port: int) -> Address:
    """From "HOST" or "HOST:PORT". Raises Malformed."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2] or port) < 65536:
        raise Malformed(
            "hosts.address", f"{text!r}: write a host's name or IPv4 address, with or without :PORT"
        )
    return Address(found[1], int(found[2] or port))


def bus(config: Path, brokers: Sequence[Address]) -> None:
    """In a service's TOML. Raises Refused."""
    _replaced(config, _BUS, f'url = "{",".join(f"tls://{one}" for one in brokers)}"')


def keystore(config: Path, where: Address) -> None:
    """In a signer's TOML. Raises Refused."""
    _replaced(config, _KEYSTORE, f'url = "https://{where}"')


def listener(config: Path, interface: str, where: Address) -> None:
    """In openbao.hcl: on which interface it listens, and how it is reached. Raises Refused."""
    _replaced(config, _LISTENER, f'  address = "{interface}:{where.port}"')
    _replaced(config, _API, f'api_addr = "https://{where}"')


def app(config: Path, url: str) -> None:
    """In operator.toml. Raises Malformed on a URL that is none, Refused."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or '"' in url or "\\" in url:
        raise Malformed("hosts.app_url", f"{url!r}: write App's URL, https://HOST")
    _replaced(config, _APP, f'url = "{url}"')


@contextmanager
def at_rest(places: Layout) -> Iterator[None]:
    """For the length of the block `keepcool up` does not begin. Raises Refused when it runs."""
    lock = os.open(places.folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Refused("hosts.running", f"{places.folder} runs: end `keepcool up` first") from error
    finally:
        os.close(lock)


def _replaced(file: Path, line: re.Pattern[str], new: str) -> None:
    text = file.read_text(encoding="utf-8")
    if len(line.findall(text)) != 1:
        raise Refused("hosts.line", f"{file}: found no single line like {new!r} to write anew")
    file.write_text(line.sub(lambda _: new, text), encoding="utf-8")
