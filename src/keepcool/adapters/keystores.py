"""A service's keystore, whichever its settings name.

Laws: nothing is opened with a passphrase that is not at hand, unless somebody says it; whoever opens a
keystore closes it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from keepcool.adapters.localkeystore.keystore import LocalKeystore
from keepcool.adapters.localkeystore.passphrase import at_hand
from keepcool.adapters.openbao.keystore import OpenBaoKeystore
from keepcool.core.errors import Refused
from keepcool.core.secret import Secret
from keepcool.ports.keystore import RotatingKeystore
from keepcool.ports.settings import KeystoreSettings, LocalKeystoreSettings
from keepcool.ports.system import Entropy

OpenWith = Callable[[Secret], LocalKeystore]
ByHand = Callable[[OpenWith], Awaitable[RotatingKeystore]]


async def opened(
    settings: KeystoreSettings,
    folder: Path,
    entropy: Entropy,
    environment: Mapping[str, str],
    by_hand: ByHand,
) -> RotatingKeystore:
    """`settings` with absolute paths, `folder` the service's own. `by_hand` waits for a passphrase that is
    nowhere at hand. Talks to no server yet. Raises what keeps it shut."""
    if settings.aws is not None:
        from keepcool.adapters.awskms import keystore as awskms  # a signer loads what it uses

        return awskms.opened(settings.aws)
    if settings.gcp is not None:
        from keepcool.adapters.gcpkms import keystore as gcpkms

        return gcpkms.opened(settings.gcp)
    if settings.local is None:
        return OpenBaoKeystore.from_settings(settings, folder)
    open_with = local(settings.local, entropy)
    passphrase = at_hand(settings.local, environment)
    if passphrase is None:
        return await by_hand(open_with)
    with passphrase:
        return open_with(passphrase)


def local(settings: LocalKeystoreSettings, entropy: Entropy) -> OpenWith:
    """What opens the file with a passphrase, which stays the caller's."""
    return lambda passphrase: LocalKeystore.opened(Path(settings.file), passphrase, entropy, int(time.time()))


async def nobody(_: OpenWith) -> RotatingKeystore:
    """Where there is nobody to wait for."""
    raise Refused(
        "keystore.passphrase_absent",
        "the keystore's passphrase is not at hand: name its file (keystore.local.passphrase_file), or run "
        "this with systemd's credential keystore-passphrase ($CREDENTIALS_DIRECTORY)",
    )
