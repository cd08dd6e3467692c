"""The key a person decides with, outside a browser: a FIDO2 key on USB, or an Ed25519 key in a file.

Law: a key signs 32 bytes that were counted here; what they stand for was shown before.
"""

from __future__ import annotations

import base64
import getpass
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from keepcool.cli import passphrases
from keepcool.core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from fido2.client import UserInteraction
    from fido2.ctap import CtapDevice

    from keepcool.wire.proofs import Proof

_FILE_CODE = "desk.passphrase_file"


class Key(Protocol):
    """`text`: of an Ed25519 key, "" for a security key, which its touch names."""

    @property
    def text(self) -> str: ...

    def sign(self, challenge: bytes, credentials: list[str]) -> tuple[str, Proof]:
        """The credential that answered ("" for a file's key) and its proof."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """Made by `keepcool admin new-key`; its passphrase is asked for once."""

    file: Path
    text: str
    passphrase: bytes

    def sign(self, challenge: bytes, credentials: list[str]) -> tuple[str, Proof]:  # noqa: ARG002
        from keepcool.local import adminkeys
        from keepcool.wire.proofs import parse_proof

        return "", parse_proof(adminkeys.signed(self.file, self.passphrase, challenge))

    def __repr__(self) -> str:
        return f"FileKey({self.text})"


@dataclass(frozen=True, slots=True)
class SecurityKey:
    """The one that is plugged in. It asks for its PIN and a touch."""

    origin: str
    rp_id: str
    text: str = ""

    def sign(self, challenge: bytes, credentials: list[str]) -> tuple[str, Proof]:
        from fido2 import webauthn
        from fido2.client import ClientError, DefaultClientDataCollector, Fido2Client
        from fido2.ctap import CtapError

        from keepcool.wire.proofs import PasskeyProof

        client = Fido2Client(_device(), DefaultClientDataCollector(self.origin), _interaction())
        options = webauthn.PublicKeyCredentialRequestOptions(
            challenge=challenge,
            rp_id=self.rp_id,
            allow_credentials=[
                webauthn.PublicKeyCredentialDescriptor(
                    type=webauthn.PublicKeyCredentialType.PUBLIC_KEY, id=_unpacked(one)
                )
                for one in credentials
            ],
            user_verification=webauthn.UserVerificationRequirement.REQUIRED,
        )
        try:
            answer = client.get_assertion(options).get_response(0)
        except ClientError as error:
            raise Refused("desk.security_key", f"the security key did not sign: {error.code.name}") from error
        except (CtapError, ValueError, OSError) as error:
            text = f"the security key does not do what is asked of it: {error}"
            raise Refused("desk.security_key", text) from error
        said = answer.response
        proof = PasskeyProof(
            authenticator_data=bytes(said.authenticator_data),
            client_data=bytes(said.client_data),
            signature=said.signature,
        )
        return _packed(answer.raw_id), proof


def file_key(file: Path, passphrase_file: Path | None) -> FileKey:
    """Raises Refused or Malformed on a file that is no key."""
    from keepcool.local import adminkeys

    text = adminkeys.public_of(file)
    (words,) = passphrases.asked(passphrase_file, ["Passphrase"], _FILE_CODE, twice=False)
    return FileKey(file, text, bytes(words))


def _device() -> CtapDevice:
    from fido2.hid import CtapHidDevice

    found = list(CtapHidDevice.list_devices())
    if len(found) != 1:
        raise Unavailable(
            "desk.security_key",
            f"{len(found)} security keys found: plug in exactly one, or name a file with --key",
        )
    return found[0]


def _interaction() -> UserInteraction:
    from fido2.client import UserInteraction
    from fido2.ctap2.pin import ClientPin

    class Terminal(UserInteraction):
        def prompt_up(self) -> None:
            print("Touch the security key.", file=sys.stderr)

        def request_pin(self, permissions: ClientPin.PERMISSION, rp_id: str | None) -> str | None:  # noqa: ARG002
            return getpass.getpass("PIN of the security key: ")

    return Terminal()


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
