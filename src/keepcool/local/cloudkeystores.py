"""Keys in a cloud's KMS: `keepcool init --keystore cloud` is told which, and is given what each signer enters
with. docs/operate/keystore.md says what the key must be. Unverified against the real services.

Laws: nothing is changed in the cloud; two signers have neither one key nor one account, and replicas of a key
in several regions are one key.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keepcool.adapters.identity.keyfiles import write_private
from keepcool.core.errors import Malformed, Refused
from keepcool.core.parties import Service
from keepcool.local import layout
from keepcool.local.layout import SIGNERS, Layout

AWS_KEYS, GCP_ACCOUNT = "aws.keys", "account.json"
_ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]+):([0-9]{12}:key/[A-Za-z0-9-]+)")
_RESOURCE = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_MORE = ("endpoint", "ca")
_BYTES_MAX = 64 * 1024
_WANTED = (
    "keeper=KEY,FILE and the same for cooler; KEY is the ARN of a key of AWS KMS, or projects/P/locations/L/"
    "keyRings/R/cryptoKeys/K of Google Cloud KMS; then perhaps ,endpoint=https://HOST and ,ca=FILE"
)


@dataclass(frozen=True, slots=True)
class CloudKeystore:
    """`region` of AWS, empty for Google. `credentials`: the access keys, or the account. `more`: endpoint and
    ca, as far as they are not the cloud's usual ones."""

    signer: Service
    key: str
    region: str
    credentials: Path
    more: Mapping[str, str]

    @property
    def material(self) -> str:
        """What replicas of one key in several regions have alike: AWS's account and the key's own name."""
        aws = _ARN.fullmatch(self.key)
        return aws[2] if aws else self.key

    @property
    def own(self) -> str:
        """What the credentials are called in the signer's folder."""
        return AWS_KEYS if self.region else GCP_ACCOUNT


def cloud_keystore(text: str) -> CloudKeystore:
    """From "SIGNER=KEY,FILE[,endpoint=URL][,ca=FILE]". Raises Malformed."""
    name, _, rest = text.partition("=")
    key, *words = rest.split(",")
    file, told = words[0] if words else "", [word.partition("=") for word in words[1:]]
    more = {one: value for one, _, value in told}
    aws, gcp = _ARN.fullmatch(key), _RESOURCE.fullmatch(key)
    known = len(more) == len(told) and set(more) <= set(_MORE) and all(more.values())
    https = more.get("endpoint", "https://").startswith("https://")
    if name not in layout.SIGNERS or not (aws or gcp) or not file or not known or not https:
        raise Malformed("init.keystore_entry", f"--keystore-entry {text[:300]!r}: write {_WANTED}")
    return CloudKeystore(Service(name), key, aws[1] if aws else "", Path(file), more)


def make(places: Layout, entries: tuple[CloudKeystore, ...]) -> None:
    """What the signers enter with, in their folders; no folder for servers that are not ours. Raises Refused
    when one has no entry, a file of it cannot be read, or both have the same."""
    found = {one.signer: one for one in entries}
    keys = {one.material for one in entries}
    if set(found) != set(SIGNERS) or len(entries) != len(SIGNERS) or len(keys) < len(SIGNERS):
        text = "one for keeper, one for cooler, and never the same key, in whichever region"
        raise Refused("init.keystore_entry", f"--keystore-entry: {text}")
    files = {signer: _read(found[signer].credentials) for signer in SIGNERS}
    if len({told.strip() for told in files.values()}) < len(SIGNERS):
        text = "keeper and cooler enter with the same account: give each one of its own"
        raise Refused("init.keystore_entry", f"--keystore-entry: {text}")
    authorities = {one.signer: _read(Path(one.more["ca"])) for one in entries if "ca" in one.more}
    for signer, credentials in files.items():
        shutil.rmtree(places.keystore(signer))
        own, one = places.service(signer) / layout.KEYSTORE, found[signer]
        write_private(own / one.own, credentials)
        if signer in authorities:
            write_private(own / layout.CA, authorities[signer])


def table(signer: Service, entries: tuple[CloudKeystore, ...]) -> dict[str, object]:
    """[keystore] of a signer's TOML."""
    one = next(one for one in entries if one.signer is signer)
    endpoint = {"endpoint": one.more["endpoint"].rstrip("/")} if "endpoint" in one.more else {}
    more = endpoint | ({"ca": f"{layout.KEYSTORE}/{layout.CA}"} if "ca" in one.more else {})
    file = f"{layout.KEYSTORE}/{one.own}"
    if one.region:
        return {"aws": {"region": one.region, "key": one.key, "credentials": file, **more}}
    return {"gcp": {"key": one.key, "service_account": file, **more}}


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            found = opened.read(_BYTES_MAX + 1)
    except OSError as error:
        raise Refused("init.keystore_entry", f"cannot read {file}: {error.strerror}") from error
    if len(found) > _BYTES_MAX:
        text = f"{file} is larger than {_BYTES_MAX} bytes: is it the right file?"
        raise Refused("init.keystore_entry", text)
    return found
