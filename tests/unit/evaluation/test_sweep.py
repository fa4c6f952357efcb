"""benchmark: nothing of the test set leaks, nothing is done twice, all is written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, load_corpus, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.corpora.limiting import limited
from equivoice.errors import ConfigError, CorpusError, InputError
from equivoice.evaluation import benchmark, plan_benchmark
from equivoice.evaluation.described import read_descriptions
from equivoice.evaluation.task import supported_groupings
from equivoice.inference import Cell, Silence
from equivoice.models.prior import ConstantRecognizer, PriorBaseline
from equivoice.models.scripted import ScriptedBaseline, ScriptedRecognizer
from equivoice.records import ESTIMATES, LabelSpace, RunRecord
from equivoice.store import RunFolder

QUICK: Mapping[str, Any] = {"replicates": 50, "permutations": 20}
LABELS = ("angry", "happy", "sad")


def corpus(name: str = "demo", speakers: int = 6, per_speaker: int = 6, folds: int = 3) -> Corpus:
    rows = [
        {
            "utterance_id": f"{name}/{speaker}-{number}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(speakers)
        for number in range(per_speaker)
    ]
    made = Corpus(name, label_space(LABELS, id=name), pl.DataFrame(rows))
    if not folds:
        return made
    return replace(made, folds=make_folds(made.utterances, n_folds=folds, seed=0))


def answers(*corpora: Corpus) -> dict[str, str]:
    return {
        utterance: emotion
        for each in corpora
        for utterance, emotion in each.utterances.select("utterance_id", "emotion").iter_rows()
        if emotion is not None
    }


@dataclass
class Spy:
    """A trainable that remembers what it was given."""

    name: str = "spy"
    seen: list[tuple[pl.DataFrame, pl.DataFrame | None, int]] = field(default_factory=list)
    tested: list[pl.DataFrame] = field(default_factory=list)

    def fit(
        self,
        train: pl.DataFrame,
        validation: pl.DataFrame | None,
        *,
        label_space: LabelSpace,
        seed: int,
    ) -> Any:
        self.seen.append((train, validation, seed))
        inner = PriorBaseline(self.name).fit(train, None, label_space=label_space, seed=seed)
        tested = self.tested

        class Fitted(ConstantRecognizer):
            def predict(self, utterances: pl.DataFrame) -> Any:
                tested.append(utterances)
                return super().predict(utterances)

        return Fitted(inner.name, inner.label_space, inner.probabilities, inner.selection)


def value(run: RunFolder, **where: Any) -> float:
    keys = {"quantity": "score", "fold": "all", "metric": "accuracy", **where}
    rows = run.estimates().filter(**keys)
    assert rows.height == 1, rows
    return float(rows.get_column("value")[0])


# ------------------------------------------------------------------- the whole road


def test_all_cells_are_run_and_scored(tmp_path: Path) -> None:
    a, b = corpus("a"), corpus("b", speakers=4, folds=2)
    fake = ScriptedBaseline(answers(a, b))
    run = benchmark([fake, "prior"], [a, b], out=tmp_path / "run", **QUICK)
    table = run.predictions()
    assert table.height == 2 * (36 + 24)
    cells = set(table.select("system", pl.col("utterance_id").str.head(1), "fold").rows())
    assert cells == {(s, "a", f) for s in ("scripted", "prior") for f in "123"} | {
        (s, "b", f) for s in ("scripted", "prior") for f in "12"
    }
    assert ESTIMATES.validate(run.estimates()).height
    assert value(run, system="scripted", corpus="a") == 1
    assert value(run, system="prior", corpus="b") == pytest.approx(1 / 3)
    assert run.utterances().height == 60
    assert run.record.finished is not None
    assert not list((tmp_path / "run" / "cells").glob("*.jsonl"))


def test_one_system_and_one_corpus_need_no_list(tmp_path: Path) -> None:
    folder = save_corpus(corpus(), tmp_path / "demo")
    for place in (folder, str(folder), load_corpus(folder)):
        task = plan_benchmark("prior", place)
        assert [cell.corpus for cell in task.plan.cells] == ["demo"] * 3
        assert task.settings.corpora == (str(folder),)


def test_a_system_never_sees_a_test_label_nor_a_test_speaker(tmp_path: Path) -> None:
    spy = Spy()
    benchmark(spy, corpus(), out=tmp_path / "run", **QUICK)
    assert len(spy.seen) == 3
    assert len({seed for _, _, seed in spy.seen}) == 3
    for (train, _, _), test in zip(spy.seen, spy.tested, strict=True):
        assert not {"emotion", "valence", "arousal", "dominance"} & set(test.columns)
        assert not set(train["speaker"]) & set(test["speaker"])
        assert not set(train["utterance_id"]) & set(test["utterance_id"])


def test_the_record_proves_who_chose_what(tmp_path: Path) -> None:
    run = benchmark("prior", corpus(), out=tmp_path / "run", **QUICK)
    record = run.record
    assert len(record.selection) == 3
    for choice in record.selection:
        assert choice["split"] == "train"
        assert choice["test_speakers"]
        assert not set(choice["speakers"]) & set(choice["test_speakers"])
    assert {choice["fold"] for choice in record.selection} == {"1", "2", "3"}
    assert record.verb == "benchmark"
    assert record.versions["equivoice"]
    assert record.host["cores"]
    assert record.seeds["root"] == 0
    assert record.config["replicates"] == 50
    assert len(record.inputs["demo/utterances"]) == 64


def test_a_prepared_corpus_is_hashed_file_by_file_and_its_audio_by_content(
    tmp_path: Path,
) -> None:
    (tmp_path / "x.wav").write_bytes(b"sound")
    made = corpus()
    made = replace(
        made, utterances=made.utterances.with_columns(audio=pl.lit(str(tmp_path / "x.wav")))
    )
    folder = save_corpus(made, tmp_path / "demo")
    run = benchmark("prior", folder, out=tmp_path / "run", **QUICK)
    assert set(run.record.inputs) == {
        "demo/corpus.json",
        "demo/utterances.parquet",
        "demo/folds.parquet",
        "demo/audio",
    }


def test_official_validation_reaches_the_system(tmp_path: Path) -> None:
    made = corpus(folds=0)
    speaker = pl.col("utterance_id").str.extract(r"/(\d)")
    split = (
        pl.when(speaker == "0")
        .then(pl.lit("test"))
        .when(speaker == "1")
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
    )
    folds = made.utterances.select("utterance_id", fold=pl.lit("official"), split=split)
    spy = Spy()
    benchmark(spy, replace(made, folds=folds), out=tmp_path / "run", **QUICK)
    (train, validation, _) = spy.seen[0]
    assert validation is not None
    assert set(validation["speaker"]) == {"s1"}
    assert set(train["speaker"]) == {"s2", "s3", "s4", "s5"}


def test_a_system_that_needs_no_fitting_is_run_as_it_is(tmp_path: Path) -> None:
    made = corpus()
    fixed = ScriptedRecognizer(made.label_space, answers(made), name="fixed")
    run = benchmark(fixed, made, out=tmp_path / "run", **QUICK)
    assert value(run, system="fixed") == 1
    assert run.record.selection == []
    assert set(run.timings()["stage"]) == {"predict"}


# --------------------------------------------------------------------------- folds


def test_folds_are_made_where_there_are_none_and_the_record_says_so(tmp_path: Path) -> None:
    run = benchmark("prior", corpus(folds=0), out=tmp_path / "run", n_folds=3, **QUICK)
    assert set(run.predictions()["fold"]) == {"1", "2", "3"}
    assert run.predictions()["utterance_id"].n_unique() == 36
    assert "folds of demo" in run.record.seeds
    notes = json.loads(run.read_text("notes.json") or "[]")
    assert any("no folds of its own: 3 were made" in note for note in notes)
    assert "3 were made" in read_descriptions(run)["demo"].folds


def test_chosen_folds_only(tmp_path: Path) -> None:
    run = benchmark("prior", corpus(), out=tmp_path / "run", folds=("2",), **QUICK)
    assert set(run.predictions()["fold"]) == {"2"}
    assert run.utterances().height == run.predictions().height == 12


def test_an_unknown_fold_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="demo has no such fold") as caught:
        plan_benchmark("prior", corpus(), folds=("9",))
    assert caught.value.choices == ("1", "2", "3")


# --------------------------------------------------------------------- what is left out


def test_utterances_without_a_label_are_predicted_not_learned_and_counted(
    tmp_path: Path,
) -> None:
    made = corpus()
    unlabelled = pl.col("utterance_id").is_in(["demo/0-0", "demo/1-0"])
    emotion = pl.when(unlabelled).then(None).otherwise(pl.col("emotion")).alias("emotion")
    made = replace(
        made, utterances=made.utterances.with_columns(emotion), left_out={"audio file missing": 3}
    )
    spy = Spy()
    run = benchmark(spy, made, out=tmp_path / "run", **QUICK)
    assert all(train["emotion"].null_count() == 0 for train, _, _ in spy.seen)
    assert run.predictions().height == 36
    counts = run.record.left_out
    assert counts["demo: audio file missing"] == 3
    trained = [n for key, n in counts.items() if "training utterance without label" in key]
    assert sum(trained) == 4  # each stands in two of the three training parts
    assert counts["demo: reference without label"] == 2


def test_failed_predictions_are_counted(tmp_path: Path) -> None:
    made = corpus()
    fake = ScriptedBaseline(answers(made), fail_on=("demo/0-0", "demo/3-4"))
    run = benchmark(fake, made, out=tmp_path / "run", **QUICK)
    assert run.record.left_out["demo: answer failed"] == 2
    assert run.predictions().filter(status="failed").height == 2


def test_the_limit_keeps_every_label_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    run = benchmark("prior", corpus(), out=tmp_path / "run", limit=6, **QUICK)
    assert run.predictions().height == 18
    per_fold = run.predictions().join(run.utterances(), on="utterance_id", suffix="_true")
    for _, rows in per_fold.group_by("fold"):
        assert sorted(rows["emotion_true"].to_list()) == sorted(LABELS * 2)
    assert run.record.left_out["demo, fold 1: test utterance beyond the limit"] == 6
    assert run.record.left_out["demo, fold 1: training utterance beyond the limit"] == 18


def test_the_limit_depends_on_ids_and_seed_and_not_on_the_order_of_rows() -> None:
    table = corpus().utterances
    kept = limited(table, 7, seed=1)
    assert kept.height == 7
    assert set(limited(table.reverse(), 7, seed=1)["utterance_id"]) == set(kept["utterance_id"])
    assert set(limited(table, 7, seed=2)["utterance_id"]) != set(kept["utterance_id"])
    assert limited(table, None, seed=1).equals(table)
    assert limited(table, 1000, seed=1).equals(table)


# ------------------------------------------------------------------------- groupings


def test_groupings_are_what_the_corpus_can_carry() -> None:
    table = pl.DataFrame(
        {
            "gender": ["female", "male", None],
            "age": [20.0, 30.0, 20.0],
            "language": ["en", "en", "en"],
            "race": [None, None, None],
        }
    )
    assert supported_groupings(table) == ("gender", "age", "gender x age")
    assert supported_groupings(table.drop("gender")) == ("age",)
    assert supported_groupings(pl.DataFrame({"emotion": ["sad"]})) == ()


def test_groupings_can_be_chosen(tmp_path: Path) -> None:
    run = benchmark("prior", corpus(), out=tmp_path / "run", group_by=(), **QUICK)
    assert run.estimates()["group_by"].null_count() == run.estimates().height
    with pytest.raises(InputError, match="no such attribute"):
        benchmark("prior", corpus(), out=tmp_path / "other", group_by=("shoe",), **QUICK)


# ---------------------------------------------------------------------------- resume


class Interrupted(Exception):
    """Stands for whatever ends a process."""


class StopAfter(Silence):
    """Progress that ends the run after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def advanced(self, cell: Cell | None, utterances: int) -> None:
        if utterances == 0:
            return
        self.left -= 1
        if self.left < 0:
            raise Interrupted(str(cell))


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 7, 8])
def test_a_run_that_was_cut_off_ends_with_the_same_bytes(tmp_path: Path, batches: int) -> None:
    made = corpus()
    fake = ScriptedBaseline(answers(made), accuracy=0.6)
    settings = {"batch_size": 5, **QUICK}
    whole = benchmark([fake, "prior"], made, out=tmp_path / "whole", **settings)
    with pytest.raises(Interrupted):
        benchmark(
            [fake, "prior"], made, out=tmp_path / "cut", progress=StopAfter(batches), **settings
        )
    assert RunFolder.read(tmp_path / "cut").record.finished is None
    cut = benchmark([fake, "prior"], made, out=tmp_path / "cut", **settings)
    for table in ("predictions.parquet", "estimates.parquet", "utterances.parquet"):
        assert (cut.path / table).read_bytes() == (whole.path / table).read_bytes()
    assert _sorted(cut.record) == _sorted(whole.record)
    assert cut.record.left_out == whole.record.left_out


def _sorted(record: RunRecord) -> list[str]:
    return sorted(json.dumps(choice) for choice in record.selection)


def test_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    spy = Spy()
    benchmark(spy, corpus(), out=tmp_path / "run", **QUICK)
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    benchmark(spy, corpus(), out=tmp_path / "run", **QUICK)
    assert len(spy.seen) == 3
    after = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert after == before


def test_other_settings_or_inputs_are_refused_and_named(tmp_path: Path) -> None:
    out = tmp_path / "run"
    benchmark("prior", corpus(), out=out, **QUICK)
    with pytest.raises(ConfigError) as caught:
        benchmark("prior", corpus(), out=out, seed=4, replicates=60, permutations=20)
    message = str(caught.value)
    assert "seed: 0 in the run, 4 now" in message
    assert "replicates: 50 in the run, 60 now" in message
    assert "--overwrite" in message
    changed = corpus()
    changed = replace(changed, utterances=changed.utterances.with_columns(gender=pl.lit("male")))
    with pytest.raises(ConfigError, match=r"inputs\.demo/utterances"):
        benchmark("prior", changed, out=out, **QUICK)


def test_overwriting_begins_anew(tmp_path: Path) -> None:
    out = tmp_path / "run"
    benchmark("prior", corpus(), out=out, **QUICK)
    run = benchmark("prior", corpus(), out=out, seed=4, overwrite=True, **QUICK)
    assert run.record.config["seed"] == 4
    assert run.timings().height == 6


def test_the_report_is_made_by_whoever_asks_for_one(tmp_path: Path) -> None:
    def render(run: RunFolder) -> str:
        assert run.record.finished is not None
        return f"{run.estimates().height} numbers"

    run = benchmark("prior", corpus(), out=tmp_path / "run", render=render, **QUICK)
    assert run.read_text("report.html") == f"{run.estimates().height} numbers"


# -------------------------------------------------------------------------- mistakes


def test_all_wrong_settings_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        plan_benchmark("prior", corpus(), n_folds=1, limit=0, lvel=0.9)
    message = str(caught.value)
    assert "3 problems" in message
    for key in ("n_folds", "limit", "lvel"):
        assert key in message


def test_options_for_a_system_that_is_not_run_are_refused() -> None:
    with pytest.raises(ConfigError, match="not run"):
        plan_benchmark("prior", corpus(), options={"scripted": {"accuracy": 1}})


def test_options_reach_their_system() -> None:
    task = plan_benchmark("scripted", corpus(), options={"scripted": {"accuracy": 0.25}})
    system = task.systems["scripted"]
    assert isinstance(system, ScriptedBaseline)
    assert system.accuracy == 0.25


def test_two_systems_or_corpora_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two corpora have the same name"):
        plan_benchmark("prior", [corpus(), corpus()])
    with pytest.raises(ConfigError, match="two systems have the same name"):
        plan_benchmark(["prior", "prior"], corpus())


def test_nothing_to_run_or_to_run_it_on_is_refused() -> None:
    with pytest.raises(ConfigError):
        plan_benchmark([], corpus())
    with pytest.raises(ConfigError):
        plan_benchmark("prior", [])


def test_a_training_part_without_labels_is_refused(tmp_path: Path) -> None:
    made = corpus()
    train_1 = made.folds.filter((pl.col("fold") == "1") & (pl.col("split") == "train"))
    emotion = (
        pl.when(pl.col("utterance_id").is_in(train_1["utterance_id"].to_list()))
        .then(None)
        .otherwise(pl.col("emotion"))
        .alias("emotion")
    )
    made = replace(made, utterances=made.utterances.with_columns(emotion))
    with pytest.raises(CorpusError, match="no training utterance of demo, fold 1"):
        benchmark("prior", made, out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()
