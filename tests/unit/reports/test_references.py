"""What answers were held against, where rows stand together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from equivoice.records.schemas import REFERENCES
from equivoice.reports.references import against, differ, references
from equivoice.reports.rows import Estimate

ROWS = st.lists(
    st.sampled_from([None, *REFERENCES]).map(lambda r: Estimate("score", "x", reference=r))
)


def rows_of(*names: str | None) -> list[Estimate]:
    """A row for each reference."""
    return [Estimate("score", "accuracy", reference=name) for name in names]


def test_null_and_given_are_the_same_reference() -> None:
    assert references(rows_of(None, "given")) == ["given"]
    assert not differ(rows_of(None, "given"))
    assert against(rows_of(None, "given")) == ""


def test_one_other_reference_ends_the_caption() -> None:
    assert against(rows_of("plurality", "plurality")) == (
        ", held against the plurality of the votes"
    )


def test_several_references_need_a_place_of_their_own() -> None:
    assert differ(rows_of("plurality", None))
    assert against(rows_of("plurality", None)) == ""


@given(ROWS)
def test_a_caption_names_the_reference_exactly_where_one_alone_is_not_given(
    rows: list[Estimate],
) -> None:
    named = {row.reference or "given" for row in rows}
    assert differ(rows) == (len(named) > 1)
    assert bool(against(rows)) == (len(named) == 1 and named != {"given"})
