"""A secret id handed over response-wrapped: opened once, by us, and of the kind it should be.

Laws: a wrapping that somebody else opened, or that was not made where secret ids are made, is a breach and
not an error to retry; the secret id is kept in one step, for its owner alone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from keepcool.adapters.openbao import answers
from keepcool.adapters.openbao.connections import Connections
from keepcool.core.errors import Breach, Refused

_MADE_AT = re.compile(r"auth/approle/role/([a-z0-9-]{1,64})/secret-id")


class _Lookup(msgspec.Struct, frozen=True):
    creation_path: str = ""


class _LookupReply(msgspec.Struct, frozen=True):
    data: _Lookup


def unwrapped(connections: Connections, token: str, where: Path, role: str = "") -> str:
    """The secret id, which is opened for nobody again. `where` it was found, for words; `role` whose it must
    be, when that is known. Raises Breach keystore.wrapping, Unavailable."""
    reply = connections.call("POST", "sys/wrapping/lookup", msgspec.json.encode({"token": token}), {})
    if reply.status in (400, 403, 404):
        raise _opened_before(where)
    if reply.status != 200:
        raise answers.refusal(reply)
    made_at = answers.decoded(reply, _LookupReply).data.creation_path
    found = _MADE_AT.fullmatch(made_at)
    if found is None or (role and found[1] != role):
        raise Breach(
            "keystore.wrapping",
            f"what is wrapped in {where} was made at {made_at[:100]!r} and is no secret id of this service; "
            "ALARM: somebody exchanged it. Destroy this secret id in the keystore, find out who carried it",
        )
    reply = connections.call("POST", "sys/wrapping/unwrap", b"{}", {"X-Vault-Token": token})
    if reply.status in (400, 403, 404):
        raise _opened_before(where)
    if reply.status != 200:
        raise answers.refusal(reply)
    return answers.decoded(reply, answers.UnwrapReply).data.secret_id


def keep(file: Path, secret_id: str) -> None:
    """In one step: a service that dies meanwhile finds the old file or the new one."""
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(beside, flags, 0o600), "wb") as written:
            written.write(f"{secret_id}\n".encode("ascii"))
            written.flush()
            os.fsync(written.fileno())
        beside.replace(file)
    except OSError as error:
        raise Refused("keystore.file", f"cannot write the unwrapped secret id to {file}: {error}") from error


def _opened_before(where: Path) -> Breach:
    return Breach(
        "keystore.wrapping",
        f"ALARM: the wrapped secret id in {where} was opened by somebody else, or is too old. Until it is "
        "known to be age alone: destroy this secret id in the keystore, look in its audit log who unwrapped "
        "it, and issue a new one",
    )
