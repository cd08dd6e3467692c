"""Every transaction of Minter there can be, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from keepcool.chains.minter.data import (
    OWNERS_MAX,
    CreateMultisig,
    Data,
    EditMultisig,
    Multisend,
    Other,
    Owners,
    Send,
)
from keepcool.chains.minter.forms import (
    ADDRESS,
    CHECK,
    COINS,
    FLAG,
    PIPS,
    PROOF,
    PUBLIC_KEY,
    SYMBOL,
    TEXT,
    U32,
    U64,
    Form,
    Value,
)
from keepcool.chains.minter.kinds import KINDS, OWN_FORMS
from keepcool.chains.minter.transaction import Transaction

u32, u64, pips = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "Mx" + raw.hex())
sends = st.builds(Send, coin=u32, to=addresses, value=pips)
_BY_FORM: list[tuple[Form, st.SearchStrategy[Value]]] = [
    (U32, u32),
    (U64, u64),
    (PIPS, pips),
    (ADDRESS, addresses),
    (PUBLIC_KEY, st.binary(min_size=32, max_size=32).map(lambda raw: "Mp" + raw.hex())),
    (CHECK, st.binary(max_size=80).map(lambda raw: "Mc" + raw.hex())),
    (PROOF, st.binary(min_size=65, max_size=65).map(lambda raw: raw.hex())),
    (TEXT, st.text(max_size=64)),
    (SYMBOL, st.from_regex(r"[A-Z0-9-]{1,10}", fullmatch=True)),
    (FLAG, st.booleans()),
    (COINS, st.lists(u32, max_size=5).map(tuple)),
]


def values_of(form: Form) -> st.SearchStrategy[Value]:
    return next(strategy for known, strategy in _BY_FORM if known is form)


@st.composite
def owners(draw: st.DrawFn) -> Owners:
    found = draw(st.lists(addresses, min_size=1, max_size=OWNERS_MAX, unique=True))
    weights = draw(st.lists(st.integers(0, 1023), min_size=len(found), max_size=len(found)))
    return Owners(draw(u32), tuple(weights), tuple(found))


_OWN: dict[int, st.SearchStrategy[Data]] = {
    0x01: sends,
    0x0D: st.lists(sends, min_size=1, max_size=100).map(lambda items: Multisend(tuple(items))),
    0x0C: owners().map(CreateMultisig),
    0x12: owners().map(EditMultisig),
}


@st.composite
def data_of(draw: st.DrawFn, code: int) -> Data:
    """Data of one type."""
    if code not in OWN_FORMS:
        return Other(code, tuple(draw(values_of(form)) for _, form in KINDS[code].fields))
    return draw(_OWN[code])


any_data = st.sampled_from(sorted(KINDS)).flatmap(data_of)


def transactions(data: st.SearchStrategy[Data] = any_data) -> st.SearchStrategy[Transaction]:
    return st.builds(
        Transaction,
        nonce=u64,
        chain_id=st.integers(1, 255),
        gas_price=u32,
        gas_coin=u32,
        data=data,
        payload=st.binary(max_size=100),
        service_data=st.binary(max_size=128),
        signature_type=st.sampled_from([1, 2]),
    )
