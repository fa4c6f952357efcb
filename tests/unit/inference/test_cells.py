"""Running a cell: resume, isolation of failures, what is hidden from a system."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import MissingDependencyError, RunError, StorageError
from equivoice.inference import Answer, Cell, Plan, Silence, predict_rows, run_cell
from equivoice.models import FloatArray
from equivoice.models.scripted import ScriptedRecognizer
from equivoice.records import Label, LabelSpace, RunRecord
from equivoice.store import RunFolder

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
CELL = Cell("scripted", "demo", "1")
PLAN = Plan((CELL,), batch_size=3)


def utterances(count: int = 8) -> pl.DataFrame:
    ids = [f"demo/{number}" for number in range(count)]
    return pl.DataFrame(
        {
            "utterance_id": ids,
            "speaker": ["x"] * count,
            "emotion": ["happy"] * count,
            "valence": [0.5] * count,
        }
    )


@dataclass
class Watched:
    """A recogniser that remembers what it was shown."""

    inner: ScriptedRecognizer = field(default_factory=lambda: ScriptedRecognizer(SPACE))
    batches: list[list[str]] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    prepared: list[list[str]] = field(default_factory=list)
    name: str = "scripted"
    label_space: LabelSpace = SPACE

    def prepare(self, utterances: pl.DataFrame) -> None:
        self.prepared.append(utterances.get_column("utterance_id").to_list())
        self.columns |= set(utterances.columns)

    def predict(self, utterances: pl.DataFrame) -> FloatArray:
        self.batches.append(utterances.get_column("utterance_id").to_list())
        self.columns |= set(utterances.columns)
        return self.inner.predict(utterances)


@dataclass
class Faulty:
    """A recogniser that raises, or returns, whatever it is told to."""

    act: Callable[[list[str]], FloatArray]
    name: str = "faulty"
    label_space: LabelSpace = SPACE

    def predict(self, utterances: pl.DataFrame) -> FloatArray:
        return self.act(utterances.get_column("utterance_id").to_list())


def raising(error: Exception, on: str | None = None) -> Faulty:
    def act(names: list[str]) -> FloatArray:
        if on is None or on in names:
            raise error
        return np.full((len(names), 3), 1 / 3)

    return Faulty(act)


def open_run(folder: Path) -> RunFolder:
    run = RunFolder.open(folder)
    run.save_record(RunRecord(verb="benchmark", config={}))
    return run


def done(recognizer: object, folder: Path, frame: pl.DataFrame | None = None) -> pl.DataFrame:
    with open_run(folder) as run:
        table = utterances() if frame is None else frame
        run_cell(recognizer, table, CELL, plan=PLAN, run=run, label_space=SPACE)  # type: ignore[arg-type]
        run.gather_predictions()
    return RunFolder.read(folder).predictions()


# --------------------------------------------------------------------- the plain case


def test_every_utterance_is_answered_once_in_the_batches_of_the_plan(tmp_path: Path) -> None:
    watched = Watched()
    table = done(watched, tmp_path)
    assert watched.batches == [
        list(batch.utterance_ids) for batch in PLAN.batches(watched.prepared[0])
    ]
    assert table.get_column("utterance_id").to_list() == [f"demo/{n}" for n in range(8)]
    assert set(table.get_column("status")) == {"parsed"}
    row = table.row(0, named=True)
    assert (row["system"], row["fold"], row["label_space"], row["modality"]) == (
        "scripted",
        "1",
        "demo",
        "speech",
    )
    assert sum(row["probabilities"]) == pytest.approx(1)


def test_the_system_is_shown_no_label(tmp_path: Path) -> None:
    watched = Watched()
    done(watched, tmp_path)
    assert watched.columns == {"utterance_id", "speaker"}


def test_a_transductive_system_sees_the_whole_test_set_first(tmp_path: Path) -> None:
    watched = Watched()
    done(watched, tmp_path)
    assert watched.prepared == [[f"demo/{number}" for number in range(8)]]


# ----------------------------------------------------------------------------- resume


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 8))
def test_a_run_cut_anywhere_ends_with_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    whole = Watched()
    done(whole, folder / "whole")
    first = predicted(kept)
    with open_run(folder / "cut") as run:
        run.append_predictions(CELL.name, first)
    again = Watched()
    done(again, folder / "cut")
    one, two = ((folder / name / "predictions.parquet").read_bytes() for name in ("whole", "cut"))
    assert one == two
    # What is stored whole is not asked again; the rest comes in the same batches.
    assert again.batches == whole.batches[kept // PLAN.batch_size if kept < 8 else 3 :]
    assert again.prepared == ([] if kept == 8 else whole.prepared)


def predicted(count: int) -> pl.DataFrame:
    frame = utterances().head(count)
    answers = [
        Answer(name, row)
        for name, row in zip(
            frame.get_column("utterance_id"), ScriptedRecognizer(SPACE).predict(frame), strict=True
        )
    ]
    if not answers:
        from equivoice.records import PREDICTIONS

        return PREDICTIONS.empty()
    return predict_rows(answers, CELL, SPACE, SPACE)


def test_progress_counts_what_was_there_before(tmp_path: Path) -> None:
    steps: list[int] = []

    class Counter(Silence):
        def found(self, cell: Cell | None, predictions: int) -> None:
            self.advanced(cell, -predictions)

        def advanced(self, cell: Cell | None, predictions: int) -> None:
            assert cell == CELL
            steps.append(predictions)

    with open_run(tmp_path) as run:
        run.append_predictions(CELL.name, predicted(4))
        count = run_cell(
            ScriptedRecognizer(SPACE),
            utterances(),
            CELL,
            plan=PLAN,
            run=run,
            label_space=SPACE,
            progress=Counter(),
        )
    assert steps == [-3, 3, 2]
    assert count == 5


# ------------------------------------------------------------------------------ faults


def test_a_failing_utterance_does_not_take_its_batch_with_it(tmp_path: Path) -> None:
    fake = ScriptedRecognizer(SPACE, fail_on=frozenset({"demo/4"}))
    table = done(fake, tmp_path)
    failed = table.filter(pl.col("status") == "failed")
    assert failed.get_column("utterance_id").to_list() == ["demo/4"]
    assert "the script says to fail here" in failed.get_column("reason")[0]
    assert failed.select("emotion", "probabilities").row(0) == (None, None)
    assert table.filter(pl.col("status") == "parsed").height == 7


def test_a_silent_utterance_counts_as_failed(tmp_path: Path) -> None:
    table = done(ScriptedRecognizer(SPACE, silent_on=frozenset({"demo/0"})), tmp_path)
    assert table.row(0, named=True)["status"] == "failed"
    assert table.row(0, named=True)["reason"] == "the system gave no answer"


@pytest.mark.parametrize(
    "row", [[0.5, 0.5, 0.5], [1.5, -0.5, 0.0], [np.inf, 0.0, 0.0], [0.2, np.nan, 0.8]]
)
def test_what_is_no_distribution_is_a_failure_and_not_an_answer(
    tmp_path: Path, row: list[float]
) -> None:
    def act(names: list[str]) -> FloatArray:
        good = [0.2, 0.3, 0.5]
        return np.array([row if name == "demo/1" else good for name in names])

    table = done(Faulty(act), tmp_path)
    failed = table.filter(pl.col("status") == "failed")
    assert failed.get_column("utterance_id").to_list() == ["demo/1"]
    assert failed.get_column("reason").to_list() == ["the answer is no probability distribution"]


@pytest.mark.parametrize(
    "error", [ValueError("bad\nsound"), RuntimeError(), OSError("broken"), ZeroDivisionError("x")]
)
def test_common_faults_of_one_utterance_are_isolated_and_named(
    tmp_path: Path, error: Exception
) -> None:
    table = done(raising(error, on="demo/5"), tmp_path)
    failed = table.filter(pl.col("status") == "failed")
    assert failed.get_column("utterance_id").to_list() == ["demo/5"]
    reason = failed.get_column("reason")[0]
    assert type(error).__name__ in reason
    assert "\n" not in reason


@pytest.mark.parametrize("error", [TypeError("bug"), AttributeError("bug"), MemoryError()])
def test_mistakes_in_a_program_are_not_hidden(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)):
        done(raising(error, on="demo/5"), tmp_path)


def test_a_missing_package_ends_the_run(tmp_path: Path) -> None:
    error = MissingDependencyError("soundfile", extra="audio", purpose="sound")
    with pytest.raises(MissingDependencyError):
        done(raising(error), tmp_path)


def test_a_full_disk_while_predicting_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No space left"):
        done(raising(OSError(errno.ENOSPC, "No space left on device"), on="demo/4"), tmp_path)


def test_a_first_batch_that_fails_whole_ends_the_run_and_stores_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"failed on each of the first 3 .* broken"):
        done(raising(ValueError("broken")), tmp_path)
    assert RunFolder.read(tmp_path).predictions().is_empty()


def test_a_later_batch_that_fails_whole_is_stored_as_failed(tmp_path: Path) -> None:
    def act(names: list[str]) -> FloatArray:
        if "demo/0" not in names:
            raise_value()
        return np.full((len(names), 3), 1 / 3)

    table = done(Faulty(act), tmp_path)
    assert table.filter(pl.col("status") == "failed").height == 5


def raise_value() -> NoReturn:
    raise ValueError("broken")


def test_an_array_of_the_wrong_shape_breaks_the_protocol(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"shape \(3, 2\) where \(3, 3\) was due"):
        done(Faulty(lambda names: np.ones((len(names), 2)) / 2), tmp_path)


# ------------------------------------------------------------------ other label spaces


def test_labels_that_the_corpus_lacks_become_mass_outside() -> None:
    given_space = LabelSpace("other", (Label("sad"), Label("bored"), Label("angry")))
    answers = [
        Answer("a/1", np.array([0.5, 0.2, 0.3])),
        Answer("a/2", np.array([0.1, 0.8, 0.1])),
    ]
    table = predict_rows(answers, CELL, given_space, SPACE)
    first, second = table.rows(named=True)
    assert first["probabilities"] == [0.3, 0.0, 0.5]
    assert (first["emotion"], first["status"], first["outside"]) == ("sad", "parsed", 0.2)
    assert (second["emotion"], second["status"], second["response"]) == (None, "unparsed", "bored")
    assert second["outside"] == 0.8


def test_ties_are_decided_by_the_order_of_the_labels() -> None:
    table = predict_rows([Answer("a/1", np.array([0.2, 0.4, 0.4]))], CELL, SPACE, SPACE)
    assert table.get_column("emotion").to_list() == ["happy"]
    assert table.get_column("outside").to_list() == [None]
