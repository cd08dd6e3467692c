"""What we write as TOML reads back as the same values."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepcool.local.tomltext import rendered

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
LEAVES = SCALARS | st.lists(SCALARS, max_size=3)
TABLES = st.recursive(
    st.dictionaries(TEXTS, LEAVES, max_size=4),
    lambda inner: st.dictionaries(
        TEXTS, LEAVES | inner | st.lists(inner, min_size=1, max_size=2), max_size=4
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(TABLES)
def test_any_table_reads_back_equal(table: dict[str, object]) -> None:
    """Keys and texts of any characters, nested tables and lists of tables survive the round trip."""
    assert tomllib.loads(rendered(table)) == table


def test_a_table_of_tables_has_no_heading_of_its_own() -> None:
    """The text is what a person would write."""
    table = {"a": 1, "networks": {"eip155:1": {"name": "x", "assets": [{"id": "y"}]}}}
    assert rendered(table) == (
        'a = 1\n\n[networks."eip155:1"]\nname = "x"\n\n[[networks."eip155:1".assets]]\nid = "y"\n'
    )


@pytest.mark.parametrize("value", [None, b"x", object(), [None]])
def test_refuses_what_toml_has_no_word_for(value: object) -> None:
    """Nothing is written as something else."""
    with pytest.raises(TypeError):
        rendered({"a": value})
