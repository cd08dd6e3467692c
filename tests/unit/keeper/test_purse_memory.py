"""The purse remembers by nonce: one attempt of a nonce counts, cancelled deployments may be made again."""

from __future__ import annotations

from keepcool.chains.evm.transaction import Transaction
from keepcool.core.ids import NetworkId
from keepcool.core.journal import EMPTY, Head, next_head
from keepcool.cosigner import entries
from keepcool.cosigner.entries import Entry
from keepcool.cosigner.windows import DAY_S
from keepcool.keeper.purse_memory import CANCEL, DEPLOY, EXECUTE, PURSE, PurseMemory, PurseRow

NETWORK = NetworkId("eip155:31337")
ACCOUNT = "0xF469185e079029342Fc5fc2d14D084CB536eCD58"
TO = "0x1364C7739fF33F23b182E8E9a6b996a02EdE5F25"


class Chain:
    """Entries one after another, as a journal would tell them."""

    def __init__(self) -> None:
        self.head: Head = EMPTY
        self.told: list[Entry] = []

    def entry(self, deed: str, nonce: int, fee: int, at_s: int, wallet: str = "w-1") -> Entry:
        to = ACCOUNT if deed == CANCEL else TO
        tx = Transaction(31337, nonce, 1, fee, 1000, to, 0, b"")
        row = PurseRow(
            at_s=at_s, kind=PURSE, account=ACCOUNT, deed=deed, digests=[tx.digest().hex()], intent="",
            network=NETWORK, payload=tx.unsigned_payload().hex(), requester="app",
            slots=[(NETWORK, f"account:{ACCOUNT}", nonce)], wallet=wallet,
        )  # fmt: skip
        body, before = entries.encode(row), self.head
        self.head = next_head(before, body)
        made = Entry(self.head, before.hash, PURSE, at_s, body)
        self.told.append(made)
        return made


def memory_of(told: list[Entry]) -> PurseMemory:
    memory = PurseMemory()
    for entry in told:
        memory.learn(entry)
    return memory


def test_a_nonce_counts_with_its_dearest_attempt() -> None:
    """Three attempts at one nonce and one at another add up to the dearest of each."""
    chain = Chain()
    for nonce, fee in ((0, 10), (0, 30), (0, 20), (1, 5)):
        chain.entry(EXECUTE, nonce, fee, 100)
    memory = memory_of(chain.told)
    assert memory.today(NETWORK, 100) == (35_000, 0)
    assert memory.next_nonce(NETWORK) == 2
    assert memory.history(NETWORK, 0, "w-1", 100).gas_day_units == 5_000
    assert len(memory.history(NETWORK, 0, "w-1", 100).at_nonce) == 3


def test_the_day_slides() -> None:
    """What is older than a day is not counted, to the second."""
    chain = Chain()
    chain.entry(DEPLOY, 0, 10, 100)
    memory = memory_of(chain.told)
    assert memory.today(NETWORK, 100 + DAY_S - 1) == (10_000, 1)
    assert memory.today(NETWORK, 100 + DAY_S) == (0, 0)


def test_a_cancelled_deployment_may_be_made_again() -> None:
    """A deployment binds its wallet to its nonce until that nonce is cancelled."""
    chain = Chain()
    chain.entry(DEPLOY, 0, 10, 100)
    assert memory_of(chain.told).history(NETWORK, 1, "w-1", 100).deployed_at == {0}
    assert memory_of(chain.told).history(NETWORK, 1, "w-2", 100).deployed_at == frozenset()
    chain.entry(CANCEL, 0, 20, 110)
    assert memory_of(chain.told).history(NETWORK, 1, "w-1", 110).deployed_at == frozenset()


def test_what_failed_to_commit_is_unlearned() -> None:
    """Unlearning the newest entries gives the memory of a journal that never had them."""
    chain = Chain()
    for deed, nonce, fee in ((EXECUTE, 0, 10), (EXECUTE, 0, 20), (DEPLOY, 1, 10), (EXECUTE, 2, 7)):
        chain.entry(deed, nonce, fee, 100)
    memory, shorter = memory_of(chain.told), memory_of(chain.told[:1])
    for entry in reversed(chain.told[1:]):
        memory.unlearn(entry)
    for nonce in range(3):
        assert memory.history(NETWORK, nonce, "w-1", 100) == shorter.history(NETWORK, nonce, "w-1", 100)
    assert memory.today(NETWORK, 100) == shorter.today(NETWORK, 100) == (10_000, 0)
