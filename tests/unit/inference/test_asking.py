"""Asking a language system: rows, seeds, faults, resume, and what it never sees."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import MissingDependencyError, RunError, StorageError
from equivoice.inference import Asking, Cell, Plan, Shard, Silence, run_cell
from equivoice.inference.asking import cell_batches
from equivoice.models import Decoding, Draw, LanguageBackend, OptionScores, Question, Said
from equivoice.models.scripted_language import ScriptedLanguageModel, ScriptedServer
from equivoice.prompting import load_prompt
from equivoice.records import PREDICTIONS, Label, LabelSpace, RunRecord
from equivoice.store import RunFolder

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
CELL = Cell("fake", "demo", "1", "user_labels", "given", "speech")
PROMPT = load_prompt("user_labels")
PLAN = Plan((CELL,), batch_size=3)
WORDY = {"exact": 0.6, "sentence": 0.2, "refusal": 0.1, "gibberish": 0.1}


def asking(**changed: Any) -> Asking:
    order = changed.pop("order", "given")
    standard: dict[str, Any] = {"temperatures": (0.0, 1.0), "runs": 3}
    return Asking(PROMPT, PROMPT.options(SPACE, order=order), **(standard | changed))


def utterances(count: int = 8, **columns: Any) -> pl.DataFrame:
    ids = [f"demo/{number}" for number in range(count)]
    table = {
        "utterance_id": ids,
        "audio": [f"/sound/{number}.wav" for number in range(count)],
        "duration": [float(number % 4 + 1) for number in range(count)],
        "speaker": ["x"] * count,
        "emotion": ["happy"] * count,
        "valence": [0.5] * count,
    }
    return pl.DataFrame(table | columns)


def fake(**changed: Any) -> ScriptedLanguageModel:
    labels = {f"demo/{number}": SPACE.names[number % 3] for number in range(400)}
    return ScriptedLanguageModel(labels, **({"wordings": WORDY} | changed))


def open_run(folder: Path) -> RunFolder:
    run = RunFolder.open(folder)
    run.save_record(RunRecord(verb="benchmark", config={}))
    return run


def run_in(
    folder: Path,
    backend: Any,
    frame: pl.DataFrame | None = None,
    *,
    how: Asking | None = None,
    plan: Plan = PLAN,
    cell: Cell = CELL,
) -> pl.DataFrame:
    with open_run(folder) as run:
        run_cell(
            backend,
            utterances() if frame is None else frame,
            cell,
            plan=plan,
            run=run,
            label_space=SPACE,
            asking=how or asking(),
        )
        run.gather_predictions()
        return run.predictions()


# --------------------------------------------------------------------------- the rows


def test_a_row_an_answer_and_one_more_a_temperature_for_the_options(tmp_path: Path) -> None:
    table = run_in(tmp_path, fake())
    assert table.filter(system="fake").height == 8 * 2 * 3
    assert table.filter(system="fake/options").height == 8 * 2
    row = table.filter(system="fake", utterance_id="demo/1", temperature=0.0, run=2).row(
        0, named=True
    )
    expected = {
        "prompt": "user_labels",
        "options": ["Angry", "Happy", "Sad"],
        "fold": "1",
        "modality": "speech",
        "label_space": "demo",
        "response": "Happy",
        "status": "parsed",
        "emotion": "happy",
        "probabilities": None,
        "outside": None,
        "reason": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert row["seed"] == asking().seed(0, "demo/1", 0.0, 2)


def test_option_rows_hold_the_probabilities_over_the_label_space_whatever_the_order(
    tmp_path: Path,
) -> None:
    how = asking(order="shuffled-2")
    assert how.options.labels != SPACE.names
    table = run_in(tmp_path, fake(confidence=0.8), how=how).filter(system="fake/options")
    row = table.filter(utterance_id="demo/2", temperature=1.0).row(0, named=True)
    assert row["run"] is None
    assert row["seed"] is None
    assert row["emotion"] == "sad"
    assert row["probabilities"][2] == pytest.approx(0.8 * 0.6)
    assert sum(row["probabilities"]) == pytest.approx(0.6)
    assert row["outside"] == pytest.approx(0.4)


def test_where_every_option_is_impossible_none_is_chosen(tmp_path: Path) -> None:
    table = run_in(tmp_path, fake(wordings={"refusal": 1.0})).filter(system="fake/options")
    assert set(table.get_column("status")) == {"unparsed"}
    assert table.get_column("outside").to_list() == [1.0] * 16


def test_where_the_settings_allow_no_option_the_models_own_order_gives_the_label(
    tmp_path: Path,
) -> None:
    class CutOff(ScriptedLanguageModel):
        """Its checkpoint's top-k leaves no option; temperature 0 is impossible too."""

        def option_logprobs(
            self, prefix: Any, options: Any, temperatures: Any, decoding: Decoding
        ) -> OptionScores:
            own = super().option_logprobs(prefix, options, [1.0] * len(temperatures), decoding)
            if decoding.top_k == 0 and min(temperatures) > 0:
                return own
            return OptionScores(np.full_like(own.logprobs, -np.inf), np.ones_like(own.outside))

    labels = {f"demo/{number}": "sad" for number in range(8)}
    table = run_in(tmp_path, CutOff(labels)).filter(system="fake/options")
    assert set(table.get_column("emotion")) == {"sad"}
    assert set(table.get_column("outside")) == {1.0}
    assert {sum(shares) for shares in table.get_column("probabilities")} == {0.0}


def test_greedy_answers_are_asked_for_once_and_stored_for_every_run(tmp_path: Path) -> None:
    asked: list[int] = []

    class Counting(ScriptedLanguageModel):
        def sample(self, prefix: Any, draws: Any, decoding: Decoding) -> list[list[Said]]:
            asked.extend(len(each) for each in draws)
            return super().sample(prefix, draws, decoding)

    table = run_in(tmp_path, Counting(), how=asking(runs=5)).filter(temperature=0.0)
    assert set(asked) == {1 + 5}
    assert table.filter(system="fake").height == 8 * 5
    same = table.filter(system="fake").group_by("utterance_id").agg(pl.col("response").n_unique())
    assert set(same.get_column("response")) == {1}


def test_a_system_that_can_only_answer_has_no_option_rows(tmp_path: Path) -> None:
    labels = {f"demo/{number}": "sad" for number in range(8)}
    table = run_in(tmp_path, ScriptedServer(labels, cost=0.25))
    assert set(table.get_column("system")) == {"fake"}
    timings = RunFolder.read(tmp_path).timings()
    assert set(timings.get_column("stage")) == {"ask"}
    # greedy answers are paid for once: 1 + 3 an utterance
    assert timings.get_column("cost").sum() == pytest.approx(8 * 4 * 0.25)


def test_a_server_and_a_prefix_give_the_same_answers(tmp_path: Path) -> None:
    labels = {f"demo/{number}": "sad" for number in range(8)}
    first = run_in(tmp_path / "a", ScriptedServer(labels, confidence=0.4))
    second = run_in(
        tmp_path / "b",
        ScriptedLanguageModel(labels, confidence=0.4),
        how=asking(option_scores=False),
    )
    assert first.equals(second)


# -------------------------------------------------------------------------- the seeds


@given(
    st.sets(
        st.tuples(
            st.sampled_from(["demo/1", "demo/2"]),
            st.sampled_from(["given", "shuffled-2"]),
            st.sampled_from([0.0, 0.2, 1.0, 1.2]),
            st.integers(0, 50),
        ),
        min_size=2,
    ),
    st.integers(0, 3),
)
def test_every_answer_has_a_seed_of_its_own(
    places: set[tuple[str, str, float, int]], root: int
) -> None:
    seeds = {
        asking(order=order).seed(root, utterance, temperature, run)
        for utterance, order, temperature, run in places
    }
    assert len(seeds) == len(places)


def test_an_answer_does_not_depend_on_what_else_is_asked(tmp_path: Path) -> None:
    much = run_in(tmp_path / "a", fake(), how=asking(temperatures=(0.5, 1.0, 1.5), runs=6))
    little = run_in(tmp_path / "b", fake(), how=asking(temperatures=(1.0,), runs=2))
    shared = much.join(
        little, on=["utterance_id", "system", "temperature", "run"], how="semi", nulls_equal=True
    )
    assert shared.equals(little)


def test_samples_follow_the_option_probabilities(tmp_path: Path) -> None:
    """Hoeffding: a share of 400 × 50 independent answers is off by 0.02 once in 3 million."""
    runs, count = 50, 400
    table = run_in(
        tmp_path,
        fake(confidence=0.5),
        utterances(count),
        how=asking(temperatures=(1.3,), runs=runs),
        plan=Plan((CELL,), batch_size=None),
    )
    scores = table.filter(system="fake/options")
    answers = table.filter(system="fake")
    for place, option in enumerate(("Angry", "Happy", "Sad")):
        expected = scores.select(pl.col("probabilities").list.get(place).mean()).item()
        share = answers.filter(response=option).height / (runs * count)
        bound = math.sqrt(math.log(2 * 3e6) / (2 * runs * count))
        assert abs(share - expected) <= bound, option
    outside = scores.get_column("outside").mean()
    said = Counter(answers.get_column("response").to_list())
    exact = sum(said[option] for option in ("Angry", "Happy", "Sad")) / (runs * count)
    assert isinstance(outside, float)
    assert abs((1 - exact) - outside) <= 0.02


# ------------------------------------------------------------------------- the batches


def test_utterances_of_like_length_are_asked_together_the_longest_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_in(tmp_path / "run", fake(log=str(log)))
    assert [line.split() for line in log.read_text(encoding="utf-8").splitlines()] == [
        ["demo/3", "demo/7", "demo/2"],
        ["demo/6", "demo/1", "demo/5"],
        ["demo/0", "demo/4"],
    ]


def test_without_a_batch_size_a_batch_is_16_utterances_or_two_minutes() -> None:
    plan = Plan((CELL,), batch_size=None)
    short = cell_batches(utterances(40), CELL, plan)
    assert [len(batch.utterance_ids) for batch in short] == [16, 16, 8]
    long = cell_batches(utterances(5, duration=[50.0, 50.0, 50.0, 200.0, None]), CELL, plan)
    assert [batch.utterance_ids for batch in long] == [
        ("demo/3",),
        ("demo/0", "demo/1"),
        ("demo/2", "demo/4"),
    ]


@given(st.lists(st.floats(0.1, 300), min_size=1, max_size=60), st.integers(1, 7))
def test_the_shards_of_a_cell_hold_each_batch_once(lengths: list[float], shards: int) -> None:
    frame = utterances(len(lengths), duration=lengths)
    whole = cell_batches(frame, CELL, Plan((CELL,), batch_size=2))
    dealt = [
        batch
        for number in range(1, shards + 1)
        for batch in Plan((CELL,), shard=Shard(number, shards)).own(CELL, whole)
    ]
    assert sorted(dealt, key=lambda batch: batch.number) == list(whole)


# --------------------------------------------------------------------- what it is shown


@dataclass
class Spy:
    """A backend that remembers all that it was given."""

    name: str = "spy"
    family: str = "spy"
    modalities: frozenset[str] = frozenset({"speech", "transcript"})
    questions: list[Question] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        return {}

    def answer(
        self,
        questions: Sequence[Question],
        draws: Sequence[Sequence[Draw]],
        decoding: Decoding,  # noqa: ARG002 - the protocol has it
    ) -> list[list[Said]]:
        self.questions.extend(questions)
        return [[Said("sad")] * len(each) for each in draws]


def test_a_language_system_sees_no_label_no_fold_and_no_group(tmp_path: Path) -> None:
    spy = Spy()
    assert isinstance(spy, LanguageBackend)
    frame = utterances(emotion=["QQemotion"] * 8).with_columns(
        fold=pl.lit("QQfold"), gender=pl.lit("QQgender"), transcript=pl.lit("QQwords")
    )
    run_in(tmp_path, spy, frame)
    assert len(spy.questions) == 8
    for question in spy.questions:
        assert "QQ" not in repr(question)
    clip = spy.questions[0].clip
    assert clip is not None
    assert clip.path == "/sound/3.wav"


def test_a_transcript_is_shown_where_it_is_asked_for_and_then_no_sound(tmp_path: Path) -> None:
    spy = Spy()
    cell = Cell("fake", "demo", "1", "user_labels", "given", "transcript")
    frame = utterances(transcript=[f"words {n}" for n in range(8)])
    run_in(tmp_path, spy, frame, cell=cell, plan=Plan((cell,)))
    by_name = {question.utterance_id: question for question in spy.questions}
    text = "".join(turn.text for turn in by_name["demo/5"].turns)
    assert "words 5" in text
    assert by_name["demo/5"].clip is None


# -------------------------------------------------------------------------- the faults


def test_one_bad_sound_costs_its_own_answers_only(tmp_path: Path) -> None:
    backend = fake(fail_on=["demo/2"], silent_on=["demo/5"])
    table = run_in(tmp_path, backend)
    assert table.height == 8 * (2 * 3 + 2)
    failed = table.filter(status="failed")
    assert set(failed.get_column("utterance_id")) == {"demo/2", "demo/5"}
    assert failed.height == 2 * (2 * 3 + 2)
    reasons = dict(failed.select("utterance_id", "reason").unique("utterance_id").iter_rows())
    assert "cannot be used" in reasons["demo/2"]
    clean = run_in(tmp_path / "clean", fake())
    rest = pl.col("utterance_id").is_in(["demo/2", "demo/5"])
    assert table.filter(~rest).equals(clean.filter(~rest))


def test_an_utterance_without_sound_is_a_failed_answer(tmp_path: Path) -> None:
    paths = [None, *(f"/sound/{n}.wav" for n in range(1, 8))]
    table = run_in(tmp_path, fake(), utterances(audio=paths))
    failed = table.filter(status="failed")
    assert set(failed.get_column("utterance_id")) == {"demo/0"}
    assert "has no sound" in failed.get_column("reason")[0]


class Broken(ScriptedServer):
    """Raises what it is given."""

    error: Exception = ValueError("broken")

    def answer(self, *_: Any) -> Any:  # type: ignore[override]
        raise self.error


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RunError("the server is gone"), RunError),
        (OSError(28, "No space left on device"), StorageError),
        (MissingDependencyError("torch", extra="models", purpose="models"), MissingDependencyError),
        (TypeError("a mistake in the program"), TypeError),
    ],
)
def test_hopeless_faults_end_the_run(
    tmp_path: Path, error: Exception, raised: type[Exception]
) -> None:
    broken = Broken()
    broken.error = error
    with pytest.raises(raised, match=str(error).split("\n", maxsplit=1)[0].rpartition("] ")[2]):
        run_in(tmp_path, broken)


def test_failure_on_the_whole_first_batch_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"each of the first 3 utterances.*ValueError: broken"):
        run_in(tmp_path, Broken())


def test_a_backend_that_breaks_its_protocol_is_named(tmp_path: Path) -> None:
    class Short(ScriptedServer):
        def answer(self, questions: Any, draws: Any, decoding: Any) -> Any:
            return super().answer(questions, draws, decoding)[:-1]

    with pytest.raises(RunError, match=r"'fake' broke its protocol.*answers"):
        run_in(tmp_path, Short())


def test_a_language_system_needs_to_be_told_how_it_is_asked(tmp_path: Path) -> None:
    with open_run(tmp_path) as run, pytest.raises(RunError, match="nothing says how"):
        run_cell(fake(), utterances(), CELL, plan=PLAN, run=run, label_space=SPACE)


# --------------------------------------------------------------------------- the resume


class Interrupted(Exception):
    """Stands for whatever ends a process."""


class StopAfter(Silence):
    """Progress that ends the run after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def advanced(self, cell: Cell | None, predictions: int) -> None:
        assert predictions
        self.left -= 1
        if self.left < 0:
            raise Interrupted(str(cell))


@settings(max_examples=15, deadline=None)
@given(batches=st.integers(0, 2), torn=st.integers(0, 3000))
def test_a_cell_that_was_cut_anywhere_ends_with_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, batches: int, torn: int
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    whole = run_in(folder / "whole", fake())
    with open_run(folder / "cut") as run:
        arguments: dict[str, Any] = {"plan": PLAN, "run": run, "label_space": SPACE}
        with pytest.raises(Interrupted):
            run_cell(
                fake(),
                utterances(),
                CELL,
                asking=asking(),
                progress=StopAfter(batches),
                **arguments,
            )
        (journal,) = (folder / "cut" / "cells").glob("*.jsonl")
        content = journal.read_bytes()
        journal.write_bytes(content[: max(0, len(content) - torn)])
    log = folder / "log"
    assert run_in(folder / "cut", fake(log=str(log))).equals(whole)
    # what is stored whole is not asked again
    asked = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    assert len(asked) <= 3 - batches + (0 if torn == 0 else 3)
    if torn == 0:
        assert len(asked) == 3 - batches - 1


def test_progress_counts_answers_and_what_was_there(tmp_path: Path) -> None:
    told: list[int] = []

    class Told(Silence):
        def found(self, cell: Cell | None, predictions: int) -> None:
            assert cell == CELL
            told.append(-predictions)

        def advanced(self, cell: Cell | None, predictions: int) -> None:
            assert cell == CELL
            told.append(predictions)

    with open_run(tmp_path) as run:
        arguments: dict[str, Any] = {"plan": PLAN, "run": run, "label_space": SPACE}
        with pytest.raises(Interrupted):
            run_cell(
                fake(), utterances(), CELL, asking=asking(), progress=StopAfter(1), **arguments
            )
        run_cell(fake(), utterances(), CELL, asking=asking(), progress=Told(), **arguments)
    assert told == [-36, 12]


def test_the_rows_keep_the_schema(tmp_path: Path) -> None:
    table = run_in(tmp_path, fake())
    assert PREDICTIONS.validate(table).equals(table)
