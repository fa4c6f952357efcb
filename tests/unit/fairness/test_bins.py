"""Numbers cut into bins: at given points, at quantiles of speakers, at quantiles of utterances."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

from equivoice.fairness import group_items


def ages(values: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame({"age": pl.Series(values, dtype=pl.Float64)})


def bins(items: pl.DataFrame, grouping: str) -> list[str | None]:
    found = group_items(items, grouping)
    return [None if code < 0 else found.groups[code] for code in found.codes.tolist()]


def test_the_upper_edge_belongs_to_the_bin() -> None:
    found = bins(ages([24, 25, 25.5, 33, 34, 46, 47, None]), "age[25,33,46]")
    assert found == ["≤ 25", "≤ 25", "25–33", "25–33", "33–46", "33–46", "> 46", None]


def test_as_pandas_cuts() -> None:
    """pandas.cut(right=True) is the independent reading of 'upper edge included'."""
    import pandas as pd

    values = np.random.default_rng(0).integers(18, 80, 200).astype(float)
    expected = pd.cut(values, [-np.inf, 25, 33, 46, np.inf], right=True, labels=False)
    found = group_items(ages(values.tolist()), "age[25,33,46]")
    assert found.codes.tolist() == expected.tolist()


def test_cuts_may_come_in_any_order_and_twice() -> None:
    values = ages([20, 30, 40, 50])
    assert bins(values, "age[46,25,33,25]") == bins(values, "age[25,33,46]")
    assert group_items(values, "age[46,25,33,25]").name == "age[25,33,46]"


def test_empty_bins_are_no_groups() -> None:
    found = group_items(ages([20, 50]), "age[25,33,46]")
    assert found.groups == ("≤ 25", "> 46")


def test_bins_stand_in_the_order_of_the_numbers_not_of_the_names() -> None:
    found = group_items(ages([5, 15, 105]), "age[10,100]")
    assert found.groups == ("≤ 10", "10–100", "> 100")


def test_negative_and_fractional_cuts() -> None:
    assert bins(ages([-2, -0.5, 0.5]), "age[-1,0.25]") == ["≤ -1", "-1–0.25", "> 0.25"]


def test_quantiles_of_utterances_count_each_row() -> None:
    values = [20.0] * 90 + [30.0, 40.0, 50.0, 60.0]
    assert set(bins(ages(values), "age[samples:2]")) == {"≤ 20", "> 20"}


def test_quantiles_of_speakers_count_each_speaker_once() -> None:
    items = pl.DataFrame(
        {"speaker": ["a"] * 90 + ["b", "c", "d", "e"], "age": [20.0] * 90 + [30, 40, 50, 60]}
    )
    found = group_items(items, "age[speakers:2]")
    assert found.name == "age[40]"  # the median of 20, 30, 40, 50, 60
    assert np.bincount(found.codes).tolist() == [92, 2]


def test_quartiles_of_speakers_are_the_default_and_are_numpys() -> None:
    rng = np.random.default_rng(1)
    by_speaker = rng.integers(20, 74, 41).astype(float)
    speaker = rng.integers(0, 41, 600)
    items = pl.DataFrame({"speaker": [f"s{s}" for s in speaker], "age": by_speaker[speaker]})
    heard = by_speaker[np.unique(speaker)]
    cuts = np.unique(np.quantile(heard, [0.25, 0.5, 0.75]))
    expected = "age[" + ",".join(f"{cut:g}" for cut in cuts) + "]"
    assert group_items(items, "age").name == expected
    assert group_items(items, "age[speakers:4]").name == expected


def test_without_speakers_quantiles_are_of_rows() -> None:
    values = [float(v) for v in range(1, 101)]
    assert group_items(ages(values), "age[speakers:2]").name == "age[50.5]"


def test_equal_quantiles_fall_together() -> None:
    found = group_items(ages([30.0] * 10), "age[samples:4]")
    assert found.groups == ("≤ 30",)
    assert set(found.codes.tolist()) == {0}


def test_not_a_number_is_unknown() -> None:
    found = group_items(ages([20.0, float("nan"), 60.0]), "age[30]")
    assert found.codes.tolist() == [0, -1, 1]


def test_names_of_bins_tell_them_apart() -> None:
    frames = ages([1234567.0, 1234568.0, 1234569.0, 1234570.0])
    found = group_items(frames, "age[1234567.5,1234568.5,1234569.5]")
    assert len(set(found.groups)) == 4
    assert len(set(found.codes.tolist())) == 4


def test_a_speaker_whose_first_age_is_unknown_still_counts() -> None:
    items = pl.DataFrame(
        {"speaker": ["a", "a", "b", "c"], "age": [None, 20.0, 40.0, 60.0]},
        schema_overrides={"age": pl.Float64},
    )
    assert group_items(items, "age[speakers:2]").name == "age[40]"


def cremad_test_fold(real_data: Path) -> pl.DataFrame:
    file = real_data / "emobox" / "cremad" / "fold_1" / "cremad_test_fold_1.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return pl.DataFrame(
        {
            "speaker": [row["key"].split("-")[1] for row in rows],
            "gender": [row["sensitive_attr"]["gender"].lower() for row in rows],
            "age": [float(row["sensitive_attr"]["age"]) for row in rows],
        }
    )


def test_fairalms_cuts_of_cremad_are_quartiles_of_test_samples(real_data: Path) -> None:
    """papers.md: 'quantile bins of test samples (CREMA-D cuts 25/33/46)'."""
    items = cremad_test_fold(real_data)
    found = group_items(items, "age[samples:4]")
    assert found.name == "age[25,33,46]"
    assert found.groups == ("≤ 25", "25–33", "33–46", "> 46")
    assert found.codes.tolist() == group_items(items, "age[25,33,46]").codes.tolist()


def test_cremads_crossing_holds_every_utterance(real_data: Path) -> None:
    items = cremad_test_fold(real_data)
    found = group_items(items, "gender x age[samples:4]")
    assert found.unknown == 0
    assert len(found.groups) == 8
    assert np.bincount(found.codes).sum() == items.height
    assert found.groups[0] == "female x ≤ 25"


def test_cremads_speakers_have_one_age_each(real_data: Path) -> None:
    """What makes quantiles of speakers well defined there; the cuts differ from those of samples."""
    items = cremad_test_fold(real_data)
    per_speaker = items.group_by("speaker").agg(pl.col("age").n_unique())
    assert per_speaker.get_column("age").max() == 1
    assert per_speaker.height == 91
    cuts = np.quantile(items.unique("speaker").get_column("age").to_numpy(), [0.25, 0.5, 0.75])
    expected = "age[" + ",".join(f"{cut:g}" for cut in cuts) + "]"
    assert group_items(items, "age[speakers:4]").name == expected
