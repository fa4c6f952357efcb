"""The report of training runs: what was chosen on what, what limits it, and a page that is whole."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import polars as pl
import pytest

from equivoice.evaluation.training_progress import PROGRESS_COLUMNS
from equivoice.records import RunRecord
from equivoice.reports.document import Section
from equivoice.reports.training import (
    render_training,
    training_facts,
    training_section,
    training_statements,
)
from equivoice.reports.training_inputs import TrainingInputs, measure_name, over_cells
from oracles.trained import compared, training_inputs

VOID = frozenset(
    "meta link br hr input circle rect line path polyline polygon".split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def inputs() -> TrainingInputs:
    return training_inputs()


@pytest.fixture(scope="module")
def page(inputs: TrainingInputs) -> str:
    return render_training(inputs)


@pytest.fixture(scope="module")
def both(inputs: TrainingInputs) -> str:
    other = training_inputs(title="ERM", adaptive=False)
    return render_training([inputs, other], trade_off=compared(seeds=2))


def text_of(page: str) -> str:
    body = re.sub(r"<(style|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def headings(page: str) -> list[str]:
    return [unescape(found) for found in re.findall(r"<h2[^>]*>(.*?)</h2>", page)]


def chose(inputs: TrainingInputs, **changed: object) -> TrainingInputs:
    """The run with its choice of a checkpoint recorded otherwise."""
    entry = {**inputs.selection, **changed}
    entry = {name: value for name, value in entry.items() if value is not None}
    record = inputs.record.model_copy(update={"selection": [entry]})
    return replace(inputs, record=record)


# --------------------------------------------------------------------- statements


def test_it_says_where_training_stopped_and_why(inputs: TrainingInputs) -> None:
    can, _ = training_statements(inputs)
    assert can[0] == (
        "Training stopped after 48 steps, in epoch 8. No better macro-F1 on validation data for 2 "
        "epochs."
    )


def test_it_says_what_was_chosen_by_what_on_whom(inputs: TrainingInputs) -> None:
    can, _ = training_statements(inputs)
    value = inputs.progress.filter(
        (pl.col("step") == 36)
        & (pl.col("measure") == "macro_f1")
        & pl.col("cell").is_null()
        & (pl.col("kind") == "level")
    )["value"].item()
    assert can[1] == (
        "The checkpoint of step 36 was chosen by macro-F1 on validation data, out of 8 evaluations: "
        f"{value * 100:.1f}%, 240 utterances of 36 speakers; this single value has no interval."
    )
    assert can[2].endswith("test data chose nothing.")


def test_counts_may_be_lists_of_what_is_counted(inputs: TrainingInputs) -> None:
    given = chose(inputs, candidates=[{"step": 6}, {"step": 12}], speakers=["a", "b", "c"])
    can, _ = training_statements(given)
    assert "out of 2 evaluations" in can[1]
    assert "240 utterances of 3 speakers" in can[1]


def test_a_checkpoint_chosen_by_loss_or_by_the_worst_gap_says_so(inputs: TrainingInputs) -> None:
    by_loss, _ = training_statements(chose(inputs, metric="loss"))
    assert re.search(
        r"was chosen by loss on validation data, out of 8 evaluations: 0\.\d{3}, ", by_loss[1]
    )
    by_gap, _ = training_statements(chose(inputs, metric="worst_gap"))
    assert "was chosen by the largest gap in loss over languages on validation data" in by_gap[1]
    in_points, _ = training_statements(
        replace(chose(inputs, metric="worst_gap"), compared="macro_f1")
    )
    assert re.search(
        r"the largest gap in macro-F1 over languages .*: \d+\.\d points, ", in_points[1]
    )


@pytest.mark.parametrize("split", ["test", None])
def test_a_choice_on_other_data_than_validation_is_no_small_thing(
    inputs: TrainingInputs, split: str | None
) -> None:
    can, cannot = training_statements(chose(inputs, split=split))
    stated = "test data" if split else "no data"
    assert cannot[0] == (
        f"The record states {stated} for the choice of checkpoint: it does not show that test data "
        "chose nothing."
    )
    assert not any("test data chose nothing." in each for each in can)


def test_validation_scores_are_called_too_good(inputs: TrainingInputs) -> None:
    _, cannot = training_statements(inputs)
    assert any("tend to be better than what new speakers would give" in each for each in cannot)
    _, before = training_statements(replace(inputs, chosen=None, estimates=None))
    assert not any("tend to be better" in each for each in before)


def test_curves_are_not_evidence_about_new_speakers(inputs: TrainingInputs) -> None:
    _, cannot = training_statements(inputs)
    assert any(each.startswith("Curves describe how a training went.") for each in cannot)
    _, without = training_statements(inputs, curves=False)
    assert not any("Curves" in each for each in without)


def test_a_worst_gap_whose_interval_reaches_zero_is_not_concluded(inputs: TrainingInputs) -> None:
    assert inputs.estimates is not None
    is_worst = (pl.col("quantity") == "gap") & (pl.col("class_aggregator") == "max")
    for low, place in ((0.0, 1), (0.02, 0)):
        table = inputs.estimates.with_columns(
            low=pl.when(is_worst).then(pl.lit(low)).otherwise("low")
        )
        made = training_statements(replace(inputs, estimates=table))
        assert any("On the validation data: the largest gap" in each for each in made[place])
        assert not any("the largest gap in macro-F1 by" in each for each in made[1 - place])


def test_a_training_that_goes_on_is_not_called_stopped(inputs: TrainingInputs) -> None:
    record = inputs.record.model_copy(update={"finished": None})
    can, _ = training_statements(replace(inputs, record=record, stopped=""))
    assert can[0] == (
        "Training is not finished, or was cut off after 48 steps, in epoch 8: the same command goes on."
    )


def test_losses_that_are_not_on_record_are_said(inputs: TrainingInputs) -> None:
    gone = inputs.progress.with_columns(
        value=pl.when((pl.col("step") == 12) & (pl.col("measure") == "loss"))
        .then(None)
        .otherwise("value")
    )
    _, cannot = training_statements(replace(inputs, progress=gone))
    assert cannot[0].startswith("No loss is on record at 2 places of the curves, first at step 12")


def test_nothing_on_record_says_so() -> None:
    empty = TrainingInputs(
        "x", RunRecord(verb="train", config={}), pl.DataFrame(schema=PROGRESS_COLUMNS)
    )
    can, _ = training_statements(empty)
    assert can == ("No step of training is on record.",)
    facts = dict(training_facts(empty))
    assert facts["objective"] == ("not recorded",)
    assert "Training" in headings(render_training(empty))


def test_no_sentence_calls_groups_equal_or_a_system_fair(both: str) -> None:
    text = text_of(both).lower()
    for word in ("bias", "discriminat", "unfair", " fair ", "significant", "debias"):
        assert word not in text
    assert "differences between groups are described, not explained" in text


# ---------------------------------------------------------------------------- page


def test_sections_come_in_the_order_of_reading(page: str) -> None:
    assert headings(page) == [
        "Training", "The data", "What was left out", "How this was made", "How to read this"
    ]  # fmt: skip
    parts = [unescape(each) for each in re.findall(r"<h3 id[^>]*>(.*?)</h3>", page)]
    assert parts[:3] == [
        "Who was trained on",
        "How training went",
        "The chosen checkpoint on the validation data",
    ]


def test_several_runs_begin_with_the_trade_off_and_are_named(both: str) -> None:
    assert headings(both)[:3] == [
        "Score against worst gap",
        "Training: MinMaxGAP, adaptive",
        "Training: ERM",
    ]
    text = text_of(both)
    assert "Whether the order of the runs holds for new speakers is for test data to say." in text


def test_no_name_of_a_place_stands_twice(both: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', both)
    assert len(ids) == len(set(ids))


def test_the_page_asks_for_nothing_and_runs_nothing(both: str) -> None:
    assert "<script" not in both
    assert not re.search(r'(src|href)="(https?:|//)', both)


def test_every_figure_has_a_title_and_a_description(both: str) -> None:
    figures = re.findall(r"<svg role=\"img\".*?</desc>", both, flags=re.DOTALL)
    assert len(figures) > 8
    for figure in figures:
        title, described = re.search(r"<title[^>]*>(.*?)</title>", figure), figure.split("<desc")[1]
        assert title is not None
        assert title[1]
        assert len(described) > 60


def test_tags_are_closed_in_order(both: str) -> None:
    class Checker(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
            if tag not in VOID:
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in VOID:
                assert self.open.pop() == tag

    checker = Checker()
    checker.feed(both)
    assert checker.open == []


def test_who_was_trained_on_is_counted_and_unknown_groups_are_named(inputs: TrainingInputs) -> None:
    assert "ja female 320 20" in text_of(render_training(inputs))
    assert inputs.data is not None
    unknown = inputs.data.with_columns(group=pl.lit(None, pl.String))
    text = text_of(render_training(replace(inputs, data=unknown)))
    assert "Utterances of unknown gender were trained on, and took no part in any gap." in text
    nobody = text_of(render_training(replace(inputs, data=None)))
    assert "The record does not hold which utterances were trained on." in nobody


def test_a_checkpoint_without_answers_says_that_gaps_have_no_intervals(
    inputs: TrainingInputs,
) -> None:
    text = text_of(render_training(replace(inputs, estimates=None)))
    assert "holds no answers of the chosen checkpoint, so its gaps have no intervals" in text


def test_curves_by_group_are_folded_and_the_numbers_are_there(inputs: TrainingInputs) -> None:
    section = training_section(inputs)
    curves = next(part for part in section.sections if part.anchor == "curves")
    folded = [block.summary for block in curves.blocks if block.kind == "folded"]
    assert folded == ["Curves of each group", "The numbers of these curves"]


def test_runs_of_one_name_are_told_apart(inputs: TrainingInputs) -> None:
    page = render_training([inputs, inputs])
    assert headings(page)[:2] == [
        "Training: MinMaxGAP, adaptive (1)",
        "Training: MinMaxGAP, adaptive (2)",
    ]


def test_no_run_is_no_report() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        render_training([])


@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", "\ud800 lone", '"><img src=x>'])
def test_texts_of_users_stay_text(inputs: TrainingInputs, bad: str) -> None:
    page = render_training(
        replace(inputs, title=bad, stopped=bad, labels=(bad,), prompt=bad, base_model=bad)
    )
    page.encode("utf-8")
    assert "<script>alert" not in page
    assert "<img" not in page


def test_anchors_of_several_runs_differ(inputs: TrainingInputs) -> None:
    def anchors(section: Section) -> list[str]:
        return [section.anchor, *(name for part in section.sections for name in anchors(part))]

    one, other = (anchors(training_section(inputs, prefix=f"run{at}-")) for at in (0, 1))
    assert not set(one) & set(other)


def test_names_of_measures_and_cells() -> None:
    assert (measure_name("loss"), measure_name("macro_f1")) == ("loss", "macro-F1")
    assert over_cells("language", 1) == "1 language"
    assert over_cells("language", 3) == "3 languages"
    assert over_cells("dialect x modality", 2) == "2 cells of dialect × modality"


def test_what_is_compared_over_everybody_has_no_cells(inputs: TrainingInputs) -> None:
    assert replace(inputs, cell="modality").place == "all"
    assert replace(inputs, cell="language x modality").place == "language"
    assert over_cells("all") == "all the data"
    assert inputs.data is not None
    text = text_of(
        render_training(
            replace(inputs, cell="modality", data=inputs.data.with_columns(cell=pl.lit("")))
        )
    )
    assert "Utterances by all and gender" in text
