"""Facts that stand in file names."""

from __future__ import annotations

import polars as pl
import pytest

from equivoice.corpora.filenames import fill_missing, gender_of, with_name_parts
from equivoice.errors import CorpusError

PATTERN = r"(?P<speaker>s\d)_(?P<level>[A-Z]{2})\."
TABLE = pl.DataFrame({"audio": ["s1_LO.wav", "x/s2_HI.wav"]})


@pytest.mark.parametrize(
    ("given", "gender"),
    [("Female", "female"), ("m", "male"), (" WOMAN ", "female"), ("Unknown", None), ("", None),
     (None, None), ("Nonbinary", "nonbinary")],
)  # fmt: skip
def test_gender(given: str | None, gender: str | None) -> None:
    assert gender_of(given) == gender


def test_parts_become_columns_with_their_meaning() -> None:
    named = with_name_parts(TABLE, PATTERN, values={"level": {"LO": "low", "HI": "high"}})
    assert named.rows() == [("s1_LO.wav", "s1", "low"), ("x/s2_HI.wav", "s2", "high")]


def test_what_a_column_holds_already_stays() -> None:
    table = TABLE.with_columns(speaker=pl.Series(["known", None]))
    assert with_name_parts(table, PATTERN)["speaker"].to_list() == ["known", "s2"]


def test_a_column_of_nothing_but_null_is_filled() -> None:
    table = TABLE.with_columns(speaker=pl.lit(None))
    assert with_name_parts(table, PATTERN)["speaker"].to_list() == ["s1", "s2"]


@pytest.mark.parametrize("name", ["other.wav", None])
def test_a_name_of_another_form_is_named_with_its_row(name: str | None) -> None:
    table = pl.DataFrame({"audio": ["s1_LO.wav", name]})
    with pytest.raises(CorpusError, match="form") as caught:
        with_name_parts(table, PATTERN)
    assert caught.value.row == 2


def test_an_unknown_code_is_named_with_the_known_ones() -> None:
    with pytest.raises(CorpusError, match="HI") as caught:
        with_name_parts(TABLE, PATTERN, values={"level": {"LO": "low"}})
    assert caught.value.choices == ("LO",)


def test_fill_missing_keeps_the_type() -> None:
    table = pl.DataFrame({"turn": pl.Series([1, None], dtype=pl.Int64)})
    filled = fill_missing(table, pl.Series("turn", ["7", "8"]))
    assert filled["turn"].to_list() == [1, 8]
