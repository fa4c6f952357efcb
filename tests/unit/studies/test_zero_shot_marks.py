"""The audit's tables out of estimates written by hand: what is marked, and what stands beside what."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import InputError
from equivoice.evaluation.described import CorpusDescription
from equivoice.records import Label, LabelSpace
from equivoice.studies.published import Number, PublishedModel, load_published
from equivoice.studies.published.reading import MEASURES as PRINTED_MEASURES
from equivoice.studies.zero_shot.conventions import changes
from equivoice.studies.zero_shot.scoring import AuditSettings, Scored
from equivoice.studies.zero_shot.tables import MEASURES, AuditTables, make_tables
from oracles.audit_rows import gap, score, tables

STUDY = load_published()
QWEN = "Qwen/Qwen2-Audio-7B-Instruct"
ROW: dict[str, Any] = {
    "quantity": "score",
    "metric": "macro_f1",
    "convention": "equivoice",
    "corpus": "ravdess",
    "fold": "all",
    "system": "llm",
    "prompt": "user_labels",
    "modality": "speech",
    "temperature": 0.0,
    "class": None,
    "group_by": None,
    "group_aggregator": None,
    "class_aggregator": None,
    "value": 0.6,
    "low": 0.5,
    "high": 0.7,
    "n": 100,
    "undefined": None,
}
TYPES: dict[str, Any] = {
    **dict.fromkeys(("prompt", "system", "class", "group_by", "undefined"), pl.String),
    **dict.fromkeys(("group_aggregator", "class_aggregator", "fold"), pl.String),
    **dict.fromkeys(("temperature", "value", "low", "high"), pl.Float64),
}


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(
        [ROW | row for row in rows], schema_overrides=TYPES, infer_schema_length=None
    )


def a_gap(metric: str, value: float | None, **more: Any) -> dict[str, Any]:
    own = {"quantity": "gap", "metric": metric, "group_by": "gender", "group_aggregator": "mean"}
    return own | {"value": value, "low": 0.0, "high": 0.3} | more


def speech(women: int = 2, men: int = 1) -> pl.DataFrame:
    genders = ["female"] * women + ["male"] * men
    return pl.DataFrame(
        {
            "utterance_id": [f"ravdess/{i}" for i in range(2 * len(genders))],
            "speaker": [f"s{i}" for i in range(len(genders))] * 2,
            "gender": genders * 2,
        }
    )


def made(
    *rows: dict[str, Any],
    parsers: pl.DataFrame | None = None,
    model: str = QWEN,
    settings: AuditSettings | None = None,
    table: pl.DataFrame | None = None,
) -> AuditTables:
    space = LabelSpace("ravdess", (Label("happy"), Label("sad")))
    described = CorpusDescription.model_construct(name="ravdess", labels=space.labels)
    scored = Scored(
        frame(*rows),
        pl.DataFrame() if parsers is None else parsers,
        {"ravdess": speech() if table is None else table},
        {"llm": model},
        {"ravdess": described},
        (),
    )
    return make_tables(scored, STUDY, settings or AuditSettings())


def marks(found: pl.DataFrame) -> dict[str, str]:
    return dict(found.select("convention", "mark").iter_rows())


# ---------------------------------------------------------------------------- marks


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_score_is_marked_just_where_it_lies_outside_our_interval(
    theirs: float, one: float, two: float
) -> None:
    low, high = sorted((one, two))
    found = made({"low": low, "high": high}, {"convention": "fairalm_code", "value": theirs})
    expected = "" if low <= theirs <= high else "outside our interval"
    assert marks(found.table_2) == {"equivoice": "", "fairalm_code": expected}


def test_without_an_interval_nothing_is_outside() -> None:
    found = made({"low": None, "high": None}, {"convention": "fairalm_code", "value": 0.01})
    assert set(marks(found.table_2).values()) == {""}


def test_what_we_leave_undefined_is_marked_with_our_reason() -> None:
    ours = a_gap("statistical_parity", None, undefined="only one group: female")
    theirs = a_gap("statistical_parity", 0.0, convention="fairalm_code")
    found = made({}, ours, theirs)
    assert marks(found.table_4)["fairalm_code"] == (
        "not defined by our rules: only one group: female"
    )
    assert "1 gap that our rules leave undefined has a number" in changes(found)[-1]


def test_the_sum_of_recalls_is_another_scale_whatever_its_value() -> None:
    for value in (0.0, 0.2, 7.9):
        found = made(
            {},
            a_gap("overall_accuracy_equality", 0.2),
            a_gap("overall_accuracy_equality", value, convention="fairalm_code"),
            a_gap("overall_accuracy_equality", 0.9, convention="fairalm_paper"),
        )
        assert marks(found.table_4) == {
            "equivoice": "",
            "fairalm_code": "another scale: sum of recalls, 0 to 100 K",
            "fairalm_paper": "outside our interval",
        }


# -------------------------------------------------------------------- printed numbers


def test_printed_scores_stand_beside_the_same_model_only() -> None:
    (same,) = made({}).table_2.to_dicts()
    printed = STUDY.score("II", "qwen2-audio", "ravdess")
    assert printed is not None
    assert (same["printed"], same["printed_sd"]) == (printed.value, printed.sd)
    assert same["same_model"] is True
    (other,) = made({}, model="someone/else").table_2.to_dicts()
    assert other["same_model"] is False
    assert other["printed_for"] == STUDY.models[STUDY.figure.model].name
    (unknown,) = made({"corpus": "nemo"}).table_2.to_dicts()
    assert (unknown["printed"], unknown["printed_for"]) == (None, None)


@pytest.mark.parametrize("measure", MEASURES)
def test_printed_gaps_are_those_of_table_iv(measure: str) -> None:
    (row,) = made({}, a_gap(measure, 0.1)).table_4.to_dicts()
    printed = STUDY.gap("qwen2-audio", "gender", "ravdess")
    assert printed is not None
    assert row["printed"] == getattr(printed, PRINTED_MEASURES[measure])
    assert (row["attribute"], row["groups"], row["measure"]) == ("gender", "gender", measure)


def test_an_age_that_is_cut_is_the_papers_attribute_age() -> None:
    (row,) = made({}, a_gap("equal_opportunity", 0.1, group_by="age[25,33,46]")).table_4.to_dicts()
    assert (row["attribute"], row["groups"]) == ("age", "age[25,33,46]")


def test_readings_of_option_scores_have_no_printed_number_of_their_own() -> None:
    found = made({}, {"system": "llm/options"}).table_2
    by_system = {row["system"]: row for row in found.to_dicts()}
    assert by_system["llm"]["same_model"] is True
    assert by_system["llm/options"]["same_model"] is False
    assert by_system["llm/options"]["model"] == QWEN


# -------------------------------------------------------------------- which rows stand


def test_folds_and_classes_and_other_aggregators_stay_out() -> None:
    found = made(
        {},
        {"fold": "1", "value": 0.1},
        {"class": "sad", "value": 0.2},
        {"group_by": "gender", "value": 0.3},
        {"metric": "accuracy", "value": 0.4},
        a_gap("equal_opportunity", 0.5),
        a_gap("equal_opportunity", 0.6, group_aggregator="max"),
        a_gap("equal_opportunity", 0.7, class_aggregator="rms"),
        a_gap("equal_opportunity", 0.8, class_aggregator="mean", group_by="age"),
        a_gap("gap_of_something", 0.9),
    )
    assert found.table_2["value"].to_list() == [0.6]
    assert found.table_4["value"].to_list() == [0.5, 0.8]


def test_where_there_is_one_fold_it_stands_for_all() -> None:
    found = made({"fold": "1", "value": 0.25})
    assert found.table_2["value"].to_list() == [0.25]


def test_our_rules_stand_first_whatever_the_order_of_the_rows() -> None:
    rows = [{"convention": name} for name in ("fairalm_code", "fairalm_paper", "equivoice")]
    found = made(*rows).table_2
    assert found["convention"].to_list() == ["equivoice", "fairalm_paper", "fairalm_code"]


def test_figure_2_has_all_temperatures_in_order_and_the_tables_one() -> None:
    rows = [{"temperature": at, "value": 1 - at / 2} for at in (1.5, 0.3, 0.7)]
    gaps = [a_gap("equal_opportunity", 0.1, temperature=at) for at in (1.5, 0.3, 0.7)]
    found = made(*rows, *gaps)
    curve = found.figure_2.filter(metric="macro_f1")
    assert curve["temperature"].to_list() == [0.3, 0.7, 1.5]
    assert found.figure_2.filter(metric="equal_opportunity").height == 3
    assert found.table_2["temperature"].to_list() == [0.3]
    asked = made(*rows, *gaps, settings=AuditSettings(temperature=1.4))
    assert asked.table_4["temperature"].to_list() == [1.5]


def test_a_system_without_temperature_is_in_the_tables_and_not_in_the_figure() -> None:
    found = made({"system": "acoustic", "temperature": None, "prompt": None})
    assert found.table_2.height == 1
    assert found.figure_2.is_empty()


def test_table_i_counts_speakers_once_and_gender_only_where_it_is_known() -> None:
    (row,) = made({}).table_1.to_dicts()
    assert (row["utterances"], row["speakers"], row["women"], row["men"]) == (6, 3, 2, 1)
    assert row["emotions"] == 2
    assert row["printed_speakers"] == 24
    (bare,) = made({}, table=speech().drop("gender")).table_1.to_dicts()
    assert (bare["women"], bare["men"]) == (None, None)


def test_table_iii_has_coverage_beside_the_score_and_printed_numbers_where_repair_is_told() -> None:
    rows = [
        {"parser": parser, "metric": metric, "value": value}
        for parser, value in (("equivoice", 0.9), ("exact", 0.5))
        for metric in ("coverage", "macro_f1")
    ]
    rows = [
        row | {"value": row["value"] - (0.2 if row["metric"] == "macro_f1" else 0)} for row in rows
    ]
    parsed = pl.DataFrame(
        [ROW | row for row in rows], schema_overrides=TYPES, infer_schema_length=None
    )
    found = {row["parser"]: row for row in made({}, parsers=parsed).table_3.to_dicts()}
    assert list(found) == ["exact", "equivoice"]
    assert found["exact"]["coverage"] == 0.5
    assert found["equivoice"]["value"] == pytest.approx(0.7)
    assert found["equivoice"]["printed"] is None


def test_nothing_parsed_leaves_table_iii_empty() -> None:
    assert made({}).table_3.is_empty()
    assert list(made({}).named) == [
        "table-1-corpora",
        "table-2-macro-f1",
        "table-3-parsers",
        "table-4-gaps",
        "figure-2-temperature",
    ]


# ------------------------------------------------------------------------ conventions


@given(st.permutations(MEASURES), st.permutations(MEASURES))
def test_another_largest_gap_is_said_just_where_it_is_another(
    ours: list[str], theirs: list[str]
) -> None:
    values = (0.3, 0.2, 0.1)
    rows = [
        gap(measure, value, convention=convention)
        for convention, order in (("equivoice", ours), ("fairalm_paper", theirs))
        for measure, value in zip(order, values, strict=True)
    ]
    said = changes(tables(gaps=rows))
    assert len(said) == (ours[0] != theirs[0])
    assert all("by the paper's formulas" in text for text in said)


@given(st.lists(st.integers(0, 100), min_size=2, max_size=5, unique=True), st.integers(1, 50))
def test_a_rule_that_moves_all_scores_alike_changes_no_order(values: list[int], move: int) -> None:
    rows = [
        score(system=f"s{at}", value=value / 200 + shift, convention=convention)
        for convention, shift in (("equivoice", 0.0), ("fairalm_code", move / 200))
        for at, value in enumerate(values)
    ]
    assert changes(tables(scores=rows)) == []
    turned = [
        row | {"value": 1 - row["value"]} if row["convention"] != "equivoice" else row
        for row in rows
    ]
    assert len(changes(tables(scores=turned))) == 1


# -------------------------------------------------------------------- published numbers


@pytest.mark.parametrize("text", ["a: [", "{", "- 1\n- 2", "3", "", "\t"])
def test_a_file_that_is_no_study_is_refused_with_its_name(tmp_path: Any, text: str) -> None:
    place = tmp_path / "study.yaml"
    place.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        load_published(place)
    assert str(place) in str(caught.value)


def test_a_study_file_runs_no_code(tmp_path: Any) -> None:
    place = tmp_path / "study.yaml"
    place.write_text(f"id: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n", "utf-8")
    with pytest.raises(InputError, match="not YAML"):
        load_published(place)
    assert not (tmp_path / "made").exists()


def test_the_study_can_be_read_from_a_copy(tmp_path: Any) -> None:
    place = tmp_path / "copy.yaml"
    place.write_text(yaml.safe_dump(STUDY.model_dump(mode="json")), "utf-8")
    assert load_published(place) == STUDY


def test_cells_that_the_paper_lacks_are_none_and_not_zero() -> None:
    assert STUDY.score("II", "no-such-model", "ravdess") is None
    assert STUDY.score("II", "qwen2-audio", "nemo") is None
    assert STUDY.gap("qwen2-audio", "gender", "nemo") is None
    row = STUDY.gap("qwen2-audio", "gender", "ravdess")
    assert row is not None
    assert row.value("macro_f1") is None
    assert isinstance(STUDY.score("II", "qwen2-audio", "ravdess"), Number)


@given(st.text(max_size=20))
def test_a_model_without_weights_is_nobody(described: str) -> None:
    assert not PublishedModel(name="m").is_run_by(described)


def test_slips_of_a_table_hold_for_all_corpora_or_their_own() -> None:
    for slip in STUDY.slips:
        assert slip in STUDY.slips_of(slip.table, slip.corpus)
        others = [each.corpus for each in STUDY.datasets if each.corpus != slip.corpus]
        for other in others:
            assert (slip in STUDY.slips_of(slip.table, other)) == (slip.corpus is None)
