"""Groups from attributes: what the text of a grouping means, and what cannot be read."""

from __future__ import annotations

import polars as pl
import pytest

from equivoice.errors import ConfigError, InputError
from equivoice.fairness import Grouping, group_items

ITEMS = pl.DataFrame(
    {
        "speaker": ["a", "a", "b", "c", None],
        "gender": ["female", "female", "male", None, "male"],
        "language": ["de", "en", "de", "en", None],
        "age": [20.0, 20.0, 40.0, None, 60.0],
        "session": [1, 1, 2, 2, 3],
    }
)


def named(grouping: Grouping) -> list[str | None]:
    """The name of each row's group."""
    return [None if code < 0 else grouping.groups[code] for code in grouping.codes.tolist()]


def test_an_attribute() -> None:
    found = group_items(ITEMS, "gender")
    assert found.name == "gender"
    assert found.groups == ("female", "male")
    assert named(found) == ["female", "female", "male", None, "male"]
    assert found.unknown == 1


def test_a_crossing_has_the_groups_that_occur() -> None:
    found = group_items(ITEMS, "gender x language")
    assert found.name == "gender x language"
    assert found.groups == ("female x de", "female x en", "male x de")
    assert named(found) == ["female x de", "female x en", "male x de", None, None]
    assert found.unknown == 2  # one has no gender, one no language


def test_crossings_of_three_attributes_in_the_order_written() -> None:
    found = group_items(ITEMS, "language x gender x session[1]")
    assert found.groups == ("de x female x ≤ 1", "de x male x > 1", "en x female x ≤ 1")
    assert found.name == "language x gender x session[1]"


def test_spaces_around_names_and_brackets_do_not_matter() -> None:
    assert group_items(ITEMS, " gender ").groups == ("female", "male")
    assert group_items(ITEMS, "gender x  age[30]").groups == ("female x ≤ 30", "male x > 30")
    assert group_items(ITEMS, "age [30]").name == "age[30]"
    assert group_items(ITEMS, "age[ 30 , 50 ]").name == "age[30,50]"


def test_an_x_in_a_name_is_no_crossing() -> None:
    items = ITEMS.rename({"gender": "sex", "language": "x"})
    assert group_items(items, "sex").groups == ("female", "male")
    assert group_items(items, "x").groups == ("de", "en")
    assert group_items(items, "sex x x").groups[0] == "female x de"


def test_groups_are_ordered_by_name_whatever_the_rows() -> None:
    assert group_items(ITEMS.reverse(), "gender").groups == ("female", "male")
    assert named(group_items(ITEMS.reverse(), "gender")) == [
        *reversed(named(group_items(ITEMS, "gender")))
    ]


@pytest.mark.parametrize(
    "kind", [pl.Categorical(), pl.Enum(["male", "female"]), pl.String()], ids=str
)
def test_text_in_any_guise(kind: pl.DataType) -> None:
    items = ITEMS.with_columns(pl.col("gender").cast(kind))
    assert named(group_items(items, "gender")) == named(group_items(ITEMS, "gender"))


def test_truth_values_are_groups() -> None:
    items = pl.DataFrame({"native": [True, False, None]})
    assert named(group_items(items, "native")) == ["true", "false", None]


def test_everybody_unknown() -> None:
    items = ITEMS.with_columns(gender=pl.lit(None, pl.String))
    found = group_items(items, "gender")
    assert found.groups == ()
    assert found.unknown == 5


@pytest.mark.parametrize("name", ["a − b", "x | y", "[odd]", "µ<b>", "female − male", ""])
def test_a_group_may_have_any_name(name: str) -> None:
    items = pl.DataFrame({"gender": [name, "other"]})
    assert set(group_items(items, "gender").groups) == {name, "other"}


def test_no_rows() -> None:
    found = group_items(ITEMS.head(0), "gender")
    assert found.groups == ()
    assert found.codes.tolist() == []


class TestMistakes:
    def test_an_unknown_attribute_names_those_that_are_there(self) -> None:
        with pytest.raises(InputError) as raised:
            group_items(ITEMS, "gendre")
        assert raised.value.value == "gendre"
        assert raised.value.choices == tuple(ITEMS.columns)

    def test_also_within_a_crossing(self) -> None:
        with pytest.raises(InputError, match="nationality"):
            group_items(ITEMS, "gender x nationality")

    @pytest.mark.parametrize(
        "text", ["", " x ", "gender x ", "age[30", "age]30[", "[30]", "age[1][2]"]
    )
    def test_text_that_is_no_grouping(self, text: str) -> None:
        with pytest.raises(ConfigError) as raised:
            group_items(ITEMS, text)
        assert "cannot be read" in str(raised.value)

    def test_text_cannot_be_cut(self) -> None:
        with pytest.raises(ConfigError, match="only numbers can be cut"):
            group_items(ITEMS, "gender[2]")

    @pytest.mark.parametrize(
        "bins",
        ["", "a", "30,x", "30,,40", "speakers", "speakers:", "speakers:x", "speakers:1",
         "speakers:-3", "speakers:2.5", "quantiles:4", "samples:0", ":4"],
    )  # fmt: skip
    def test_bins_that_cannot_be_read_show_how(self, bins: str) -> None:
        with pytest.raises(ConfigError) as raised:
            group_items(ITEMS, f"age[{bins}]")
        assert "age[speakers:4]" in str(raised.value)

    def test_nothing_to_take_quantiles_of(self) -> None:
        items = ITEMS.with_columns(age=pl.lit(None, pl.Float64))
        with pytest.raises(InputError, match="no row has a value"):
            group_items(items, "age")

    @pytest.mark.parametrize("cut", ["nan", "inf", "30,nan"])
    def test_cuts_must_be_numbers(self, cut: str) -> None:
        with pytest.raises(ConfigError):
            group_items(ITEMS, f"age[{cut}]")

    def test_a_list_is_no_attribute(self) -> None:
        items = pl.DataFrame({"tags": [["a"], ["b"]]})
        with pytest.raises(InputError):
            group_items(items, "tags")
