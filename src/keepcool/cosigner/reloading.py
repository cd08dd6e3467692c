"""What a running signer takes up anew from its own host's files: peers' message keys, and a policy.

Laws: a file is believed for what it is at start and no more: a policy under the installation's root key, of a
higher version, where no administrators govern; message keys alone, never the keys that attest or state heads.
What is refused changes nothing, and the reason is told. The host's own user asks: by command or SIGHUP.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from keepcool.core.errors import Conflict, KeepcoolError, Refused
from keepcool.core.parties import Peer, Service
from keepcool.core.secret import Secret
from keepcool.cosigner.control import Deed
from keepcool.cosigner.policies import governed, note
from keepcool.cosigner.service import Signer
from keepcool.cosigner.successions import Succeeding
from keepcool.policy.terms import Policy

RELOAD = 48
_log = logging.getLogger("keepcool.signer")


async def nothing() -> None:
    """Where nothing follows a policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloading:
    """`read_policy`: the signed file; `read_peers`: the pins of the configuration. Both raise what is wrong.
    `pinned`: the peers it started with. `after`: what follows once a policy may have changed."""

    signer: Signer
    pinned: Mapping[Service, Peer]
    read_policy: Callable[[], tuple[Policy, bytes]]
    read_peers: Callable[[], Sequence[Peer]]
    after: Callable[[], Awaitable[None]] = nothing

    async def reload(self) -> dict[str, object]:
        """What is in force then. Raises Refused or Malformed, and then nothing has changed."""
        peers, (policy, document) = self.read_peers(), self.read_policy()
        self._check_peers(peers)
        news = self._is_new(policy)
        if news:
            self.signer.ordering.checked(document)
        self.signer.foundation.exchange.repin(peers)
        if news:
            await self._take(policy, document)
        await self.after()
        return {"policy": self.signer.policy.hash, "version": self.signer.policy.version, "new_policy": news}

    async def on_signal(self, rung: asyncio.Event) -> None:
        """Runs for ever: once for each ring."""
        while True:
            await rung.wait()
            rung.clear()
            try:
                _log.warning("took its files up anew", extra=await self.reload())
            except KeepcoolError as error:
                _log.error("went on as before", extra={"code": error.code, "why": error.public})

    def deeds(self) -> dict[int, Deed]:
        one_at_a_time = asyncio.Lock()

        async def reload(_: bytearray) -> str:
            async with one_at_a_time:
                return json.dumps(await self.reload())

        signer = self.signer
        succeeding = Succeeding(
            journal=signer.journal,
            memory=signer.successions,
            installation=signer.foundation.installation,
            now_s=signer.ordering.now_s,
        )
        return {RELOAD: reload, **succeeding.deeds()}

    def _check_peers(self, peers: Sequence[Peer]) -> None:
        if {_lasting(one) for one in peers} != {_lasting(one) for one in self.pinned.values()}:
            raise Refused(
                "reload.peers",
                "other peers, or other attestation or journal keys, are believed from the next start on: put "
                "them back, or restart the service",
            )

    def _is_new(self, policy: Policy) -> bool:
        now = self.signer.policy
        if policy.hash == now.hash:
            return False
        if governed(now):
            if self.signer.in_force.had(policy.hash):  # an old file may stay where it is
                return False
            raise Refused(
                "policy.governed",
                f"version {now.version} in force has administrators: they order the next policy "
                "(`keepcool admin order policy`); the file was not taken",
            )
        if policy.version <= now.version:
            raise Refused(
                "policy.rolled_back",
                f"the policy file has version {policy.version}, but version {now.version} is in force: sign "
                "a file with a higher version",
            )
        return True

    async def _take(self, policy: Policy, document: bytes) -> None:
        signer = self.signer
        with signer.journal.batch() as batch:
            now_s = signer.ordering.now_s()
            signer.ordering.carry_out(batch, now_s)
            if not self._is_new(policy):
                raise Conflict("policy.changed", "another policy came into force meanwhile; ask again")
            note(batch, policy, document, now_s)
        await batch.settled()


def frame() -> Secret:
    return Secret(bytearray([RELOAD]))


def _lasting(peer: Peer) -> Peer:
    """What a reload may not change."""
    return replace(peer, signing_key=b"", sealing_key=b"", next_signing_key=b"", next_sealing_key=b"")
