"""The table of requests: what may be asked, by whom, how it is answered, how long its frame may be.

Law: a type that does not stand here is not spoken on the bus.
"""

from __future__ import annotations

import msgspec

from keepcool.wire.listing import FindSigned, ListWallets, SignedAnswer, WalletsListed
from keepcool.wire.messages import (
    AddressesAnswer,
    AttestAddresses,
    AttestWallets,
    CreateWallets,
    FreezeAnswer,
    FreezeRequest,
    Message,
    ProveWallets,
    PurseAnswer,
    PurseRequest,
    RegisterWallets,
    RekeyWallets,
    ReserveAnswer,
    ReserveWallets,
    SignAnswer,
    SignRequest,
    StatusAnswer,
    StatusRequest,
    WalletsAnswer,
    WitnessAnswer,
    WitnessRequest,
)
from keepcool.wire.renewing import RenewWallets
from keepcool.wire.resealing import ResealAnswer, ResealWallets
from keepcool.wire.reviews import (
    ApprovalsAnswer,
    OrderAnswer,
    PeopleAnswer,
    PeopleRequest,
    ReviewAnswer,
    ReviewRequest,
    ReviewsAnswer,
    ReviewsRequest,
    SubmitApprovals,
    SubmitOrder,
)

_KIB = 1024
ANSWER_BYTES_MAX = 1024 * _KIB


class Kind(msgspec.Struct, frozen=True):
    """One request type: its body, its answer's body, who may send it, and the largest frames in bytes, of the
    request and of its answer."""

    body: type[Message]
    answer: type[Message]
    senders: frozenset[str]
    frame_bytes_max: int
    answer_bytes_max: int = ANSWER_BYTES_MAX


# A draft of Bitcoin carries the whole transaction behind each of its coins, and a batch has a draft for every
# rung of the ladder; what carries it (base64 in base64, padded) is twice as long. NATS advises 8 MiB at most.
_SIGN_BYTES_MAX = 8 * 1024 * _KIB - 64 * _KIB
REQUESTS: dict[str, Kind] = {
    "wallets.create.v1": Kind(CreateWallets, WalletsAnswer, frozenset({"app"}), 128 * _KIB),
    "wallets.attest.v1": Kind(AttestWallets, WalletsAnswer, frozenset({"app"}), 512 * _KIB),
    "wallets.register.v1": Kind(RegisterWallets, WalletsAnswer, frozenset({"app"}), 512 * _KIB),
    "wallets.reserve.v1": Kind(ReserveWallets, ReserveAnswer, frozenset({"app"}), 512 * _KIB),
    "wallets.prove.v1": Kind(ProveWallets, WalletsAnswer, frozenset({"app"}), 512 * _KIB),
    "wallets.rekey.v1": Kind(RekeyWallets, WalletsAnswer, frozenset({"app"}), 1024 * _KIB),
    "wallets.renew.v1": Kind(RenewWallets, WalletsAnswer, frozenset({"app"}), 512 * _KIB),
    "wallets.reseal.v1": Kind(ResealWallets, ResealAnswer, frozenset({"app"}), 128 * _KIB),
    "addresses.attest.v1": Kind(AttestAddresses, AddressesAnswer, frozenset({"app"}), 64 * _KIB),
    "wallets.list.v1": Kind(ListWallets, WalletsListed, frozenset({"app"}), 512 * _KIB),
    "signed.find.v1": Kind(FindSigned, SignedAnswer, frozenset({"app"}), 2048 * _KIB),
    "sign.v1": Kind(SignRequest, SignAnswer, frozenset({"app"}), _SIGN_BYTES_MAX),
    "purse.sign.v1": Kind(PurseRequest, PurseAnswer, frozenset({"app"}), 1024 * _KIB),
    "witness.v1": Kind(WitnessRequest, WitnessAnswer, frozenset({"keeper", "cooler"}), 8 * _KIB),
    "status.v1": Kind(StatusRequest, StatusAnswer, frozenset({"app", "watchtower"}), 8 * _KIB),
    "reviews.v1": Kind(ReviewsRequest, ReviewsAnswer, frozenset({"desk"}), 8 * _KIB),
    "review.v1": Kind(ReviewRequest, ReviewAnswer, frozenset({"desk"}), 8 * _KIB, _SIGN_BYTES_MAX),
    "people.v1": Kind(PeopleRequest, PeopleAnswer, frozenset({"desk"}), 8 * _KIB),
    "approvals.v1": Kind(SubmitApprovals, ApprovalsAnswer, frozenset({"desk", "app"}), 1024 * _KIB),
    "orders.v1": Kind(SubmitOrder, OrderAnswer, frozenset({"desk", "app", "watchtower"}), 1024 * _KIB),
    "freeze.v1": Kind(FreezeRequest, FreezeAnswer, frozenset({"app", "watchtower", "desk"}), 8 * _KIB),
}
