"""The study of ABHINAYA: its tables for made systems, by both readings of a tie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.errors import ConfigError, InputError
from equivoice.studies.abhinaya.measuring import AbhinayaSettings, read_loss
from equivoice.studies.abhinaya_vote import AbhinayaStudy, abhinaya_vote, write_abhinaya
from oracles.ballot_box import most_votes

EMOTIONS = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
MEMBERS = ("S1", "S2", "T1", "T2", "ST1")
QUICK = AbhinayaSettings(replicates=40, permutations=10)


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    rows = [(f"msp_podcast/{n}", "msp_podcast", f"s{n % 10}", EMOTIONS[n % 8]) for n in range(160)]
    return pl.DataFrame(rows, schema=["utterance_id", "corpus", "speaker", "emotion"], orient="row")


@pytest.fixture(scope="module")
def answers(truth: pl.DataFrame) -> dict[str, pl.DataFrame]:
    made = {}
    for seed, name in enumerate(MEMBERS):
        rng = np.random.default_rng(seed)
        said = [
            label if rng.random() < 0.35 + 0.02 * seed else str(rng.choice(EMOTIONS))
            for label in truth["emotion"]
        ]
        made[name] = pl.DataFrame({"utterance_id": truth["utterance_id"], "emotion": said})
    return made


@pytest.fixture(scope="module")
def study(truth: pl.DataFrame, answers: dict[str, pl.DataFrame]) -> AbhinayaStudy:
    return abhinaya_vote(
        answers,
        reference=truth,
        losses=[
            ("S1", "wce", answers["S1"]),
            ("S1", "wfl", answers["S2"]),
            ("T2", "vs", answers["T2"]),
        ],
        zero_shot=[("LLaMA-3.1-8B-Instruct", answers["T1"])],
        settings=QUICK,
    )


def macro_f1(truth: pl.DataFrame, said: list[str]) -> float:
    return float(f1_score(truth["emotion"].to_list(), said, average="macro", labels=EMOTIONS))


def voted(answers: dict[str, pl.DataFrame], names: tuple[str, ...], breaker: str) -> list[str]:
    """The vote by hand: at a tie the tie-breaker's own label stands."""
    columns = [answers[name]["emotion"].to_list() for name in names]
    found = []
    for row in zip(*columns, strict=True):
        top, _ = most_votes(row)
        found.append(top.pop() if len(top) == 1 else row[names.index(breaker)])
    return found


def test_table_1_holds_members_and_the_vote_by_both_readings(
    study: AbhinayaStudy, truth: pl.DataFrame, answers: dict[str, pl.DataFrame]
) -> None:
    rows = {(row["system"], row["tie"]): row for row in study.tables.table_1.iter_rows(named=True)}
    assert list(rows)[:5] == [(name, None) for name in MEMBERS]
    for name in MEMBERS:
        assert rows[name, None]["value"] == pytest.approx(
            macro_f1(truth, answers[name]["emotion"].to_list())
        )
    assert rows["S2", None]["printed_validation"] == pytest.approx(0.3768)
    assert rows["T1", None]["printed_test"] is None
    paper = rows["majority vote", "abhinaya_paper"]
    assert paper["value"] == pytest.approx(macro_f1(truth, voted(answers, MEMBERS, "S2")))
    assert (paper["printed_validation"], paper["printed_test"]) == pytest.approx((0.4231, 0.4402))
    assert ("majority vote", "among_tied") in rows


def test_table_2_compares_each_loss_with_the_first_of_its_system(
    study: AbhinayaStudy, truth: pl.DataFrame, answers: dict[str, pl.DataFrame]
) -> None:
    first, second, alone = study.tables.table_2.iter_rows(named=True)
    assert (first["system"], first["label"], first["against"]) == ("S1", "wce", None)
    assert (second["label"], second["against"]) == ("wfl", "wce")
    s1, s2 = (macro_f1(truth, answers[name]["emotion"].to_list()) for name in ("S1", "S2"))
    assert second["difference"] == pytest.approx(s2 - s1)
    assert second["difference_low"] <= s2 - s1 <= second["difference_high"]
    assert [first["printed"], second["printed"]] == pytest.approx([0.3307, 0.3443])
    assert (alone["system"], alone["label"], alone["difference"]) == ("T2", "vs", None)
    assert alone["value"] == pytest.approx(macro_f1(truth, answers["T2"]["emotion"].to_list()))


def test_table_3_holds_the_f1_of_each_emotion(
    study: AbhinayaStudy, truth: pl.DataFrame, answers: dict[str, pl.DataFrame]
) -> None:
    frame = study.tables.table_3
    assert frame.height == 8 * 6
    said = answers["S2"]["emotion"].to_list()
    scores = f1_score(truth["emotion"].to_list(), said, average=None, labels=EMOTIONS)
    own = frame.filter(system="S2")
    found = dict(zip(own["emotion"], own["value"], strict=True))
    assert [found[emotion] for emotion in EMOTIONS] == pytest.approx(scores.tolist())
    vote = frame.filter(system="majority vote", emotion="fear")
    assert vote["printed"][0] == pytest.approx(0.2641)


def test_table_4_holds_every_subset_with_the_printed_ones(
    study: AbhinayaStudy, truth: pl.DataFrame, answers: dict[str, pl.DataFrame]
) -> None:
    frame = study.tables.table_4
    assert frame.height == 31
    printed = frame.drop_nulls("printed_as")
    assert sorted(printed["printed_as"]) == [
        "ABHINAYA",
        "Comb. I",
        "Comb. II",
        "Comb. III",
        "Comb. IV",
    ]
    row = frame.row(by_predicate=pl.col("printed_as") == "Comb. I", named=True)
    assert row["members"] == "S2 + T2 + ST1"
    assert row["value"] == pytest.approx(macro_f1(truth, voted(answers, ("S2", "T2", "ST1"), "S2")))


def test_without_s2_the_speech_text_model_is_asked_first_as_in_the_paper(
    study: AbhinayaStudy, truth: pl.DataFrame, answers: dict[str, pl.DataFrame]
) -> None:
    row = study.tables.table_4.row(by_predicate=pl.col("printed_as") == "Comb. II", named=True)
    assert (row["breaker"], row["printed_breaker"]) == ("ST1", "ST1")
    said = voted(answers, ("S1", "T2", "ST1"), "ST1")
    assert row["value"] == pytest.approx(macro_f1(truth, said))


def test_figure_2_stands_beside_what_was_printed(study: AbhinayaStudy) -> None:
    (row,) = study.tables.figure_2.iter_rows(named=True)
    assert row["label"] == "LLaMA-3.1-8B-Instruct"
    assert row["printed"] == pytest.approx(0.2847)


def test_the_page_has_every_table_and_the_paper(study: AbhinayaStudy, tmp_path: Path) -> None:
    page = write_abhinaya(study, tmp_path / "out", command="equivoice study abhinaya …")
    text = page.read_text(encoding="utf-8")
    for heading in (
        "Table 1",
        "Table 2",
        "Figure 2",
        "Table 3",
        "Table 4",
        "The ensemble",
        "The paper",
    ):
        assert heading in text
    assert "42.31" in text  # the paper's own systems and corpus: without brackets
    assert "(42.31)" not in text
    assert "How a tie is read changes" in text
    names = sorted(each.name for each in (tmp_path / "out").iterdir())
    assert names == [
        "abhinaya.html",
        "figure_2.csv",
        "table_1.csv",
        "table_2.csv",
        "table_3.csv",
        "table_4.csv",
    ]
    kept = pl.read_csv(tmp_path / "out" / "table_4.csv")
    assert kept.height == 31


def test_other_systems_have_printed_numbers_in_brackets(
    truth: pl.DataFrame, answers: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    other = truth.with_columns(corpus=pl.lit("ravdess"))
    named = {name: answers[name] for name in ("S1", "S2")} | {"mine": answers["T1"]}
    found = abhinaya_vote(named, reference=other, settings=QUICK)
    assert not found.same
    text = write_abhinaya(found, tmp_path).read_text(encoding="utf-8")
    assert "(37.68)" in text
    assert "say nothing about what was run here" in text
    mine = found.tables.table_1.filter(system="mine").row(0, named=True)
    assert mine["printed_for"] is None


def test_a_balanced_part_is_drawn(truth: pl.DataFrame, answers: dict[str, pl.DataFrame]) -> None:
    settings = AbhinayaSettings(replicates=40, permutations=10, balanced=5, seed=2)
    found = abhinaya_vote(
        answers, reference=truth, losses=[("S1", "wce", answers["S1"])], settings=settings
    )
    assert set(found.tables.table_1["n"]) == {40}
    assert found.tables.table_2["n"].to_list() == [40]


def test_losses_alone_make_a_page(
    truth: pl.DataFrame, answers: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    found = abhinaya_vote(
        reference=truth,
        losses=[("S1", "wce", answers["S1"]), ("S1", "mine", answers["S2"])],
        settings=QUICK,
    )
    assert found.votes is None
    text = write_abhinaya(found, tmp_path).read_text(encoding="utf-8")
    assert "weighted cross-entropy (WCE)" in text
    assert sorted(each.name for each in tmp_path.iterdir()) == ["abhinaya.html", "table_2.csv"]


def test_mistakes_are_named(truth: pl.DataFrame, answers: dict[str, pl.DataFrame]) -> None:
    with pytest.raises(ConfigError, match="there is nothing to show"):
        abhinaya_vote(reference=truth)
    twice: list[tuple[str, str, Any]] = [("S1", "wce", answers["S1"]), ("S1", "wce", answers["S2"])]
    with pytest.raises(ConfigError, match="two runs of S1 have the same name: 'wce'"):
        abhinaya_vote(reference=truth, losses=twice, settings=QUICK)
    both = pl.concat([answers["S1"].with_columns(system=pl.lit(name)) for name in "ab"])
    with pytest.raises(InputError, match="wce names 2 systems") as caught:
        abhinaya_vote(reference=truth, losses=[("S1", "wce", both)], settings=QUICK)
    assert caught.value.choices == ("a", "b")
    short = answers["S2"].head(100)
    with pytest.raises(ConfigError, match="the members answer different utterances"):
        abhinaya_vote(
            reference=truth,
            losses=[("S1", "wce", answers["S1"]), ("S1", "wfl", short)],
            settings=QUICK,
        )


@pytest.mark.parametrize("text", ["S1=runs/a", "S1:=runs/a", ":wce=runs/a", "S1:wce", "S1:wce="])
def test_half_a_loss_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="SYSTEM:LOSS=RUN"):
        read_loss(text)
