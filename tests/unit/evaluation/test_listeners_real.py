"""CREMA-D's listeners by speaker group, against a count over the rows of its CSV files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, prepare
from equivoice.evaluation.agreement import agreement_estimates
from equivoice.evaluation.listeners import listener_estimates
from oracles.plain_votes import CREMA_D_LETTERS, crema_d, crema_d_votes, elected

CHANNELS = ("voice", "face", "both")
INTENDED = {"ANG": "A", "DIS": "D", "FEA": "F", "HAP": "H", "NEU": "N", "SAD": "S"}
GROUP_BY = ("gender", "race", "ethnicity", "age[25,33,45.5]")
SEXES = {"Female": "female", "Male": "male"}
Group = tuple[str, str | None]
"""Channel and gender; ``None`` for everybody."""


@dataclass
class Counted:
    """What a loop over the CSV adds up for one channel and gender."""

    clips: int = 0
    right: float = 0.0
    table: dict[tuple[str, str], float] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    def add(self, intended: str, row: Mapping[str, str]) -> None:
        votes = {letter: int(row[letter]) for letter in CREMA_D_LETTERS}
        total = sum(votes.values())
        self.clips += 1
        self.right += votes[intended] / total
        for letter, many in votes.items():
            cell = (intended, letter)
            self.table[cell] = self.table.get(cell, 0.0) + many / total
        for rule in ("majority", "plurality"):
            got = elected(list(crema_d_votes(dict(row)).values()), rule) >= 0
            self.kept[rule] = self.kept.get(rule, 0) + got

    def recall(self, letter: str) -> float:
        own = sum(self.table[letter, answer] for answer in CREMA_D_LETTERS)
        return self.table[letter, letter] / own

    def f1(self, letter: str) -> float:
        own = sum(self.table[letter, answer] for answer in CREMA_D_LETTERS)
        said = sum(self.table[truth, letter] for truth in CREMA_D_LETTERS)
        return 2 * self.table[letter, letter] / (own + said)


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    found = real_data / "votes" / "crema_d"
    if not found.is_dir():
        pytest.skip(f"no votes of CREMA-D: {found} does not exist")
    return found


@pytest.fixture(scope="module")
def counted(folder: Path) -> dict[Group, Counted]:
    with (folder / "VideoDemographics.csv").open(newline="", encoding="utf-8") as handle:
        sex = {row["ActorID"]: SEXES[row["Sex"]] for row in csv.DictReader(handle)}
    found: dict[Group, Counted] = {}
    for (channel, name), row in crema_d(folder).items():
        actor, _, emotion, _ = name.split("_")
        for gender in (None, sex[actor]):
            found.setdefault((channel, gender), Counted()).add(INTENDED[emotion], row)
    return found


@pytest.fixture(scope="module")
def cremad(real_data: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return prepare(
        "cremad",
        out=tmp_path_factory.mktemp("cremad") / "corpus",
        metadata=real_data / "emobox" / "cremad",
        extra=folder,
        with_audio=False,
    )


@pytest.fixture(scope="module")
def people(cremad: Corpus) -> pl.DataFrame:
    assert cremad.votes is not None
    return listener_estimates(
        cremad.votes, cremad.utterances, cremad.label_space,
        group_by=GROUP_BY, replicates=300, permutations=199,
    ).estimates  # fmt: skip


@pytest.fixture(scope="module")
def agreement(cremad: Corpus) -> pl.DataFrame:
    assert cremad.votes is not None
    return agreement_estimates(
        cremad.votes, cremad.utterances, cremad.label_space,
        group_by=GROUP_BY, replicates=300, permutations=199,
    )  # fmt: skip


def one(found: pl.DataFrame, metric: str, gender: str | None = None, **where: Any) -> Any:
    wanted: dict[str, Any] = {"quantity": "score", "group_by": None, "groups": None, "class": None}
    if gender is not None:
        wanted |= {"quantity": "group_score", "group_by": "gender", "groups": gender}
    for name, value in (wanted | {"metric": metric} | where).items():
        found = found.filter(pl.col(name).eq_missing(pl.lit(value)))
    (row,) = found.to_dicts()
    return row


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("gender", [None, "female", "male"])
def test_recognition_of_intended_emotions_row_by_row_of_the_csv(
    channel: str, gender: str | None, people: pl.DataFrame, counted: dict[Group, Counted]
) -> None:
    plain = counted[channel, gender]
    whose = {"system": f"one listener ({channel})"}
    accuracy = one(people, "accuracy", gender, **whose)
    assert accuracy["value"] == pytest.approx(plain.right / plain.clips)
    assert accuracy["n"] == plain.clips
    assert accuracy["clusters"] == {None: 91, "female": 43, "male": 48}[gender]
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    recalls = {CREMA_D_LETTERS[letter]: plain.recall(letter) for letter in CREMA_D_LETTERS}
    for label, value in recalls.items():
        row = one(people, "recall", gender, **whose, **{"class": label})
        assert row["value"] == pytest.approx(value)
    balanced = one(people, "unweighted_accuracy", gender, **whose)["value"]
    assert balanced == pytest.approx(sum(recalls.values()) / 6)
    macro = one(people, "macro_f1", gender, **whose)["value"]
    assert macro == pytest.approx(sum(plain.f1(letter) for letter in CREMA_D_LETTERS) / 6)


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_difference_between_women_and_men_is_that_of_the_csv(
    channel: str, people: pl.DataFrame, counted: dict[Group, Counted]
) -> None:
    female, male = (
        counted[channel, each].right / counted[channel, each].clips for each in ("female", "male")
    )
    row = one(
        people, "accuracy", system=f"one listener ({channel})", quantity="pair_gap",
        group_by="gender", groups="female − male",
    )  # fmt: skip
    assert row["value"] == pytest.approx(female - male)
    assert 0 < row["low"] < row["value"] < row["high"]
    assert row["p_value"] <= 0.03


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("rule", ["majority", "plurality"])
def test_what_each_rule_keeps_is_what_the_csv_keeps(
    channel: str, rule: str, agreement: pl.DataFrame, counted: dict[Group, Counted]
) -> None:
    for gender in (None, "female", "male"):
        plain = counted[channel, gender]
        row = one(agreement, "kept", gender, reference=rule, system=f"listeners ({channel})")
        assert round(row["value"] * row["n"]) == plain.kept[rule]
        assert row["n"] == plain.clips


def test_every_grouping_has_groups_gaps_and_intervals(
    people: pl.DataFrame, agreement: pl.DataFrame
) -> None:
    for found, metric, systems in (
        (people, "accuracy", "one listener"),
        (agreement, "krippendorff_alpha", "listeners"),
    ):
        own = found.filter(pl.col("metric") == metric)
        for channel in CHANNELS:
            for group_by in GROUP_BY:
                rows = own.filter(
                    pl.col("system") == f"{systems} ({channel})", pl.col("group_by") == group_by
                )
                quantities = set(rows["quantity"])
                assert {"group_score", "pair_gap", "gap"} <= quantities
                gap = rows.filter(
                    pl.col("quantity") == "gap", pl.col("group_aggregator") == "max"
                ).to_dicts()
                assert gap[0]["p_value"] is not None
                assert gap[0]["low"] <= gap[0]["value"] <= gap[0]["high"]


def test_the_crowd_hears_more_than_one_and_a_left_out_listener_agrees_with_the_others(
    people: pl.DataFrame,
) -> None:
    for channel in CHANNELS:
        alone = one(people, "accuracy", system=f"one listener ({channel})")["value"]
        together = one(people, "accuracy", system=f"the crowd's plurality ({channel})")["value"]
        others = one(people, "accuracy", system=f"one listener, left out ({channel})")["value"]
        assert alone + 0.04 < together
        assert others > alone + 0.05
    half = one(people, "accuracy", system="half the crowd (voice)")["value"]
    left = one(people, "accuracy", system="one listener, left out (voice)")["value"]
    credited = one(people, "annotator_aware_accuracy", system="one listener, left out (voice)")[
        "value"
    ]
    assert left < half < credited
